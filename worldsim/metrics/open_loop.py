"""Open loop: real episodes followed for some steps, then imagined with the same actions, beside what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.metrics import kinds as k
from worldsim.metrics.episodes import Episodes, Shown, imagined, replayed
from worldsim.metrics.estimate import Estimate, Tally
from worldsim.metrics.look import Eyes
from worldsim.metrics.reality import Reality
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State, WorldModel

HORIZONS = (0, 1, 5, 15, 30, 60)
"""Imagined steps at which dream and reality are compared; 0 is what a world shows of a frame it was just given."""


class OpenLoop:
    """Compares one source with what happened; batches of episodes are added up."""

    def __init__(self, rows: int, horizons: Iterable[int] = HORIZONS) -> None:
        self.tally, self.horizons = Tally(rows), sorted(set(horizons))
        self.begun = 0  # rows of earlier batches

    def dream(
        self, world: World, episodes: Episodes, eyes: Eyes | None, seed: int, temperature: float, device: str
    ) -> None:
        """Add a world's dreams of a batch."""
        truth = followed(world.model, episodes, device)
        drift = _Drift(world.model)
        for t, shown in imagined(world, episodes, seed, temperature, device, set(self.horizons)):
            seen = next(truth)
            if t in self.horizons and shown.state is not None and t > 0 and world.kind != "copy":
                alive = episodes.alive[t] & ~shown.over
                apart, counts = drift.measure(shown.state, seen, alive)
                rows = self._rows(len(episodes))
                self.tally.add(f"drift of the state, step {t}", apart, counts, rows, is_share=False)
            self._step(t, shown, episodes, eyes)
        self.begun += len(episodes)

    def replay(self, reality: Reality, episodes: Episodes, eyes: Eyes | None) -> None:
        """Add the game's own answer with other chance: what is left to chance, no world can know."""
        for t, shown in replayed(reality, episodes, 1, set(self.horizons)):
            self._step(t, shown, episodes, eyes)
        self.begun += len(episodes)

    def _rows(self, count: int) -> NDArray[np.int64]:
        return self.begun + np.arange(count)

    def _step(self, t: int, shown: Shown, episodes: Episodes, eyes: Eyes | None) -> None:
        if t == 0:
            self._score = np.zeros((2, len(episodes)))
        else:
            self._score += np.stack([shown.rewards, episodes.rewards[t - 1]])
        if t not in self.horizons:
            return
        both, rows = np.flatnonzero(episodes.alive[t] & ~(shown.over & (t > 0))), self._rows(len(episodes))
        if t:
            wrong = np.abs(self._score[0] - self._score[1])
            self.tally.add(f"score off by, step {t}", wrong, np.ones(len(rows)), rows, is_share=False)
            running = ~episodes.over[t]
            self.tally.add(f"ended though the game went on, step {t}", shown.over & running, running, rows)
        if len(both):
            self._pixels(
                t, shown.frames[both], episodes.frames[t, both], episodes.frames[max(0, t - 1), both], rows[both]
            )
            if eyes is not None and episodes.truth is not None:
                self._cells(t, both, shown, episodes, eyes, rows[both])

    def _pixels(self, t: int, made: NDArray, real: NDArray, before: NDArray, rows: NDArray) -> None:
        """Absolute error as share of the full scale: of all pixels, and of those that changed in the last real step."""
        error = np.abs(made.astype(np.int16) - real).mean(-1) / 255
        self.tally.add(f"pixel error, step {t}", error, np.ones_like(error), rows, is_share=False)
        if t:
            moved = (real != before).any(-1)
            self.tally.add(f"pixel error where it moved, step {t}", error * moved, moved, rows, is_share=False)

    def _cells(self, t: int, both: NDArray, shown: Shown, episodes: Episodes, eyes: Eyes, rows: NDArray) -> None:
        truth = episodes.truth
        assert truth is not None
        settled = ~episodes.over[t, both]  # the truth of an episode's last frame is not kept
        both, rows = both[settled], rows[settled]
        if len(both) == 0:
            return
        made, real, known = eyes.look(shown.frames[both]).kinds, truth.kinds[t, both], truth.known[t, both]
        assert made is not None

        def add(name: str, hits: NDArray, of: NDArray, is_share: bool = True) -> None:
            self.tally.add(f"{name}, step {t}", hits & of if is_share else hits, of, rows, is_share)

        wall = (made == k.WALL) != (real == k.WALL)
        add("walls wrong where it has looked", wall, known)
        add("walls wrong where it never looked", wall, ~known)
        hidden = k.moving(made) | k.moving(real)
        add("food that returns", made == k.FOOD, known & (real == k.NOTHING) & ~hidden)
        add("food lost", made != k.FOOD, known & (real == k.FOOD) & ~hidden)
        there = np.stack([(real == k.GHOST + g).any((1, 2)) for g in range(4)], 1)  # (n, 4)
        drawn = np.stack([(made == k.GHOST + g).any((1, 2)) for g in range(4)], 1)
        add("ghosts lost", ~drawn, there)
        add("ghosts too many, a frame", (drawn & ~there).sum(1), np.ones(len(rows)), is_share=False)

    def findings(self) -> dict[str, Estimate]:
        """By name and step."""
        return self.tally.estimates()


def followed(model: WorldModel, episodes: Episodes, device: str) -> Iterator[State]:
    """The states of a model that is shown every real frame, from the start on."""
    starts = episodes.starts
    key = stream_keys(torch.from_numpy(starts.seeds)).to(device)
    steps = torch.from_numpy(starts.steps).to(device)
    state = starts.followed(model, device)
    yield state
    for t, action in enumerate(episodes.actions, 1):
        frame = torch.from_numpy(episodes.frames[t]).to(device)
        with torch.inference_mode():
            noise = normals(key, steps + t, model.noise_size)
            state = model.follow(state, torch.from_numpy(np.ascontiguousarray(action)).to(device), frame, noise)
        yield state


class _Drift:
    """How far the features of a dream are from those of the same world that sees what happens.

    ``|o_dream - o_real| / |o_real - o_real of another row|``: 0 at first, 1 where they have nothing in common any more.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model = model

    @torch.inference_mode()
    def measure(self, dreamed: State, real: State, alive: NDArray) -> tuple[NDArray, NDArray]:
        """Distance (B,) in units of the usual one between two rows, and which rows count (B,)."""
        a, b = self.model.observe(dreamed).flatten(1).double(), self.model.observe(real).flatten(1).double()
        rows = np.flatnonzero(alive)
        apart, counts = np.zeros(len(alive)), np.zeros(len(alive))
        if len(rows) > 1:
            usual = (b[rows] - b[np.roll(rows, 1)]).norm(dim=1).mean().clamp(min=1e-12)
            apart[rows], counts[rows] = ((a[rows] - b[rows]).norm(dim=1) / usual).cpu().numpy(), 1
        return apart, counts
