"""Frames (uint8) and the signal that networks work on, and back."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from worldsim.vae.images import shrink

Range = Literal["unit", "signed"]
"""unit: [0, 1], black is 0; signed: [-1, 1]."""


def to_signal(frames: Tensor, height: int, width: int, scale: Range) -> Tensor:
    """uint8 (n, H, W, C) of any size to float32 (n, C, height, width)."""
    planes = shrink(frames, height, width).permute(0, 3, 1, 2).to(torch.float32)
    return planes / 255 if scale == "unit" else planes / 127.5 - 1


def to_frames(signal: Tensor, height: int, width: int, scale: Range) -> Tensor:
    """Float (n, C, h, w) to uint8 (n, height, width, C); what lies outside the range is cut off."""
    unit = signal.float() if scale == "unit" else (signal.float() + 1) / 2
    frames = unit.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return shrink(frames, height, width).contiguous()


def clip(signal: Tensor, scale: Range) -> Tensor:
    """What a picture shows of a signal."""
    return signal.clamp(0 if scale == "unit" else -1, 1)
