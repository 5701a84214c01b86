"""CarRacing as World Models drove it."""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

from worldsim.envs.car_racing import squash
from worldsim.envs.shrink import shrink


@pytest.mark.parametrize(
    ("controls", "car"),
    [([0, 0, 0], [0, 0.5, 0]), ([-1, 1, -1], [-1, 1, 0]), ([1, -1, 1], [1, 0, 1]), ([2, 3, 0.25], [1, 1, 0.25])],
)
def test_squashing_is_the_papers(controls: list[float], car: list[float]) -> None:
    assert squash(controls).tolist() == car


@pytest.mark.parametrize(("steer", "gas", "steps"), [(1.0, 0.8, 120), (0.0, 1.0, 1000)], ids=["winds", "leaves"])
def test_it_is_gymnasiums_game_seen_through_the_papers_eyes(steer: float, gas: float, steps: int) -> None:
    pytest.importorskip("Box2D")
    ours, theirs = gym.make("WorldSim/CarRacing-v0"), gym.make("CarRacing-v3")
    seen, _ = ours.reset(seed=6)
    whole, _ = theirs.reset(seed=6)
    assert ours.action_space == gym.spaces.Box(-1, 1, (3,), np.float32)
    assert ours.spec.max_episode_steps == 1000
    total, over = 0.0, False
    for step in range(steps):  # past the second in which the camera comes closer
        assert np.array_equal(seen, shrink(whole[:84], 64, 64))
        controls = np.array([steer * np.sin(step / 5), gas, -0.5], np.float32)
        seen, reward, over, *_ = ours.step(controls)
        whole, expected, ended, *_ = theirs.step(np.array([controls[0], (gas + 1) / 2, 0], np.float32))
        assert reward == pytest.approx(expected)
        assert over == ended
        total += reward
        if over:
            break
    assert total > 0 if steer else over and reward == -100  # full gas straight on: over the meadow, into the black
    for env in (ours, theirs):
        env.close()


def test_without_box2d_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worldsim.envs.car_racing.find_spec", lambda name: None)
    with pytest.raises(DependencyNotInstalled, match=r'pip install "worldsim-rl\[box2d\]"'):
        gym.make("WorldSim/CarRacing-v0")


def test_without_atari_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(DependencyNotInstalled, match=r'pip install "worldsim-rl\[ale\]"'):
        gym.make("WorldSim/Frame-v0", env="ALE/MsPacman-v5")
