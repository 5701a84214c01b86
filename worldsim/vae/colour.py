"""Weights by how rare a colour is: in a squared error a small red ghost then counts as much as a wide black floor."""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 4  # per channel: 64 bins for a colour picture


def _bins(pixels: Tensor) -> Tensor:
    """Bin of every pixel: (..., C) uint8 -> (...,) int64, C of 1 or 3."""
    level = pixels >> 6
    index = level[..., 0]
    for channel in range(1, pixels.shape[-1]):
        index = index * _LEVELS + level[..., channel]  # at most 63: fits into a byte
    return index.long()


def colour_weights(frames: Tensor, largest: float = 10.0) -> Tensor:
    """Inverse colour-frequency weights, one for each of the 4 ** C colour bins.

    ``w = clip(sqrt(f_max / f), 1, largest)``, divided by its mean over the pixels seen, where f is a bin's share of
    the pixels. No labels are needed. Source: ours (on Pac-Man the unweighted loss of World Models keeps no flag).

    Args:
        frames: (n, H, W, C) uint8, a sample of the recording.
        largest: the most that a rare colour counts against the commonest one.

    Returns:
        (4 ** C,) float32, for `pixel_weights`.
    """
    share = torch.bincount(_bins(frames).flatten(), minlength=_LEVELS ** frames.shape[-1]).double()
    share /= share.sum()
    weight = (share.max() / share.clamp(min=1e-12)).sqrt().clamp(1.0, largest)
    return (weight / (weight * share).sum()).float()


def pixel_weights(frames: Tensor, weights: Tensor) -> Tensor:
    """The weight of every pixel: (..., C) uint8 -> (..., 1) float32."""
    return weights[_bins(frames)][..., None]
