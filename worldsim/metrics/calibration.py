"""Calibration: dreamed against real reward and ending, given the true pictures and by horizon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.metrics.episodes import Episodes, Shown, imagined, replayed
from worldsim.metrics.estimate import GROUPS, NOTHING, Estimate, Tally, jackknife
from worldsim.metrics.games import RealGames
from worldsim.metrics.open_loop import followed
from worldsim.metrics.reality import Reality, other_chance
from worldsim.noise import normals, stream_keys

REPEATS = 8
"""Draws of chance for one step, of which the mean is what a world expects: worlds show samples, not probabilities."""
HORIZONS = (1, 5, 15, 30)
Draw = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
"""Rows (n,) that run, the reward expected of each, the probability of ending."""


class Calibration:
    """Compares expected reward and probability of ending with what happened; batches of episodes are added up."""

    def __init__(self, rows: int) -> None:
        self.tally, self.begun = Tally(rows), 0
        self._steps: list[NDArray[np.float64]] = []  # (n, 3): row, probability of ending, whether it ended

    def dream(self, world: World, episodes: Episodes, seed: int, temperature: float, device: str) -> None:
        """Add a world's expectations of a batch."""
        self._one_step(episodes, _expected(world, episodes, seed, temperature, device))
        self._roll(episodes, imagined(world, episodes, seed, temperature, device, set()))
        self.begun += len(episodes)

    def replay(self, reality: Reality, episodes: Episodes) -> None:
        """Add the game itself with other chance: as good as knowing everything but the dice."""
        self._one_step(episodes, _real_expected(reality, episodes))
        self._roll(episodes, replayed(reality, episodes, 1, set()))
        self.begun += len(episodes)

    def happened(self, episodes: Episodes) -> None:
        """Add what happened: means by horizon only."""
        none = np.zeros((0,), np.uint8)
        rewards = np.concatenate([np.zeros((1, len(episodes))), episodes.rewards])
        self._roll(episodes, ((t, Shown(none, rewards[t], over)) for t, over in enumerate(episodes.over)))
        self.begun += len(episodes)

    def _one_step(self, episodes: Episodes, draws: Iterator[Draw]) -> None:
        for t, (rows, reward, chance) in enumerate(draws):
            real, ended = episodes.rewards[t, rows], episodes.over[t + 1, rows].astype(float)
            ones, at = np.ones(len(rows)), self.begun + rows

            def add(name: str, values: NDArray, ones: NDArray = ones, at: NDArray = at) -> None:
                self.tally.add(f"{name}, one step", values, ones, at, is_share=False)

            add("reward expected minus real", reward - real)
            add("reward expected, off by", np.abs(reward - real))
            add("endings expected minus real", chance - ended)
            add("Brier score of endings", np.square(chance - ended))
            self._steps.append(np.stack([at.astype(float), chance, ended], 1))

    def _roll(self, episodes: Episodes, shown: Iterator[tuple[int, Shown]]) -> None:
        """Means by horizon, under the real actions."""
        score, rows = np.zeros(len(episodes)), self.begun + np.arange(len(episodes))
        for t, step in shown:
            score = score + step.rewards
            if t in HORIZONS:
                ones = np.ones(len(episodes))
                self.tally.add(f"reward up to step {t}", score, ones, rows, is_share=False)
                self.tally.add(f"still running after step {t}", ~step.over, ones, rows)

    def findings(self) -> dict[str, Estimate]:
        """By name."""
        found = self.tally.estimates()
        if self._steps:
            steps = np.concatenate(self._steps)
            group = steps[:, 0].astype(int) % GROUPS

            def error(groups: Sequence[int]) -> float:
                kept = np.isin(group, list(groups))
                return calibration_error(steps[kept, 1], steps[kept, 2])

            enough = all((group == g).any() for g in range(GROUPS))
            found["calibration error of endings (ECE), one step"] = jackknife(error, len(steps)) if enough else NOTHING
        return found


def calibration_error(chance: NDArray[np.float64], ended: NDArray[np.float64], bins: int = REPEATS + 1) -> float:
    """Expected calibration error: ``sum_b n_b / n |mean chance - share ended|`` over bins of equal width.

    Source: Naeini, Cooper & Hauskrecht 2015. The chance is itself a mean of a few draws, which alone makes the error
    of a perfect model larger than 0; the game's own, with other chance, is the floor to read it against.

    Args:
        chance: (n,) in [0, 1].
        ended: (n,) 0 or 1.
        bins: centred on the values that a mean of ``bins - 1`` draws can have.
    """
    place = np.rint(chance * (bins - 1)).astype(int)
    difference = np.bincount(place, chance - ended, bins)
    return float(np.abs(difference).sum() / len(chance))


def _expected(world: World, episodes: Episodes, seed: int, temperature: float, device: str) -> Iterator[Draw]:
    """What a world expects of each step, having seen all that happened before."""
    model = world.model
    key = stream_keys(torch.from_numpy(episodes.starts.seeds) + (seed << 32) + 2).to(device)
    for t, state in enumerate(followed(model, episodes, device)):
        rows = np.flatnonzero(~episodes.over[t])
        if t == episodes.horizon or len(rows) == 0:
            return
        index = torch.from_numpy(rows).to(device)
        part = {name: value[index] for name, value in state.items()}
        if "temperature" in part:
            part["temperature"] = torch.full_like(part["temperature"], temperature)
        action = torch.from_numpy(np.ascontiguousarray(episodes.actions[t][rows])).to(device)
        reward, chance = np.zeros(len(rows)), np.zeros(len(rows))
        for number in range(REPEATS):
            noise = normals(key[index], torch.full_like(index, t * REPEATS + number), model.noise_size)
            with torch.inference_mode():
                made = model.imagine(part, action, noise)
            reward += made.reward.cpu().numpy() / REPEATS
            chance += made.terminated.cpu().numpy() / REPEATS
        yield rows, reward, chance


def _real_expected(reality: Reality, episodes: Episodes) -> Iterator[Draw]:
    """The same of the game itself: it is played as it was, and at each step also with other chance."""
    assert episodes.truth is not None
    course, other = RealGames(reality, len(episodes), 0), RealGames(reality, len(episodes), 0)
    course.begin_at(episodes.truth.start)
    for t, action in enumerate(episodes.actions):
        rows = np.flatnonzero(~episodes.over[t])
        if len(rows) == 0:
            return
        assert course.game is not None
        reward, chance = np.zeros(len(episodes)), np.zeros(len(episodes))
        for number in range(1, REPEATS + 1):
            other.begin_at(other_chance(course.game.state, number))
            turn = other.step(action)
            reward += turn.rewards / REPEATS
            chance += turn.ended / REPEATS
        yield rows, reward[rows], chance[rows]
        course.step(action)
