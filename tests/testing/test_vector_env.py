"""check_vector_env: good environments pass, and each way of being wrong is named."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

from worldsim.testing import check_vector_env


class Walk(VectorEnv):
    """Each row walks by its action and a random jolt until it is 3 away or 12 steps old; ``fault`` spoils one thing."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}

    def __init__(self, num_envs: int = 3, fault: str = "") -> None:
        self.num_envs, self.fault = num_envs, fault
        self.single_observation_space = Box(-5, 5, (2,), np.float32)
        self.single_action_space = Discrete(3)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        if fault == "space":
            self.observation_space = self.single_observation_space
        if fault == "mode":
            self.metadata = {"autoreset_mode": "SameStep"}
        self.place, self.age = np.zeros((num_envs, 2), np.float32), np.zeros(num_envs, int)
        self.rngs = [np.random.default_rng() for _ in range(num_envs)]
        self.buffer = np.zeros((num_envs, 2), np.float32)

    def reset(self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None) -> Any:
        if isinstance(seed, int):
            seed = [seed + i * (self.fault != "seeds") for i in range(self.num_envs)]
        elif seed is not None and self.fault == "seed list":
            seed = [s + 7 for s in seed]
        if seed is not None and self.fault != "unseeded":
            self.rngs = [np.random.default_rng(s) for s in seed]
            if self.fault == "one generator":
                self.rngs = self.rngs[:1] * self.num_envs
        self._begin(range(self.num_envs))
        return (self._see(), {}) if self.fault != "reset alone" else self._see()

    def _begin(self, rows: Any) -> None:
        for row in rows:
            self.place[row], self.age[row] = self.rngs[row].uniform(-1, 1, 2), 0

    def _see(self) -> Any:
        seen = self.place.clip(-5, 5)
        if self.fault == "float64":
            return seen.astype(float)
        if self.fault == "buffer":
            self.buffer[:] = seen
            return self.buffer
        return seen

    def step(self, actions: Any) -> Any:
        jolt = np.stack([rng.normal(0, 0.3, 2) for rng in self.rngs]).astype(np.float32)
        if self.fault == "global":
            jolt += np.random.rand() * 0.0  # noqa: NPY002
        self.place[:, 0] += actions - 1
        self.place += jolt
        if self.fault == "leak":
            self.place[1:] += self.place[:1] * 0.01
        if self.fault == "actions":
            actions[:] = 0
        self.age += 1
        terminated, truncated = np.abs(self.place).max(1) > 3, self.age >= 12
        rewards = self.place[:, 0].copy()
        last, done = self._see(), terminated | truncated
        info: dict[str, Any] = {}
        if done.any():
            if self.fault != "stale":
                self._begin(np.flatnonzero(done))
            info = self._final(last, done)
        seen = self._see()
        if self.fault == "stale":
            self._begin(np.flatnonzero(done))
        if self.fault == "rewards":
            rewards = rewards.astype(int)
        if self.fault == "nan":
            rewards[0] = np.nan
        if self.fault == "flags":
            terminated = terminated.astype(int)
        if self.fault == "four":
            return seen, rewards, done, info
        return seen, rewards, terminated, truncated, info

    def _final(self, last: Any, done: Any) -> dict[str, Any]:
        final = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(done):
            final[row] = last[row].copy()
        if self.fault == "unfinished":
            final[:] = [*last.copy()]
        if self.fault == "batched":
            final = last.copy()
        if self.fault == "final dtype":
            for row in np.flatnonzero(done):
                final[row] = last[row].astype(float)
        info = {"final_obs": final, "_final_obs": done, "final_info": {}, "_final_info": done.copy()}
        if self.fault == "mask":
            info["_final_obs"] = ~done
        if self.fault == "no final":
            del info["final_obs"]
        if self.fault == "no info":
            info["final_info"] = None
        return info

    def close(self, **kwargs: Any) -> None:
        if self.closed and self.fault == "close":
            raise RuntimeError("closed twice")
        super().close(**kwargs)


def test_a_good_environment_passes() -> None:
    env = Walk()
    check_vector_env(env, Walk)
    assert env.closed
    check_vector_env(Walk(1), Walk)


def test_gymnasiums_own_passes_in_same_step_mode() -> None:
    mode = AutoresetMode.SAME_STEP
    make = [lambda: gym.make("CartPole-v1")] * 3
    check_vector_env(SyncVectorEnv(make, autoreset_mode=mode), lambda n: SyncVectorEnv(make[:n], autoreset_mode=mode))


BROKEN_ENVIRONMENTS = {
    "mode": r'metadata\["autoreset_mode"\] must be AutoresetMode.SAME_STEP, got \'SameStep\'',
    "space": r"observation_space is Box.* not batch_space\(single_observation_space, 3\)",
    "reset alone": r"reset\(\) must return \(observations, info\)",
    "float64": r"reset\(\) returned observations outside Box.*\(3, 2\) float64",
    "four": r"step\(\) must return five things, got 4",
    "actions": r"step\(\) changed the actions that it was given",
    "rewards": r"rewards must be a numpy array \(3,\) of floats, got \(3,\) int64",
    "nan": r"rewards must be finite",
    "flags": r"terminated must be a numpy array \(3,\) of bool, got \(3,\) int64",
    "buffer": r"a step wrote into arrays that an earlier call returned; most likely a buffer",
    "global": r"drew from the global generator of numpy or random",
    "unseeded": r"the same seed and actions gave another trajectory; most likely reset\(seed=...\) does not seed",
    "seed list": r"reset\(seed=\[0, 1, 2\]\) and reset\(seed=0\) began differently",
    "mask": r'info\["_final_obs"\] must be the mask of finished rows',
    "no final": r'must be the mask of finished rows .* beside info\["final_obs"\]',
    "no info": r'info\["final_info"\] must be a dict, got NoneType',
    "batched": r'info\["final_obs"\] must be an object array \(3,\)',
    "unfinished": r'info\["final_obs"\]\[\d\] must be None: row \d goes on',
    "final dtype": r'info\["final_obs"\]\[\d\] is not in single_observation_space',
    "stale": r"endings the observation returned was the finished episode's last one",
    "leak": r"row 1 changed at step 1 when only row 0 acted otherwise",
    "one generator": r"row \d changed at step \d+ when only row 0 acted otherwise; most likely the rows draw from one",
    "seeds": r"reset\(seed=\[0, 1, 2\]\) and reset\(seed=0\) began differently; row i of seed s must be seeded s \+ i",
}


@pytest.mark.parametrize("fault", BROKEN_ENVIRONMENTS)
def test_names_what_is_wrong_with_an_environment(fault: str) -> None:
    with pytest.raises(AssertionError, match=BROKEN_ENVIRONMENTS[fault]) as found:
        check_vector_env(Walk(fault=fault), steps=60)
    assert "\n" not in str(found.value)


def test_names_what_is_wrong_with_an_environment_as_such() -> None:
    with pytest.raises(AssertionError, match="expected a gymnasium.vector.VectorEnv, got"):
        check_vector_env(gym.make("CartPole-v1"))  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="autoreset_mode"):
        check_vector_env(gym.make_vec("CartPole-v1", 2))
    with pytest.raises(RuntimeError, match="closed twice"):
        check_vector_env(Walk(fault="close"), steps=40)
    with pytest.warns(UserWarning, match="no episode ended within 2 random steps"):
        check_vector_env(Walk(), steps=2)


def test_a_row_must_not_depend_on_how_many_there_are() -> None:
    class Crowded(Walk):
        def _begin(self, rows: Any) -> None:
            super()._begin(rows)
            self.place[[*rows], 1] *= 1 + 0.1 * (self.num_envs > 1)

    with pytest.raises(AssertionError, match=re.escape("row 0 of 3 (seed 0) differs at step 0 from a single row")):
        check_vector_env(Crowded(), Crowded)
    check_vector_env(Crowded(), independent_rows=False)
