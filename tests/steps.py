"""A game of a few pictures for `worldsim iterate`: a row of cells, and a player that is to walk along it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

CELLS = 4


class Walk(gym.Env[Any, Any]):
    """Four cells of 4 x 4 pixels, in two rows of a square of 8; 1 for each step on, the end is the last cell, or 12."""

    metadata = {"render_modes": []}
    observation_space = Box(0, 255, (8, 8, 3), np.uint8)
    action_space = Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.age = 0, 0
        return self._frame(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        before, self.age = self.place, self.age + 1
        self.place = min(CELLS - 1, max(0, self.place + (1 if action else -1)))
        return self._frame(), float(self.place > before), self.place == CELLS - 1, self.age == 12, {}

    def _frame(self) -> Any:
        frame = np.zeros((8, 8, 3), np.uint8)
        row, col = divmod(self.place, 2)
        frame[4 * row : 4 * row + 4, 4 * col : 4 * col + 4] = 255
        return frame


if "Test/Walk-v0" not in gym.registry:
    gym.register("Test/Walk-v0", Walk)
