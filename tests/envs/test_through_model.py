"""ThroughModel: the real game in the dream's features."""

from __future__ import annotations

import copy
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from tests.worlds import spatial_world
from worldsim.checkpoint import World
from worldsim.envs.through_model import ThroughModel, ThroughModelEnv
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
    with pytest.raises(BadInput, match="learned frames"):
        ThroughModelEnv(gym.make("CartPole-v1"), world)
    with pytest.raises(BadInput, match=r"learned actions Discrete\(5\)"):
        ThroughModelEnv(gym.wrappers.TransformAction(gym.make(FLAG), int, gym.spaces.Discrete(3)), world)


def test_the_single_one_is_a_row_of_the_vector() -> None:
    """Of a model whose eyes draw noise, over the ends of episodes."""
    world = spatial_world()
    rows = ThroughModel(gym.make_vec(FLAG, num_envs=1), noisy(world))
    single = ThroughModelEnv(gym.make(FLAG), noisy(world))
    seen, _ = rows.reset(seed=31)
    alone, _ = single.reset(seed=31)
    assert single.observation_space == rows.single_observation_space
    ends = 0
    for t in range(90):
        np.testing.assert_array_equal(alone, seen[0])
        action = t % 5
        seen, rewards, terminated, truncated, info = rows.step(np.array([action]))
        alone, reward, over, cut, _ = single.step(action)
        assert (reward, over, cut) == (rewards[0], terminated[0], truncated[0])
        if over or cut:
            np.testing.assert_array_equal(alone, info["final_obs"][0])
            alone, _ = single.reset()
            ends += 1
    assert ends >= 2
    first, _ = single.reset(seed=31)
    np.testing.assert_array_equal(first, ThroughModelEnv(gym.make(FLAG), noisy(world)).reset(seed=31)[0])
    assert not np.array_equal(first, single.reset(seed=32)[0])


def noisy(world: World) -> World:
    """The world with noise added to what it observes, kept in its state."""
    model = copy.copy(world.model)
    follow, start, observe = model.follow, model.start, model.observe
    model.start = lambda frame, noise: {**start(frame, noise), "noise": noise[:, :1]}
    model.follow = lambda state, action, frame, noise: {
        **follow({k: v for k, v in state.items() if k != "noise"}, action, frame, noise),
        "noise": noise[:, :1],
    }
    model.observe = lambda state: observe({k: v for k, v in state.items() if k != "noise"}) + state["noise"]
    return replace(world, model=model)
