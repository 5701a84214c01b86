"""Shift: sustained differences of real-numbered actions, a function of episode and step alone."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from worldsim.data.sb3_policy import parse_number
from worldsim.data.shift import HOLD, Shift
from worldsim.data.turn import Turn
from worldsim.errors import BadInput

SPACE = Box(np.array([-1, 0], np.float32), np.array([1, 4], np.float32))
MIDDLE = np.array([0, 2], np.float32)


def moved(shift: Shift, keys: np.ndarray, age: int) -> np.ndarray:
    actions = np.repeat(MIDDLE[None], len(keys), axis=0)
    return shift(actions, Turn(None, actions, np.full(len(keys), age), keys)) - MIDDLE


def test_it_stays_for_a_while_and_is_as_large_as_asked() -> None:
    keys = np.arange(4000, dtype=np.uint64) * np.uint64(12345678901)
    shift = Shift(SPACE, 0.5)
    first = moved(shift, keys, 0)
    assert np.array_equal(first, moved(shift, keys, HOLD - 1))
    second = moved(shift, keys, HOLD)
    assert not np.isclose(first, second).any(axis=1).all()
    assert first.dtype == np.float32
    halves = first / [1, 2]
    assert np.abs(halves).max() == pytest.approx(0.5, abs=0.02)
    assert np.abs(halves).mean() == pytest.approx(0.125, abs=0.005)  # of U(-s, s), s of U(0, .5)
    assert halves.mean(0) == pytest.approx([0, 0], abs=0.02)
    assert np.corrcoef(first.T)[0, 1] == pytest.approx(0, abs=0.05)
    assert np.corrcoef(np.abs(first[:, 0]), np.abs(second[:, 0]))[0, 1] > 0.2  # s is the episode's
    assert np.array_equal(first[7:9], moved(shift, keys[7:9], 0))  # whoever plays beside it


def test_it_stays_in_the_range() -> None:
    keys = np.arange(500, dtype=np.uint64)
    found = moved(Shift(SPACE, 2.0), keys, 3) + MIDDLE
    assert found.min(0) == pytest.approx([-1, 0])
    assert found.max(0) == pytest.approx([1, 4])


@pytest.mark.parametrize(
    ("spec", "path", "number"),
    [
        ("runs/a@0.3~0.6", "runs/a@0.3", 0.6),
        ("runs/a~1e-05", "runs/a", 1e-5),
        ("runs/a~-1", "runs/a", -1.0),
        ("~/a", "~/a", 0.0),
        ("~1", "~1", 0.0),
        ("runs/a~0.3.4", "runs/a~0.3.4", 0.0),
    ],
)
def test_specs(spec: str, path: str, number: float) -> None:
    assert parse_number(spec, "~") == (path, number)


def test_mistakes() -> None:
    with pytest.raises(BadInput, match="bounded Box of real numbers"):
        Shift(Discrete(3), 0.5)
    with pytest.raises(BadInput, match="bounded Box of real numbers"):
        Shift(Box(-np.inf, np.inf, (2,)), 0.5)
    with pytest.raises(BadInput, match="between 0 and 2, got 3"):
        Shift(SPACE, 3)
