"""Distances between two sets of features, and how much of what occurs in one occurs in the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from worldsim.metrics import kinds as k
from worldsim.metrics.estimate import GROUPS, NOTHING, Estimate, jackknife, share
from worldsim.metrics.inverse import InverseModel
from worldsim.metrics.own_play import Step

Floats = NDArray[np.float64]
SIDE = 3  # cells along a side of a local configuration
COMMON = 10
"""How often a configuration must occur in real play to be looked for."""


def frechet(mean_a: Floats, cov_a: Floats, mean_b: Floats, cov_b: Floats) -> float:
    """Frechet distance of two Gaussians: ``|mu_a - mu_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))``.

    Source: Dowson & Landau 1982; on features, Heusel et al. 2017 (arXiv:1706.08500). The trace of the root is that of
    ``(S_a^(1/2) S_b S_a^(1/2))^(1/2)``, which is symmetric, so eigenvalues of symmetric matrices are enough. Biased
    upwards by about the number of features over n: print it beside the floor of real against real.

    Shapes:
        means (F,), covariances (F, F).
    """
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    both = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * both)


def kernel_sums(x: Floats, y: Floats) -> tuple[float, float]:
    """Sum of ``(x . y / F + 1)^3`` over all pairs, and over the pairs of equal rows (0 where the sets differ)."""
    cube = (x @ y.T / x.shape[1] + 1) ** 3
    return float(cube.sum()), float(np.trace(cube)) if x is y else 0.0


def kernel_distance(a: list[Floats], b: list[Floats], kept: Sequence[int] | None = None) -> float:
    """Unbiased squared maximum mean discrepancy with the cubic kernel (Binkowski et al. 2018, arXiv:1801.01401).

    ``mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j)``; 0 on average for two samples
    of one distribution, at any n; may be negative.

    Args:
        a: groups of features (n_g, F).
        b: as many groups.
        kept: numbers of the groups to use; all if None.
    """
    x = np.concatenate([a[g] for g in (range(len(a)) if kept is None else kept)])
    y = np.concatenate([b[g] for g in (range(len(b)) if kept is None else kept)])
    (xx, same_x), (yy, same_y), (xy, _) = kernel_sums(x, x), kernel_sums(y, y), kernel_sums(x, y)
    n, m = len(x), len(y)
    return (xx - same_x) / (n * (n - 1)) + (yy - same_y) / (m * (m - 1)) - 2 * xy / (n * m)


class Gallery:
    """Watches any game and keeps features of its pictures and transitions, and counts local configurations.

    A configuration is a square of 3 x 3 cells, each a wall, food or anything else: what generates the board.
    """

    def __init__(self, rows: int, inverse: InverseModel, every: int) -> None:
        self.rows, self.inverse, self.every, self._steps = rows, inverse, every, 0
        self.pictures: list[list[Floats]] = [[] for _ in range(GROUPS)]
        self.transitions: list[list[Floats]] = [[] for _ in range(GROUPS)]
        self.configurations = np.zeros((rows, 3 ** (SIDE * SIDE)), np.uint32)

    def see(self, step: Step) -> None:
        self._steps += 1
        if self._steps % self.every:
            return
        _, transitions = self.inverse.judge(step.before.small, step.after.small)
        counted = step.age >= 1
        for group in range(GROUPS):
            rows = np.flatnonzero(counted & (np.arange(self.rows) % GROUPS == group))
            self.transitions[group].append(transitions.numpy()[rows].astype(np.float64))
            if step.after.feature is not None:
                self.pictures[group].append(step.after.feature.numpy()[rows].astype(np.float64))
        if step.after.kinds is not None:
            rows = np.flatnonzero(counted)
            found = configurations(step.after.kinds[rows])
            np.add.at(self.configurations, (np.repeat(rows, found.shape[1]), found.reshape(-1)), 1)

    def findings(self) -> dict[str, Estimate]:
        """Nothing alone: a gallery is compared with another."""
        return {}


def configurations(kinds: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number of every 3 x 3 square of pictures (B, R, C): (B, squares)."""
    digit = np.where(kinds == k.WALL, 1, np.where(kinds == k.FOOD, 2, 0))
    squares = np.lib.stride_tricks.sliding_window_view(digit, (SIDE, SIDE), (1, 2))
    flat = squares.reshape(len(kinds), squares.shape[1] * squares.shape[2], SIDE * SIDE)
    return flat @ 3 ** np.arange(SIDE * SIDE)


def compare(real: Gallery, other: Gallery) -> dict[str, Estimate]:
    """Distances of another gallery from the real one; features are scaled by the real ones' mean and spread."""
    found: dict[str, Estimate] = {}
    for what, mine, theirs in (
        ("pictures", real.pictures, other.pictures),
        ("transitions", real.transitions, other.transitions),
    ):
        a, b = (
            [np.concatenate(part) if part else np.zeros((0, 0)) for part in mine],
            [np.concatenate(part) if part else np.zeros((0, 0)) for part in theirs],
        )
        if min(map(len, a)) < 2 or min(map(len, b)) < 2:
            found |= (
                {f"Frechet distance of {what}": NOTHING, f"kernel distance of {what}": NOTHING} if a[0].size else {}
            )
            continue
        found |= _distances(what, a, b)
    if real.configurations.any():
        found |= _coverage(real.configurations, other.configurations)
    return found


def _distances(what: str, a: list[Floats], b: list[Floats]) -> dict[str, Estimate]:
    whole = np.concatenate(a)
    spread = whole.std(0)
    used = spread > 1e-3 * spread.max()
    middle, scale = whole.mean(0)[used], spread[used].clip(min=0.05 * spread.max())
    a, b = [(x[:, used] - middle) / scale for x in a], [(x[:, used] - middle) / scale for x in b]
    n = min(sum(map(len, a)), sum(map(len, b)))

    def between(kept: Sequence[int]) -> float:
        x, y = np.concatenate([a[g] for g in kept]), np.concatenate([b[g] for g in kept])
        return frechet(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))

    return {
        f"Frechet distance of {what}": jackknife(between, n),
        f"kernel distance of {what}": jackknife(lambda kept: kernel_distance(a, b, kept), n),
    }


def _coverage(real: NDArray[np.uint32], other: NDArray[np.uint32]) -> dict[str, Estimate]:
    occurs, seen = real.sum(0), other.sum(0) > 0
    common = occurs >= COMMON
    new = other[:, occurs == 0].sum(1)
    return {
        "real local configurations that occur": share(seen[common], np.ones(int(common.sum()))),
        "local configurations that reality did not show": share(new, other.sum(1)),
    }
