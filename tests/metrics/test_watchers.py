"""Census and obedience on pictures whose truth is known: real play, and real play with faults put in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldsim.envs.pacman.env import PacManVectorEnv
from worldsim.metrics import kinds as k
from worldsim.metrics.census import Census
from worldsim.metrics.look import Look
from worldsim.metrics.moves import grown, seen, shifted
from worldsim.metrics.own_play import Step
from worldsim.metrics.reality import true_kinds

ROWS = 200


def play(steps: int, task: str = "flag") -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """(before, action, after, moved) of games that go on."""
    venv = PacManVectorEnv(ROWS, task=task)
    venv.reset(seed=11)
    rng, found = np.random.default_rng(0), []
    for _ in range(steps):
        before, place = true_kinds(venv.state, 7), venv.state.player.copy()
        action = rng.integers(0, 5, ROWS)
        _, _, terminated, truncated, _ = venv.step(action)
        on = ~(terminated | truncated)
        moved = (venv.state.player != place).any(1)
        found.append((before[on], action[on], true_kinds(venv.state, 7)[on], moved[on]))
    return found


def test_what_moved_is_seen_wherever_it_can_be_told() -> None:
    told = 0
    for before, action, after, moved in play(12):
        moves = seen(before, action, after)
        np.testing.assert_array_equal(moves.went[moves.tells], moved[moves.tells])
        np.testing.assert_array_equal(moves.blocked[action > 0], ~moved[action > 0])
        told += int(moves.tells.sum())
    assert told > 1000


def test_shifting_and_growing() -> None:
    mask = np.zeros((1, 3, 3), bool)
    mask[0, 1, 1] = True
    assert shifted(mask, np.array([[0, -1]]))[0].tolist() == [[False] * 3, [False, False, True], [False] * 3]
    assert not shifted(mask, np.array([[2, 0]])).any()
    assert grown(mask)[0].astype(int).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


def census(steps: list, spoil: object = None) -> dict[str, float]:
    watcher = Census(ROWS)
    for before, action, after, _ in steps:
        shown = after if spoil is None else spoil(before.copy(), action, after.copy())  # type: ignore[operator]
        none = torch.zeros(0)
        watcher.see(Step(Look(none, before), action, Look(none, shown), np.ones(len(before), np.int64)))
    return {name.removesuffix(", steps 1-15"): found.value for name, found in watcher.findings().items()}


def test_the_real_game_passes() -> None:
    steps = play(15)
    found = census(steps)
    for name in ("walls kept", "player in the middle", "a ghost still there within a cell"):
        assert found[name] == 1, name
    for name in ("frames with a ghost twice", "ghosts on walls", "player on walls"):
        assert found[name] == 0, name
    ghosts = sum(k.ghosts(after).sum() for _, _, after, _ in steps) / sum(len(after) for _, _, after, _ in steps)
    assert found["ghosts on screen"] == pytest.approx(ghosts)


def test_what_comes_into_view_is_the_row_or_column_ahead() -> None:
    steps, food, cells = play(6), 0, 0
    for _, action, after, moved in steps:
        for went, kinds in zip(action[moved], after[moved], strict=True):
            ahead = {1: kinds[:, 0], 2: kinds[:, -1], 3: kinds[0], 4: kinds[-1]}[int(went)]
            food, cells = food + int((ahead == k.FOOD).sum()), cells + 7
    assert census(steps)["food in what comes into view"] == pytest.approx(food / cells)
    assert cells > 1000


def test_faults_are_found() -> None:
    steps = play(15)

    def no_blinky(before: np.ndarray, action: np.ndarray, after: np.ndarray) -> np.ndarray:
        return np.where(after == k.GHOST, k.NOTHING, after)

    assert 0.4 < census(steps, no_blinky)["a ghost still there within a cell"] < 0.8  # one of three

    def two_pinkies(before: np.ndarray, action: np.ndarray, after: np.ndarray) -> np.ndarray:
        after[:, 0, :2] = k.GHOST + 1
        return after

    assert census(steps, two_pinkies)["frames with a ghost twice"] == 1
    assert census(steps, two_pinkies)["ghosts on walls"] > 0.2

    def through_walls(before: np.ndarray, action: np.ndarray, after: np.ndarray) -> np.ndarray:
        went = shifted(before == k.WALL, np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])[action])
        return np.where(went, k.WALL, np.where(after == k.WALL, k.NOTHING, after)).astype(np.uint8)

    assert census(steps, through_walls)["player on walls"] > 0.3
    assert census(steps, through_walls)["walls kept"] < 0.9
