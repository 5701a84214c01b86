"""Look: what was seen in frames. A game whose truth is exposed is read; of any other the frames are made small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_SIDE = 28  # of a small picture, at most
_TOGETHER = 256


@dataclass(frozen=True)
class Look:
    """What was seen in B frames."""

    small: Tensor  # (B, D, h, w) float32: what the inverse model compares; of a reader, the probabilities of the kinds
    kinds: NDArray[np.uint8] | None = None  # (B, R, C)
    feature: Tensor | None = None  # (B, F): hidden units, trained on the task of reading

    def put(self, rows: NDArray[Any], other: Look) -> Look:
        """The same with other looks in some rows."""
        index = torch.from_numpy(np.asarray(rows))
        small, kinds, feature = self.small.index_copy(0, index, other.small), self.kinds, self.feature
        if kinds is not None and other.kinds is not None:
            kinds = kinds.copy()
            kinds[rows] = other.kinds
        if feature is not None and other.feature is not None:
            feature = feature.index_copy(0, index, other.feature)
        return Look(small, kinds, feature)


class Eyes(Protocol):
    """Whatever looks at frames."""

    def look(self, frames: NDArray[np.uint8]) -> Look:
        """Look at frames (B, H, W, C)."""


class SmallPictures:
    """Nothing is read: frames are shrunk to 28 pixels a side or less by averaging."""

    @torch.inference_mode()
    def look(self, frames: NDArray[np.uint8]) -> Look:
        """Shrink."""
        parts = [to_picture(torch.from_numpy(part)) for part in np.array_split(frames, -(-len(frames) // _TOGETHER))]
        size = min(_SIDE, frames.shape[1]), min(_SIDE, frames.shape[2])
        return Look(torch.cat([F.adaptive_avg_pool2d(part, size) for part in parts]))


def to_picture(frames: Tensor) -> Tensor:
    """(B, H, W, C) uint8 -> (B, C, H, W) in [0, 1]."""
    return frames.permute(0, 3, 1, 2).contiguous().float().div_(255)
