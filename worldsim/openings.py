"""Openings: short stretches of real play from which dreams begin, and the states a model has after following them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from worldsim.data.episode import Episode
from worldsim.data.recording import Recording
from worldsim.data.shard import About, Shard, read_shard, write_shard
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State, WorldModel, select, where

_TOGETHER = 32  # openings that are followed in one batch: always the same ones, so that the result never varies


class Openings:
    """A shard of short episodes, and (for one model) the state at the end of each.

    A model looks at the first frame and follows the rest; the state that it then has is kept, so that the next dream
    from the same opening begins at once. Noise is keyed by the opening's number alone.
    """

    def __init__(self, path: Path | str) -> None:
        if not Path(path).is_file():
            raise BadInput(f"expected openings at {path}, found no such file; copy the world folder again")
        self.shard: Shard = read_shard(Path(path))
        self._warm: WeakKeyDictionary[WorldModel, dict[torch.device, list[State | None]]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self.shard)

    def save(self, path: Path) -> None:
        """Copy the shard to ``path``."""
        if path.resolve() != self.shard.path.resolve():
            shutil.copyfile(self.shard.path, path)

    def episode(self, index: int) -> Episode:
        """The stretch of real play number ``index``."""
        if not 0 <= index < len(self):
            raise BadInput(f"expected an opening from 0 to {len(self) - 1}, got {index}")
        return self.shard.episode(index)

    def states(self, model: WorldModel, indices: Tensor, device: torch.device) -> State:
        """The model's states after openings ``indices`` (n,): a State of n streams."""
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise BadInput(f"expected openings from 0 to {len(self) - 1}, got {indices.tolist()}")
        groups = self._warm.setdefault(model, {}).setdefault(device, [None] * -(-len(self) // _TOGETHER))
        pieces = []
        for group in torch.unique(indices // _TOGETHER).tolist():
            if groups[group] is None:
                numbers = range(group * _TOGETHER, min((group + 1) * _TOGETHER, len(self)))
                groups[group] = warm_up(model, [self.shard.episode(i) for i in numbers], numbers[0], device)
            pieces.append((group, groups[group]))
        out: State = {}
        for group, states in pieces:
            assert states is not None
            rows = (indices // _TOGETHER == group).to(device)
            chosen = select(states, (indices % _TOGETHER).to(device)[rows])
            for name, value in chosen.items():
                out.setdefault(name, value.new_empty(len(indices), *value.shape[1:]))[rows] = value
        return out


def warm_up(model: WorldModel, episodes: Sequence[Episode], first: int, device: torch.device) -> State:
    """The states after following each of ``episodes`` to its end; stream i draws the noise of opening first + i."""
    longest = max(len(e) for e in episodes)
    key = stream_keys(torch.arange(first, first + len(episodes), device=device) - (1 << 40))
    length = torch.tensor([len(e) for e in episodes], device=device)

    def frame(t: int) -> Tensor:
        return torch.from_numpy(np.stack([e.frames[min(t, len(e))] for e in episodes])).to(device)

    def noise(t: int) -> Tensor:
        return normals(key, torch.full_like(key, t), model.noise_size)

    state = model.start(frame(0), noise(0))
    for t in range(longest):
        action = torch.from_numpy(np.stack([e.actions[min(t, len(e) - 1)] for e in episodes])).to(device)
        state = where(t < length, model.follow(state, action, frame(t + 1), noise(t + 1)), state)
    return state


def pick_openings(recording: Recording, count: int, longest: int, seed: int, whole: bool) -> list[Episode]:
    """Stretches for a new world: ``count`` episodes, each followed for 1 to ``longest`` steps and never to its end.

    Args:
        recording: where they come from.
        count: how many, at most; a short recording gives fewer.
        longest: most steps of a stretch.
        seed: of the choice.
        whole: begin each at its episode's first frame (for models that count steps), else anywhere.
    """
    rng = np.random.default_rng(seed)
    chosen: list[Episode] = []
    for i in rng.permutation(len(recording)):
        total = int(recording.lengths[i])
        if total < 3 or len(chosen) == count:
            continue
        steps = int(rng.integers(1, min(longest, total - 2) + 1))
        begin = 0 if whole else int(rng.integers(0, total - 1 - steps))
        chosen.append(cut(recording[int(i)], begin, steps))
    if not chosen:
        raise BadInput(f"{recording.path}: no episode is long enough for an opening (3 steps); record longer ones")
    return chosen


def cut(episode: Episode, begin: int, steps: int) -> Episode:
    """``steps`` steps of an episode, not ended."""
    end = begin + steps
    return replace(
        episode,
        frames=episode.frames[begin : end + 1],
        actions=episode.actions[begin:end],
        rewards=episode.rewards[begin:end],
        terminated=False,
        truncated=True,
    )


def write_openings(path: Path, episodes: Iterable[Episode], about: About) -> Openings:
    """Write stretches to a new shard and open it."""
    write_shard(path, list(episodes), about)
    return Openings(path)
