"""Starts: where every measure begins, some steps into real games that nobody trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.envs.pacman.types import PacManState
from worldsim.metrics.reality import SEED_STRIDE, SEEDS, Frames, Reality, Wanderer, game_of
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State, WorldModel, select, where

LONGEST = 8
"""A start is 1 to so many steps after its game's beginning, as the openings of worlds are."""


@dataclass(frozen=True)
class Starts:
    """B stretches of real play; row b is used up to its own step."""

    frames: Frames  # (LONGEST + 1, B, H, W, C)
    actions: NDArray  # (LONGEST, B, ...)
    steps: NDArray[np.int64]  # (B,) from 1 to LONGEST
    seeds: NDArray[np.int64]  # (B,) of the games
    truth: PacManState | None  # of B games at their steps, where it is exposed

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> Frames:
        """(B, H, W, C) the frame at which each start ends."""
        return self.frames[self.steps, np.arange(len(self))]

    @torch.inference_mode()
    def followed(self, model: WorldModel, device: str) -> State:
        """What a world knows after following each of them: a state of B streams."""
        key = stream_keys(torch.from_numpy(self.seeds)).to(device)

        def noise(t: int) -> torch.Tensor:
            return normals(key, torch.full_like(key, t), model.noise_size)

        state: State = model.start(torch.from_numpy(self.frames[0]).to(device), noise(0))
        for t in range(int(self.steps.max())):
            frame, action = (
                torch.from_numpy(self.frames[t + 1]).to(device),
                torch.from_numpy(self.actions[t]).to(device),
            )
            state = where(
                torch.from_numpy(t < self.steps).to(device), model.follow(state, action, frame, noise(t + 1)), state
            )
        return state


def starts(reality: Reality, rows: int, seed: int) -> Iterator[Starts]:
    """Starts for ever, about ``rows`` at a time, the same ones for a seed; games that ended early are left out."""
    venv = reality.open(rows)
    game, first = game_of(venv), SEEDS + seed * SEED_STRIDE
    while True:
        rng, wander = np.random.default_rng(first), Wanderer(venv.single_action_space, rows, first)
        seeds, steps = first + np.arange(rows), rng.integers(1, LONGEST + 1, rows)
        frames, actions = [venv.reset(seed=int(first))[0].copy()], []
        running, truth = np.ones(rows, bool), None if game is None else game.state.copy()
        for t in range(1, LONGEST + 1):
            actions.append(wander.act().copy())
            shown, _, terminated, truncated, _ = venv.step(actions[-1])
            frames.append(shown.copy())
            running &= ~(terminated | truncated) | (t > steps)
            if game is not None and truth is not None and (here := np.flatnonzero(steps == t)).size:
                truth.put(here, game.state.take(here))
        kept = np.flatnonzero(running)
        if len(kept):
            yield Starts(
                np.stack(frames)[:, kept],
                np.stack(actions)[:, kept],
                steps[kept],
                seeds[kept],
                None if truth is None else truth.take(kept),
            )
        first += rows


def first_starts(reality: Reality, rows: int, seed: int) -> Starts:
    """Exactly ``rows`` of them."""
    found = []
    for batch in starts(reality, rows, seed):
        found.append(batch)
        if sum(map(len, found)) >= rows:
            break
    kept = [
        batch if (left := rows - sum(map(len, found[:i]))) >= len(batch) else _cut(batch, left)
        for i, batch in enumerate(found)
    ]
    truths = [b.truth for b in kept if b.truth is not None]
    return Starts(
        np.concatenate([b.frames for b in kept], 1),
        np.concatenate([b.actions for b in kept], 1),
        np.concatenate([b.steps for b in kept]),
        np.concatenate([b.seeds for b in kept]),
        joined(truths) if truths else None,
    )


def joined(states: list[PacManState]) -> PacManState:
    """Several batches of games as one."""
    return PacManState(**{name: np.concatenate([getattr(s, name) for s in states]) for name in vars(states[0])})


def _cut(batch: Starts, rows: int) -> Starts:
    truth = None if batch.truth is None else batch.truth.take(np.arange(rows))
    return Starts(batch.frames[:, :rows], batch.actions[:, :rows], batch.steps[:rows], batch.seeds[:rows], truth)


class Queue:
    """A world's states at one start after another."""

    def __init__(self, world: World, reality: Reality, rows: int, seed: int, device: str) -> None:
        self.world, self.device = world, device
        self._batches = starts(reality, rows, seed)
        self._used = self._size = 0
        self._state: State = {}

    def take(self, count: int) -> State:
        """The next ``count`` states."""
        pieces: list[State] = []
        while count:
            if self._used == self._size:
                batch = next(self._batches)
                self._state, self._used, self._size = batch.followed(self.world.model, self.device), 0, len(batch)
            number = min(count, self._size - self._used)
            pieces.append(select(self._state, torch.arange(self._used, self._used + number, device=self.device)))
            self._used, count = self._used + number, count - number
        return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
