"""Score: what an agent's episodes add up to, with the interval that their number allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Score:
    """The returns of one agent in one environment.

    ``low`` and ``high`` bound the 95 % confidence interval of the mean over episodes (Student's t); nan for a single
    episode. It says how well *this* agent is known, not how much agents of other training seeds differ.
    """

    agent: str
    env: str
    returns: NDArray[np.float64]  # (n,) sum of rewards of each episode, in the environment's unit
    lengths: NDArray[np.int64]  # (n,) steps of each episode
    first_seed: int  # episode i began with seed first_seed + i
    cut: int = 0  # episodes stopped by evaluate's own limit of steps

    @property
    def n(self) -> int:
        """Episodes."""
        return len(self.returns)

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(self.returns.mean())

    @property
    def sd(self) -> float:
        """Standard deviation over episodes (n - 1 in the denominator)."""
        return float(self.returns.std(ddof=1)) if self.n > 1 else math.nan

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval of the mean."""
        return self.mean - half_width(self.returns)

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval of the mean."""
        return self.mean + half_width(self.returns)

    @property
    def length(self) -> float:
        """Mean steps of an episode."""
        return float(self.lengths.mean())

    @property
    def seeds(self) -> tuple[int, int]:
        """First and last seed of the episodes."""
        return self.first_seed, self.first_seed + self.n - 1

    def to_json(self, episodes: bool = True) -> dict[str, Any]:
        """A dictionary for json; with ``episodes`` every single return and length too."""
        summary: dict[str, Any] = {"agent": self.agent, "env": self.env, "n": self.n, "mean": self.mean}
        summary |= {"sd": finite(self.sd), "low": finite(self.low), "high": finite(self.high)}
        summary |= {"length": self.length, "seeds": list(self.seeds), "cut": self.cut}
        if episodes:
            summary |= {"returns": self.returns.tolist(), "lengths": self.lengths.tolist()}
        return summary

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.agent} in {self.env}: {self.mean:.2f} (95 % {self.low:.2f} to {self.high:.2f}, sd {self.sd:.2f}, "
            f"n {self.n}, {self.length:.1f} steps)"
        )


def half_width(values: NDArray[np.float64]) -> float:
    """Half of the 95 % interval of the mean of independent values: t(n - 1) sd / sqrt(n); nan for one value."""
    if len(values) < 2:
        return math.nan
    return student_t(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))


def student_t(degrees: int) -> float:
    """The 97.5 % quantile of Student's t.

    Exact for one and two degrees of freedom, else the expansion of Abramowitz & Stegun 26.7.5, which is within 0.1 %
    from three degrees on.
    """
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 0.95 * math.sqrt(2 / (1 - 0.95**2))
    x = NormalDist().inv_cdf(0.975)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
    return x + g1 / degrees + g2 / degrees**2 + g3 / degrees**3 + g4 / degrees**4


def finite(value: float) -> float | None:
    """Json has no nan."""
    return value if math.isfinite(value) else None
