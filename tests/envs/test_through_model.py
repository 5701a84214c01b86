"""ThroughModel: the real game in the dream's features."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from tests.worlds import spatial_world
from worldsim.envs.through_model import ThroughModel
from worldsim.errors import BadInput
from worldsim.testing import check_vector_env

FLAG = "WorldSim/PacManFlag-v0"


def test_features_are_what_the_model_makes_of_the_frames() -> None:
    """Against a second copy of the game, followed by hand one row at a time."""
    world, rows = spatial_world(), 3
    env, real = ThroughModel(gym.make_vec(FLAG, num_envs=rows), world), gym.make_vec(FLAG, num_envs=rows)
    seen, _ = env.reset(seed=9)
    frames, _ = real.reset(seed=9)
    noise = torch.zeros(1, world.model.noise_size)  # this model's eyes use none
    states = [world.model.start(torch.from_numpy(f[None].copy()), noise) for f in frames]
    ends = 0
    for t in range(60):
        for row, state in enumerate(states):
            np.testing.assert_allclose(world.model.observe(state)[0].numpy(), seen[row], atol=1e-5)
        action = np.array([(t + row) % 5 for row in range(rows)])
        seen, _, terminated, truncated, info = env.step(action)
        frames, *_, infos = real.step(action)
        for row in range(rows):
            over = terminated[row] or truncated[row]
            frame = infos["final_obs"][row] if over else frames[row]
            act = torch.from_numpy(action[row : row + 1])
            states[row] = world.model.follow(states[row], act, torch.from_numpy(frame[None].copy()), noise)
            if over:
                ends += 1
                final = world.model.observe(states[row])[0].numpy()
                np.testing.assert_allclose(info["final_obs"][row], final, atol=1e-5)
                states[row] = world.model.start(torch.from_numpy(frames[row : row + 1].copy()), noise)
    assert ends >= 3


def test_it_keeps_the_vector_contract() -> None:
    check_vector_env(ThroughModel(gym.make_vec(FLAG, num_envs=4), spatial_world()))


def test_other_environments_are_refused() -> None:
    world = spatial_world()
    with pytest.raises(BadInput, match=r"learned frames \(84, 84, 3\)"):
        ThroughModel(gym.make_vec(FLAG, num_envs=2, observation="grid"), world)
    with pytest.raises(BadInput, match="SAME_STEP"):
        ThroughModel(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"), world)
    kwargs = {"autoreset_mode": AutoresetMode.SAME_STEP}
    with pytest.raises(BadInput, match="learned frames"):
        ThroughModel(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync", vector_kwargs=kwargs), world)
