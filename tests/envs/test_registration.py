"""The ids of bundled dreams."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import worldsim  # noqa: F401  (registers)
from worldsim.bundled import bundled
from worldsim.envs.registration import DREAMED, register_all

SHIPPED = {id: world for id, world in DREAMED.items() if world is not None}


def test_every_dreamed_id_has_its_world_and_every_world_its_id() -> None:
    assert sorted(SHIPPED.values()) == bundled()
    dreams = {id for id, spec in gym.registry.items() if "worldsim.envs.dream" in str(spec.entry_point)}
    assert dreams == set(DREAMED)


@pytest.mark.parametrize("id", SHIPPED)
def test_a_bundled_dream_ends(id: str) -> None:
    env = gym.make(id)
    horizon = env.spec.max_episode_steps
    env.reset(seed=0)
    still = np.zeros(env.action_space.shape, np.float32) if env.action_space.shape else 0
    for step in range(1, horizon + 1):
        _, _, terminated, truncated, _ = env.step(still)
        assert truncated is (step == horizon and not terminated)
        if terminated or truncated:
            break
    assert terminated or truncated
    envs = gym.make_vec(id, num_envs=3)
    assert envs.horizon == horizon
    assert envs.single_observation_space == env.observation_space


def test_registering_again_changes_nothing() -> None:
    before = dict(gym.registry)
    register_all()
    assert dict(gym.registry) == before
