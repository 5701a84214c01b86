"""A game of one dot, real and "dreamed", for tests of play."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Dot(gym.Env[Any, Any]):
    """A dot that moves left and right over 12 x 16 pixels; every step to the right scores; ends after ``length``."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, length: int = 1000, render_mode: str | None = None) -> None:
        self.observation_space, self.action_space = spaces.Box(-1e9, 1e9, (2,), np.float32), spaces.Discrete(3)
        self.length, self.render_mode = length, render_mode
        self.resets: list[tuple[int | None, dict[str, Any] | None]] = []
        self.actions: list[int] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.resets.append((seed, options))
        self.place, self.age = 8, 0
        return self._see(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.actions.append(action)
        self.place, self.age = self.place + action - 1, self.age + 1
        return self._see(), float(action == 2), self.age >= self.length, False, {}

    def render(self) -> Any:
        frame = np.zeros((12, 16, 3), np.uint8)
        frame[5, self.place % 16] = 255, self.age % 256, 0
        return frame

    def get_keys_to_action(self) -> dict[Any, int]:
        return {(): 1, ("left",): 0, ("right",): 2}

    def _see(self) -> Any:
        return np.array([self.place, self.age], np.float32)


class DreamedDot(Dot):
    """The same with what dreams have."""

    num_openings, temperature = 5, 1.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return super().reset(seed=seed, options=options)[0], {"opening": (options or {"opening": 3})["opening"]}
