"""Frames and what a convolutional V works on: uint8 (n, H, W, C) on one side, float (n, C, 64, 64) on the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64
"""Height and width of the pictures of the published V."""


def shrink(frames: Tensor, height: int = SIDE, width: int = SIDE) -> Tensor:
    """Frames of any size at height x width, both uint8 (n, H, W, C): bilinear, averaging where it shrinks."""
    if frames.shape[1:3] == (height, width):
        return frames
    planes = frames.permute(0, 3, 1, 2)
    if frames.device.type != "cpu":  # only the CPU has a kernel for uint8
        planes = planes.float()
    out = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    if out.dtype != torch.uint8:
        out = out.round().clamp(0, 255).to(torch.uint8)
    return out.permute(0, 2, 3, 1)


def to_unit(frames: Tensor) -> Tensor:
    """uint8 (n, H, W, C) to float32 (n, C, H, W) in [0, 1], channels last in memory."""
    return frames.permute(0, 3, 1, 2).to(torch.float32).mul_(1 / 255)


def to_frames(images: Tensor) -> Tensor:
    """Float (n, C, H, W) in [0, 1] to uint8 (n, H, W, C)."""
    return images.permute(0, 2, 3, 1).mul(255).round_().to(torch.uint8)
