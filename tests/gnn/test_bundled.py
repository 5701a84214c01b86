"""The graph world that ships: small, exact on boards that it never saw, and itself on any of them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import torch

import worldsim
from worldsim.bundled import bundled_folder
from worldsim.gnn.measure import drawn, likeliest, nats, one_step, play
from worldsim.testing import check_world_model


def test_it_is_small_and_exact_on_boards_that_it_never_saw() -> None:
    assert sum(file.stat().st_size for file in bundled_folder("pacman-graph").rglob("*")) < 5e6
    transition = worldsim.load("pacman-graph").model.transition
    for shape in ((14, 14), (28, 28)):
        games = play(shape, 30, 25)
        found = one_step(likeliest(transition), games)
        assert found["n"] > 500
        assert found["exact"] > 0.995
        assert found["player"] == found["food"] == found["first"] == 1.0
    chance = nats(transition, play((9, 9), 40, 20, task="flag"))
    assert chance["rules"] > 0.5
    assert chance["model"] < chance["rules"] + 0.2
    sure = one_step(drawn(transition), play((14, 14), 30, 10, pellets=0))
    assert sure["exact"] > 0.99  # as it dreams, not only what it holds most likely


def test_it_keeps_the_contract() -> None:
    world = worldsim.load("pacman-graph")
    frames = np.stack([world.openings.episode(index).frames[0] for index in range(24)])
    check_world_model(world.model, torch.from_numpy(frames))


def test_gymnasium_makes_it_on_any_board() -> None:
    env = gym.make("WorldSim/PacManGraphDream-v0", rows=31, cols=28, count=2, render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    picture = env.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (372, 336, 3)
    envs = gym.make_vec("WorldSim/PacManGraphDream-v0", 3, task="flag", rows=9, cols=10, count=2)
    envs.reset(seed=0)
    assert envs.step(np.array([1, 2, 3]))[0].shape == (3, 7 * 7 * 22)
