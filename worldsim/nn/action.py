"""Actions as vectors: what every model's first layer sees of a Gymnasium action."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from torch import Tensor

from worldsim.errors import BadInput


def action_size(space: Space[Any]) -> int:
    """Width A of `encode_action`'s result."""
    if isinstance(space, Discrete):
        return int(space.n)
    if isinstance(space, MultiDiscrete):
        return int(space.nvec.sum())
    if isinstance(space, (Box, MultiBinary)):
        return int(np.prod(space.shape))
    raise BadInput(f"expected a Discrete, Box, MultiDiscrete or MultiBinary action space, got {space}")


def encode_action(space: Space[Any], action: Tensor) -> Tensor:
    """Actions (..., *space.shape) as vectors (..., A) float32: one-hot if discrete, flat if continuous."""
    if isinstance(space, Discrete):
        return one_hot(action - int(space.start), int(space.n))
    if isinstance(space, MultiDiscrete):
        sizes = space.nvec.flatten().tolist()
        return torch.cat([one_hot(a, n) for a, n in zip(action.unbind(-1), sizes, strict=True)], -1)
    shape = space.shape or ()
    return action.to(torch.float32).reshape(*action.shape[: action.dim() - len(shape)], -1)


def one_hot(index: Tensor, size: int) -> Tensor:
    """(...,) -> (..., size) float32, without torch's check of the range, which waits for a GPU and does not compile."""
    return (index[..., None] == torch.arange(size, device=index.device)).to(torch.float32)
