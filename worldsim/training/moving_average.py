"""MovingAverage: an exponential moving average (EMA) of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """avg <- d * avg + (1 - d) * weights after each step, with d rising to ``decay``.

    d = min(decay, (1 + step) / (10 + step)), so that the untrained weights do not linger.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self.values: dict[str, Tensor] = {key: value.detach().clone() for key, value in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update number ``step`` (0 is the first) was made."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.values.values()), list(self._parameters.values()), 1 - decay)

    @torch.no_grad()
    def load(self, values: dict[str, Tensor]) -> None:
        """Go on from saved averages."""
        for key, value in self.values.items():
            value.copy_(values[key])

    @torch.no_grad()
    def apply(self) -> None:
        """Make the average the model's weights."""
        for key, parameter in self._parameters.items():
            parameter.copy_(self.values[key])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The average is the model's weights for a while."""
        weights = [value.detach().clone() for value in self._parameters.values()]
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self._parameters.values(), weights, strict=True):
                    parameter.copy_(value)
