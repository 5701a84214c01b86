"""An actor of Stable-Baselines3 taken over by a linear controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import A2C, PPO

from worldsim.agents.actor import actor_of
from worldsim.agents.agent import Agent, load_agent
from worldsim.errors import BadInput


@pytest.mark.parametrize(
    ("env_id", "kind", "pi", "more"),
    [
        ("Pendulum-v1", PPO, [8], {"use_sde": True}),
        ("Pendulum-v1", A2C, [], {}),
        ("CartPole-v1", PPO, [8], {}),
    ],
)
def test_it_takes_the_same_actions(env_id: str, kind: Any, pi: list[int], more: dict[str, Any], tmp_path: Path) -> None:
    env = gym.make(env_id)
    model = kind("MlpPolicy", env, policy_kwargs={"net_arch": {"pi": pi, "vf": [4]}}, seed=0, **more)
    for parameter in model.policy.parameters():
        parameter.data.normal_(0, 2)  # far beyond the bounds here and there
    actor = actor_of(model)
    seen = np.random.default_rng(0).normal(size=(50, *env.observation_space.shape)).astype(np.float32)  # type: ignore[misc]
    expected = model.predict(seen, deterministic=True)[0]
    np.testing.assert_allclose(actor.predict(seen)[0], expected, atol=1e-5)
    Agent(actor, "linear", None, "a", {"learned_by": "ppo"}).save(tmp_path / "a")
    again = load_agent(tmp_path / "a")
    assert again.algo == "linear"
    np.testing.assert_array_equal(again.model.predict(seen)[0], actor.predict(seen)[0])
    assert again.model.config.squash is False


def test_an_actor_of_another_form_is_refused() -> None:
    model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8, 8]})
    with pytest.raises(BadInput, match="at most one hidden layer of tanh"):
        actor_of(model)
