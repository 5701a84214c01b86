"""Turn: what a recording policy sees, the policy itself, and random actions drawn from given numbers."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from numpy.typing import NDArray

from worldsim.data.chance import uniforms
from worldsim.errors import BadInput

Array = NDArray[Any]


class Turn(NamedTuple):
    """n rows that are to act."""

    observations: Any  # (n, ...) of the policy's `observation_space`
    previous: Array  # (n, ...) the last actions; meaningless where age is 0
    ages: NDArray[np.int64]  # (n,) steps since the episode began
    keys: NDArray[np.uint64]  # (n,) one per episode

    def chances(self, columns: int) -> NDArray[np.float64]:
        """(n, columns) in [0, 1), new ones each step. Column 0 decides, the others are for `sample`."""
        return uniforms(self.keys, self.ages + 1, columns)

    def lots(self) -> NDArray[np.float64]:
        """(n,) in [0, 1), the same through an episode."""
        return uniforms(self.keys, np.zeros_like(self.ages), 2)[:, 1]


class Policy(Protocol):
    """One player."""

    name: str  # recorded with every episode
    observation_space: Space[Any] | None  # what it needs to see; None takes what the environment shows
    blind: bool  # it does not look: observations are not gathered for it

    def act(self, turn: Turn) -> Array:
        """One action per row: (n, ...)."""


def checked(space: Space[Any]) -> Space[Any]:
    """An action space that `sample` can draw from."""
    if not isinstance(space, Discrete | MultiDiscrete | MultiBinary | Box):
        raise BadInput(f"expected Discrete, Box, MultiDiscrete or MultiBinary actions, got {space}")
    if isinstance(space, Box) and not space.is_bounded():
        raise BadInput(
            f"random actions need bounds, got {space}; wrap the environment in RescaleAction or give a policy"
        )
    return space


def size(space: Space[Any]) -> int:
    """How many numbers make one action."""
    return int(np.prod(space.shape)) if space.shape else 1


def sample(space: Space[Any], chances: NDArray[np.float64]) -> Array:
    """Actions (n, ...) from numbers (n, size) in [0, 1)."""
    if isinstance(space, Discrete):
        return (space.start + np.floor(chances[:, 0] * int(space.n))).astype(np.int64)
    chances = chances.reshape(len(chances), *(space.shape or ()))
    if isinstance(space, MultiDiscrete):
        return (space.start + np.floor(chances * space.nvec)).astype(space.dtype)
    if isinstance(space, MultiBinary):
        return (chances < 0.5).astype(space.dtype)
    assert isinstance(space, Box)
    if np.issubdtype(space.dtype, np.integer):
        return (space.low + np.floor(chances * (space.high.astype(np.float64) - space.low + 1))).astype(space.dtype)
    return np.clip((space.low + chances * (space.high - space.low)).astype(space.dtype), space.low, space.high)
