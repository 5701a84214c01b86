"""Counter-based standard normals: a pure function of (key, step), so that row b depends on its own key and step alone.

The same seed gives the same dream alone, in a batch of 1,024 and on another device, up to floating-point rounding.
The counter (key, step, column) is hashed with the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators"; constants: Stafford's mix 13) and two 24-bit uniforms of each 64-bit word become two
normals (Box & Muller 1958). Integer arithmetic is exact and wraps alike on every device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB
_STEP_STRIDE = 1 << 24  # columns that one step may use before it would touch the next step's


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's finaliser, in place; the masks make the arithmetic shifts logical ones."""
    x ^= (x >> 30) & ((1 << 34) - 1)
    x *= _MIX_1
    x ^= (x >> 27) & ((1 << 37) - 1)
    x *= _MIX_2
    x ^= (x >> 31) & ((1 << 33) - 1)
    return x


def stream_keys(seeds: Tensor) -> Tensor:
    """One key per stream from its seed: (B,) int64 -> (B,) int64, neighbouring seeds far apart."""
    return _mix(seeds.to(torch.int64) * _GOLDEN + 1)


def normals(key: Tensor, step: Tensor, size: int) -> Tensor:
    """Standard normals of one step of B streams.

    Args:
        key: (B,) int64, from `stream_keys`.
        step: (B,) int64, non-negative, the stream's own step count.
        size: how many columns, at most 2 ** 24.

    Returns:
        (B, size) float32.
    """
    pairs = (size + 1) // 2
    counter = (key + step * _STEP_STRIDE)[:, None] + torch.arange(pairs, device=key.device)
    word = _mix(counter * _GOLDEN)  # (B, pairs) int64
    first = ((word >> 40) & 0xFFFFFF).to(torch.float32).add_(0.5).mul_(2.0**-24)  # in (0, 1)
    angle = ((word >> 8) & 0xFFFFFF).to(torch.float32).mul_(2.0 * math.pi * 2.0**-24)
    radius = first.log_().mul_(-2.0).sqrt_()
    # Cut before joining: torch 2.13's compiler writes past the end of a joined tensor that is cut to an odd width.
    return torch.cat([radius * angle.cos(), (radius * angle.sin())[:, : size - pairs]], 1)


def uniforms(normal: Tensor) -> Tensor:
    """Uniforms in [0, 1] from standard normals, through the normal distribution function."""
    return torch.special.ndtr(normal)
