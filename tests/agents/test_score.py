from __future__ import annotations

import json
import math

import numpy as np
import pytest

from worldsim.agents.score import Score, half_width, student_t


def score(returns: list[float]) -> Score:
    return Score("a", "e", np.array(returns), np.arange(1, len(returns) + 1), first_seed=100)


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (30, 2.0423), (999, 1.9623)],
)
def test_students_t_against_the_tables(degrees, quantile):
    assert student_t(degrees) == pytest.approx(quantile, rel=1.5e-3)


def test_numbers_of_four_returns():
    four = score([1.0, 2.0, 3.0, 4.0])
    assert (four.n, four.mean, four.length, four.seeds) == (4, 2.5, 2.5, (100, 103))
    assert four.sd == pytest.approx(math.sqrt(5 / 3))
    assert four.high - four.mean == pytest.approx(3.1824 * math.sqrt(5 / 3) / 2, rel=2e-3)
    assert four.mean - four.low == pytest.approx(four.high - four.mean)


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.normal(3.0, 2.0, (2000, 6))
    covered = [abs(sample.mean() - 3.0) <= half_width(sample) for sample in samples]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_one_episode_has_no_interval_and_json_no_nan():
    one = score([7.0])
    assert math.isnan(one.low)
    stored = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert stored["low"] is None
    assert stored["returns"] == [7.0]
    assert "returns" not in one.to_json(episodes=False)
