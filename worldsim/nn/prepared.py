"""Weights rearranged for inference, made once and made again when the parameters they come from change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Prepared(Generic[T]):
    """A value computed from parameters, made again whenever one of them moved or was written to.

    With gradients on it is made at every call, so that they flow to the parameters. Parameters that were created in
    inference mode carry no version, so writing into them in place goes unseen.
    """

    def __init__(self) -> None:
        self._key: list[int] = []
        self._value: T | None = None

    def __call__(self, parameters: Sequence[Tensor], make: Callable[[], T]) -> T:
        """What ``make()`` gives for the present content of ``parameters``."""
        if torch.is_grad_enabled():
            return make()
        if torch.compiler.is_compiling():
            return make() if self._value is None else self._value
        key = [n for p in parameters for n in (p.data_ptr(), 0 if p.is_inference() else p._version)]
        if self._value is None or key != self._key:
            self._value, self._key = make(), key
        return self._value
