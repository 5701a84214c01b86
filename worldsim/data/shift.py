"""Shift: something added to a player's actions for a while, so that a world sees what sustained differences do."""

from __future__ import annotations

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box

from worldsim.data.chance import mix, uniforms
from worldsim.data.turn import Array, Turn, size
from worldsim.errors import BadInput

HOLD = 50  # steps through which a shift stays the same


class Shift:
    """Adds to each number of a `Box` action, for `HOLD` steps at a time, a draw from U(-s, s).

    A random action now and then leaves no trace in what has inertia: a recorded car that always takes a bend at one
    speed teaches its world nothing of gas and brake. s is drawn for each episode from U(0, ``most``), in units of half
    the range of that number, and what leaves the range is cut.

    Raises:
        BadInput: actions that are no bounded floating-point Box, or ``most`` outside [0, 2].
    """

    def __init__(self, space: Space[object], most: float) -> None:
        if not isinstance(space, Box) or not space.is_bounded() or not np.issubdtype(space.dtype, np.floating):
            raise BadInput(f"a shift (PATH~SHIFT) needs a bounded Box of real numbers as actions, got {space}")
        if not 0.0 <= most <= 2.0:
            raise BadInput(f"the shift in PATH~SHIFT is between 0 and 2, got {most}")
        self._space, self._most = space, most

    def __call__(self, actions: Array, turn: Turn) -> Array:
        """Shifted actions (n, ...)."""
        keys = mix(turn.keys)  # away from the draws of `Turn.chances`
        scale = self._most * uniforms(keys, np.zeros_like(turn.ages), 1)
        draws = uniforms(keys, 1 + turn.ages // HOLD, size(self._space))
        low, high = self._space.low, self._space.high
        moved = actions + (scale * (2 * draws - 1)).reshape(actions.shape) * (high - low) / 2
        return np.clip(moved, low, high).astype(actions.dtype)
