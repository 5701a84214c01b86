"""Estimate: a number with its 95 % interval and the count behind it; rows of play are the independent units."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.score import finite, student_t

GROUPS = 10
"""Of rows, for the jackknife."""


@dataclass(frozen=True)
class Estimate:
    """What was found; ``value`` is nan where nothing could be counted."""

    value: float
    low: float
    high: float
    n: int  # chances: cells, moves, frames, rows; the measure says which

    def to_json(self) -> dict[str, Any]:
        """A dictionary for json, which has no nan."""
        return {"value": finite(self.value), "low": finite(self.low), "high": finite(self.high), "n": self.n}


NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def mean(totals: NDArray[Any], counts: NDArray[Any]) -> Estimate:
    """The ratio ``sum(totals) / sum(counts)`` over rows (B,); steps of one row are not independent, rows are.

    The interval is the linearised one of a ratio of sums (Cochran 1977, "Sampling Techniques", 6.3):
    ``se^2 = B / (B - 1) sum_b (total_b - ratio count_b)^2 / (sum counts)^2`` over the B rows that count at all.
    """
    totals, counts = np.asarray(totals, np.float64), np.asarray(counts, np.float64)
    used = counts > 0
    totals, counts, rows = totals[used], counts[used], int(used.sum())
    if rows == 0:
        return NOTHING
    total = float(counts.sum())
    ratio = float(totals.sum()) / total
    if rows == 1:
        return Estimate(ratio, math.nan, math.nan, round(total))
    error = math.sqrt(rows / (rows - 1) * float(np.square(totals - ratio * counts).sum())) / total
    half = student_t(rows - 1) * error
    return Estimate(ratio, ratio - half, ratio + half, round(total))


def share(hits: NDArray[Any], chances: NDArray[Any]) -> Estimate:
    """The same for a share of chances: within [0, 1], and honest where no row or every row hit.

    Wilson's interval (1927) with the number of independent chances that the spread over rows speaks of,
    ``n_eff = p (1 - p) / se^2``; where p is 0 or 1 there is no spread, and each row counts as one chance.
    """
    found = mean(hits, chances)
    if found.n == 0:
        return found
    p, rows = found.value, int((np.asarray(chances) > 0).sum())
    error = (found.high - p) / student_t(rows - 1) if rows > 1 else math.nan
    certain = not 0 < p < 1 or not error > 0
    n = float(rows) if certain else p * (1 - p) / error**2
    z = NormalDist().inv_cdf(0.975)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Estimate(p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)), found.n)


def jackknife(statistic: Callable[[Sequence[int]], float], n: int, groups: int = GROUPS) -> Estimate:
    """A statistic of all groups of rows, with the delete-one-group jackknife's interval (Student's t).

    ``se^2 = (G - 1) / G sum_g (value without g - their mean)^2``.

    Args:
        statistic: of the groups whose numbers it is given.
        n: what to report as the count.
        groups: G.
    """
    value = statistic(range(groups))
    without = np.array([statistic([g for g in range(groups) if g != left]) for left in range(groups)])
    error = math.sqrt((groups - 1) / groups * float(np.square(without - without.mean()).sum()))
    half = student_t(groups - 1) * error
    return Estimate(value, value - half, value + half, n)


class Tally:
    """Sums by name and row: what was counted, of how many chances."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._sums: dict[str, NDArray[np.float64]] = {}  # (2, B)
        self._shares: dict[str, bool] = {}

    def add(
        self,
        name: str,
        hits: NDArray[Any],
        chances: NDArray[Any],
        rows: NDArray[Any] | None = None,
        is_share: bool = True,
    ) -> None:
        """Count hits of chances; both (n, ...) for the rows named (n,), or (B, ...) for all of them."""
        sums = self._sums.setdefault(name, np.zeros((2, self.rows)))
        self._shares[name] = is_share
        for line, what in zip(sums, (hits, chances), strict=True):
            total = np.asarray(what, np.float64).reshape(len(what), -1).sum(1)
            np.add.at(line, np.arange(self.rows) if rows is None else rows, total)

    def estimates(self) -> dict[str, Estimate]:
        """One for each name, in the order in which they were first counted."""
        return {name: (share if self._shares[name] else mean)(*sums) for name, sums in self._sums.items()}
