"""Weights rearranged for inference, made once and made again when the parameters they come from change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


class Prepared(nn.Module):
    """A module that keeps values computed from its parameters while it runs without gradients.

    A value is made again when a parameter moved or was written to, and after each `train` or `eval`: a fused optimizer
    writes without leaving a trace. With gradients on nothing is kept, so that they flow to the parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Hashable, tuple[list[int], Any]] = {}

    def prepared(self, name: Hashable, parameters: Sequence[Tensor], make: Callable[[], T]) -> T:
        """What ``make()`` gives for the present content of ``parameters``."""
        if torch.is_grad_enabled():
            return make()
        kept = self._kept.get(name)
        if torch.compiler.is_compiling():
            return make() if kept is None else kept[1]
        state = [n for p in parameters for n in (p.data_ptr(), 0 if p.is_inference() else p._version)]
        if kept is None or kept[0] != state:
            kept = self._kept[name] = (state, make())
        return kept[1]

    def train(self, mode: bool = True) -> Self:
        """As in `torch.nn.Module`; what was kept is forgotten."""
        self._kept.clear()
        return super().train(mode)
