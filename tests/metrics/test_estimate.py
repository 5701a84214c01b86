from __future__ import annotations

import math

import numpy as np
import pytest

from worldsim.agents.score import half_width
from worldsim.metrics.estimate import Tally, jackknife, mean, share


def test_one_value_a_row_is_the_mean_with_students_interval() -> None:
    values = np.random.default_rng(0).normal(3, 2, 40)
    found = mean(values, np.ones(40))
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.value == pytest.approx(half_width(values))
    assert found.n == 40


def test_a_ratio_weighs_rows_by_their_chances() -> None:
    found = mean(np.array([1.0, 30.0, 9.0]), np.array([1, 10, 0]))  # the row without a chance does not count
    assert found.value == pytest.approx(31 / 11)
    assert found.n == 11


def test_the_interval_covers_although_steps_of_a_row_are_alike() -> None:
    """Every row repeats its own coin 30 times: the 95 % interval must know that there are 50 coins, not 1,500."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(300):
        hits = 30.0 * (rng.random(50) < 0.3)
        found = share(hits, np.full(50, 30))
        covered += found.low <= 0.3 <= found.high
    assert 0.91 < covered / 300 < 0.99


@pytest.mark.parametrize("hit", [0, 1])
def test_no_spread_is_not_certainty(hit: int) -> None:
    found = share(np.full(20, 50.0 * hit), np.full(20, 50))
    assert found.value == hit
    assert (found.low, found.high)[1 - hit] == pytest.approx(hit + (1 - 2 * hit) * 1.96**2 / (20 + 1.96**2), abs=1e-3)


def test_nothing_counted_is_nothing() -> None:
    found = share(np.zeros(3), np.zeros(3))
    assert math.isnan(found.value)
    assert found.to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    groups = np.random.default_rng(2).normal(0, 1, (10, 7)).mean(1)
    found = jackknife(lambda kept: float(groups[list(kept)].mean()), 70)
    assert found.value == pytest.approx(groups.mean())
    assert found.high - found.value == pytest.approx(half_width(groups))


def test_tally_adds_rows_wherever_they_stand() -> None:
    tally = Tally(3)
    tally.add("walls", np.array([[True, False], [True, True]]), np.ones((2, 2)), np.array([2, 0]))
    tally.add("walls", np.array([0, 1, 0]), np.array([0, 1, 0]))
    assert tally.estimates()["walls"].value == pytest.approx(4 / 5)
