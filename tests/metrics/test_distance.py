from __future__ import annotations

import numpy as np
import pytest

from worldsim.metrics import kinds as k
from worldsim.metrics.distance import configurations, frechet, kernel_distance


def test_frechet_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    a, b, shift = np.array([4.0, 1, 9, 0.25, 0]), np.array([1.0, 1, 4, 4, 1]), rng.normal(size=5)
    expected = np.square(shift).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()  # they share their axes
    found = frechet(np.zeros(5), turn @ np.diag(a) @ turn.T, shift, turn @ np.diag(b) @ turn.T)
    assert found == pytest.approx(expected, abs=1e-6)
    assert frechet(shift, turn @ np.diag(a) @ turn.T, shift, turn @ np.diag(a) @ turn.T) == pytest.approx(0, abs=1e-6)


def test_frechet_of_covariances_that_do_not_commute() -> None:
    """In two dimensions Tr (AB)^(1/2) = sqrt(Tr AB + 2 sqrt(det AB))."""
    a, b = np.array([[2.0, 1], [1, 3]]), np.array([[5.0, -2], [-2, 1]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    found = frechet(np.zeros(2), a, np.zeros(2), b)
    assert found == pytest.approx(np.trace(a) + np.trace(b) - 2 * root)


def test_kernel_distance_by_hand() -> None:
    a, b = np.array([[1.0], [2.0]]), np.array([[0.0], [-1.0]])
    within_a, within_b = (1 * 2 + 1) ** 3, (0 * -1 + 1) ** 3
    between = np.mean([(x * y + 1) ** 3 for x in (1, 2) for y in (0, -1)])
    assert kernel_distance([a], [b]) == pytest.approx(within_a + within_b - 2 * between)


def test_kernel_distance_is_unbiased_and_sees_a_shift() -> None:
    rng = np.random.default_rng(1)
    same = [kernel_distance([rng.normal(size=(30, 4))], [rng.normal(size=(30, 4))]) for _ in range(300)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(300)
    assert kernel_distance([rng.normal(size=(30, 4)) + 1], [rng.normal(size=(30, 4))]) > 5 * np.std(same)


def test_configurations_number_squares_of_walls_and_food() -> None:
    kinds = np.full((1, 3, 4), k.NOTHING, np.uint8)
    kinds[0, 0, 0], kinds[0, 2, 2], kinds[0, 1, 1] = k.WALL, k.FOOD, k.GHOST  # a ghost is neither
    assert configurations(kinds).tolist() == [[1 + 2 * 3**8, 2 * 3**7]]
