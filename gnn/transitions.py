"""Recorded games as tensors: every transition of a recording in memory, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worldsim.data.recording import Recording
from worldsim.errors import BadInput
from worldsim.gnn.board import decode
from worldsim.protocol import State

_BOARD = ("cell", "doors", "homes", "home", "present")  # of an episode; all else changes from frame to frame


class TransitionBatch(NamedTuple):
    """Single steps of play."""

    before: State
    action: Tensor  # (B,) int64
    after: State
    reward: Tensor  # (B,) float32


class Transitions:
    """All steps of some recordings, whose frames have one size (the environment's ``pad`` makes them so).

    What belongs to a board is kept once an episode. A batch is a pure function of its number.

    Args:
        recordings: of `WorldSim/PacManGraph-v0` with observation="board".
        batch_size: B.
        seed: of the order.
        first_share: share of a batch that is drawn from first steps of episodes alone; they are few, and unlike the
            others: ghosts face where no ghost that has moved would face.
        most_episodes: take only so many, of all recordings alike.
        crop: (rows, cols) to keep of the frames, where boards are smaller than these; None keeps all.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        batch_size: int = 512,
        seed: int = 0,
        first_share: float = 0.1,
        most_episodes: int | None = None,
        crop: tuple[int, int] | None = None,
    ) -> None:
        shapes = {recording.frame_shape for recording in recordings}
        if len(shapes) != 1:
            raise BadInput(f"expected recordings with frames of one size, got {sorted(shapes)}; record with one pad")
        self.shape = shapes.pop() if crop is None else (*crop, shapes.pop()[2])
        self.batch_size, self.seed, self.first_share = batch_size, seed, first_share
        boards: dict[str, list[Tensor]] = {}
        frames: dict[str, list[Tensor]] = {}
        action, reward, begin, total = [], [], [], 0
        board: list[np.ndarray] = []
        for place, recording in enumerate(recordings):
            share = len(recording) if most_episodes is None else (most_episodes + place) // len(recordings)
            for index in range(min(len(recording), share)):
                episode = recording[index]
                kept = episode.frames[:, : self.shape[0], : self.shape[1]]
                state = decode(torch.from_numpy(np.ascontiguousarray(kept)))
                for name, value in state.items():
                    if name in _BOARD:
                        boards.setdefault(name, []).append(value[:1].clone())
                    else:
                        frames.setdefault(name, []).append(_small(name, value))
                begin.append(total + np.arange(len(episode)))
                total += len(episode) + 1
                board.append(np.full(len(episode), len(board)))
                action.append(np.asarray(episode.actions, np.int64))
                reward.append(episode.rewards)
        self.boards = {name: torch.cat(parts) for name, parts in boards.items()}
        self.frames = {name: torch.cat(parts) for name, parts in frames.items()}
        self.at, self.board = torch.from_numpy(np.concatenate(begin)), torch.from_numpy(np.concatenate(board))
        self.action = torch.from_numpy(np.concatenate(action))
        self.reward = torch.from_numpy(np.concatenate(reward))
        self.first = torch.from_numpy(np.cumsum([0, *[len(steps) for steps in begin[:-1]]]))

    def __len__(self) -> int:
        return len(self.at)

    def batch(self, index: int, rank: int = 0, world_size: int = 1) -> TransitionBatch:
        """Batch ``index`` of the endless sequence, drawn with replacement."""
        rng = np.random.default_rng([self.seed, index, rank])
        rows = rng.integers(0, len(self), self.batch_size)
        firsts = int(self.first_share * self.batch_size)
        rows[:firsts] = self.first.numpy()[rng.integers(0, len(self.first), firsts)]
        return self.take(torch.from_numpy(rows))

    def take(self, rows: Tensor) -> TransitionBatch:
        """The steps numbered ``rows``."""
        board = {name: value[self.board[rows]] for name, value in self.boards.items()}
        before, after = (
            {**board, **{name: _large(name, value[self.at[rows] + t]) for name, value in self.frames.items()}}
            for t in (0, 1)
        )
        return TransitionBatch(before, self.action[rows], after, self.reward[rows])

    def outcomes(self, limit: int) -> tuple[Tensor, Tensor]:
        """The commonest (reward, ending) pairs: (n,) float32 and (n,) int64."""
        ending = self.frames["outcome"][self.at + 1].long()
        pairs = torch.stack([self.reward.double(), ending.double()], 1)
        found, count = pairs.unique(dim=0, return_counts=True)
        kept = found[count.argsort(descending=True, stable=True)[:limit]]
        return kept[:, 0].float(), kept[:, 1].long()


def _small(name: str, value: Tensor) -> Tensor:
    return value if name == "items" else value.to(torch.int16)


def _large(name: str, value: Tensor) -> Tensor:
    return value if name == "items" else value.long()
