"""A tiny environment whose every frame says which episode it is from, which step it is and what was done."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tests.engines import Engine

SHAPE = (6, 5, 3)
LONGEST = 40


class Toy(gym.Env[Any, Any]):
    """Lasts 1 to 40 steps, drawn from its seed; odd lengths terminate, even ones are truncated."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = Box(0, 255, SHAPE, np.uint8)

    def __init__(self, box: bool = False, delay: float = 0.0, engine: str = "", render_mode: str | None = None) -> None:
        self.engine = Engine(engine) if engine else None
        self.action_space = Box(-1.0, np.array([2.0, 3.0], np.float32)) if box else Discrete(3, start=1)
        self.delay, self.render_mode = delay, render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.length = int(self.np_random.integers(1, LONGEST + 1))
        self.picture = self.np_random.integers(0, 256, SHAPE, np.uint8)
        self.age = 0
        return self._frame(), {}

    def step(self, action: Any) -> Any:
        time.sleep(self.delay)
        assert self.action_space.contains(np.asarray(action, self.action_space.dtype))
        self.age += 1
        self.picture = self.picture + np.uint8(round(7 * float(np.sum(action))) % 256)
        over = self.age == self.length
        return self._frame(), float(np.sum(action)) / 3, over and self.age % 2 == 1, over and self.age % 2 == 0, {}

    def _frame(self) -> Any:
        frame = self.picture.copy()
        frame[0, 0, 0] = self.age
        return frame

    def render(self) -> Any:
        return self._frame()

    def close(self) -> None:
        if self.engine is not None:
            self.engine.close()


class ToyVector(SyncVectorEnv):
    """The same as a vectorised environment of its own, which can restart some rows with their own seeds."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "reset_mask": True}

    def __init__(self, num_envs: int, **kwargs: Any) -> None:
        super().__init__([lambda: Toy(**kwargs)] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
        self.metadata = type(self).metadata


for name, entries in {
    "Test/Toy-v0": {"entry_point": "tests.data.toy:Toy"},
    "Test/NativeToy-v0": {"entry_point": "tests.data.toy:Toy", "vector_entry_point": "tests.data.toy:ToyVector"},
}.items():
    if name not in gym.registry:
        gym.register(name, **entries)  # type: ignore[arg-type]
