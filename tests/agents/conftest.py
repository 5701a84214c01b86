"""Toy vector environments whose best return is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class Identity(VectorEnv):
    """Say the number that you see: observation one-hot (A,), reward 1 for the right action, else 0; ``length`` steps.

    Native, same-step autoreset, one buffer for all observations (a bridge has to copy), rows seeded seed + i. An
    episode ends by termination, or by truncation if ``truncate``. Best return: ``length``; random: length / A.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"], "render_fps": 8}

    def __init__(
        self, num_envs: int = 1, length: int = 10, actions: int = 3, truncate: bool = False, **kwargs: Any
    ) -> None:
        self.num_envs, self.length, self.truncate = num_envs, length, truncate
        self.render_mode = kwargs.get("render_mode")
        self.single_observation_space = gym.spaces.Box(0, 1, (actions,), np.float32)
        self.single_action_space = gym.spaces.Discrete(actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rngs = [np.random.default_rng(i) for i in range(num_envs)]
        self._observations = np.zeros((num_envs, actions), np.float32)
        self._age = np.zeros(num_envs, int)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if seed is not None:
            self._rngs = [np.random.default_rng(seed + i) for i in range(self.num_envs)]
        self._age[:] = 0
        self._show(range(self.num_envs))
        return self._observations, {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        rewards = (actions == self._observations.argmax(1)).astype(np.float64)
        self._age += 1
        self._show(range(self.num_envs))
        ended, infos = self._age >= self.length, {}
        if ended.any():
            last = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(ended):
                last[i] = self._observations[i].copy()
            infos = {"final_obs": last, "_final_obs": ended.copy()}
            infos |= {"final_info": {"age": self._age.copy(), "_age": ended.copy()}, "_final_info": ended.copy()}
            self._age[ended] = 0
            self._show(np.flatnonzero(ended))
        nothing = np.zeros_like(ended)
        return self._observations, rewards, *((nothing, ended) if self.truncate else (ended, nothing)), infos

    def render(self) -> tuple[np.ndarray, ...]:
        return tuple(np.full((8, 8, 3), i, np.uint8) for i in range(self.num_envs))

    def _show(self, rows: Any) -> None:
        for i in rows:
            self._observations[i] = 0
            self._observations[i, self._rngs[i].integers(self._observations.shape[1])] = 1


@pytest.fixture(name="Identity")
def identity() -> type[Identity]:
    return Identity


@pytest.fixture(autouse=True)
def logs_of_stable_baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stable-Baselines3 makes a folder for its log in every learn() that has no logger."""
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path / "sb3-log"))
