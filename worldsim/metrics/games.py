"""Real games and dreamed ones, played alike: B rows of either, replaced as they end."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.dream import Dream, Snapshot
from worldsim.envs.pacman.types import PacManState
from worldsim.metrics.reality import SEED_STRIDE, SEEDS, Frames, Reality, game_of
from worldsim.metrics.starts import LONGEST, Queue
from worldsim.noise import stream_keys
from worldsim.protocol import State


class Turn(NamedTuple):
    """One step of all rows."""

    frames: Frames  # (B, H, W, C) after it; of a game that ended, its last
    rewards: NDArray[np.float64]  # (B,)
    ended: NDArray[np.bool_]  # (B,)
    age: NDArray[np.int64]  # (B,) steps since the row's start: 1 is the first; below 1 it is not there yet


class Played(Protocol):
    """B games; a row that ended begins anew before the next step."""

    name: str
    frames: Frames  # (B, H, W, C) before the next step

    def step(self, actions: NDArray[Any]) -> Turn:
        """Play one action in every row."""


class RealGames:
    """Real games. Each row begins to count 1 to 8 steps into its game, where a dream would begin."""

    def __init__(self, reality: Reality, rows: int, seed: int, name: str = "real") -> None:
        self.name, self.rows = name, rows
        self.venv = reality.open(rows)
        self.game = game_of(self.venv)
        self.frames: Frames = self.venv.reset(seed=SEEDS + seed * SEED_STRIDE)[0]
        self._rng = np.random.default_rng([seed, 7])
        self._age = -self._rng.integers(1, LONGEST + 1, rows)

    def begin_at(self, truth: PacManState) -> None:
        """Go on from B other games, which all count from here."""
        assert self.game is not None
        self.game.set_state(truth)
        self.frames = self.game.observe()
        self._age[:] = 0

    def step(self, actions: NDArray[Any]) -> Turn:
        shown, rewards, terminated, truncated, info = self.venv.step(actions)
        ended, self._age = terminated | truncated, self._age + 1
        self.frames, last = shown.copy(), shown
        if ended.any():
            last = shown.copy()
            for row in np.flatnonzero(ended):
                last[row] = info["final_obs"][row]
        turn = Turn(last, np.asarray(rewards, np.float64), ended, self._age.copy())
        self._age[ended] = -self._rng.integers(1, LONGEST + 1, int(ended.sum()))
        return turn


class DreamedGames:
    """Dreams of one world, each from where it has followed a real game for 1 to 8 steps.

    Args:
        world: that dreams.
        reality: whose games it follows.
        rows: B.
        seed: of the games and of the dreams' chance.
        temperature: of the dreams.
        device: where the world is.
        at: B states to go on from; then nothing is replaced, and who plays must mind the ends.
    """

    def __init__(
        self,
        world: World,
        reality: Reality,
        rows: int,
        seed: int,
        temperature: float,
        device: str,
        at: State | None = None,
    ) -> None:
        self.name, self.rows = world.name, rows
        self.dream = Dream(world, rows, temperature=1.0 if world.kind == "copy" else temperature, device=device)
        self._queue = Queue(world, reality, min(rows, 256), seed, device)
        self._games, self._replaced = rows, at is None
        self._seed = seed << 32
        key = stream_keys(self._seed + torch.arange(rows)).to(device)
        nought = torch.zeros_like(key)
        self.dream.set_state(Snapshot(self._queue.take(rows) if at is None else at, key, nought, nought))
        self.dream.temperature = self.dream.temperature
        self.frames: Frames = self.dream.render().cpu().numpy()

    def step(self, actions: NDArray[Any]) -> Turn:
        imagined = self.dream.step(torch.from_numpy(np.ascontiguousarray(actions)))
        ended = imagined.terminated.cpu().numpy()
        last = self.frames = self.dream.render().cpu().numpy()
        turn = Turn(last, imagined.reward.cpu().numpy().astype(np.float64), ended, self.dream.age.cpu().numpy().copy())
        if self._replaced and ended.any():
            self._renew(np.flatnonzero(ended))
        return turn

    def _renew(self, rows: NDArray[np.int64]) -> None:
        """Begin some rows at the next starts."""
        _, key, age, opening = self.dream.get_state()
        index = torch.from_numpy(rows).to(key.device)
        fresh = self._queue.take(len(rows))
        keys = stream_keys(self._seed + self._games + torch.arange(len(rows))).to(key.device)
        self._games += len(rows)
        state = {name: value.index_copy(0, index, fresh[name]) for name, value in self.dream.state.items()}
        self.dream.set_state(Snapshot(state, key.index_copy(0, index, keys), age.index_fill(0, index, 0), opening))
        self.dream.temperature = self.dream.temperature
        self.frames = self.frames.copy()
        self.frames[rows] = self.dream.render(index).cpu().numpy()
