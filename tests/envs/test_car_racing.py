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


def test_it_is_gymnasiums_game_seen_through_the_papers_eyes() -> None:
    pytest.importorskip("Box2D")
    ours, theirs = gym.make("WorldSim/CarRacing-v0"), gym.make("CarRacing-v3")
    seen, _ = ours.reset(seed=5)
    whole, _ = theirs.reset(seed=5)
    assert ours.action_space == gym.spaces.Box(-1, 1, (3,), np.float32)
    assert ours.spec.max_episode_steps == 1000
    total = 0.0
    for step in range(120):  # past the second in which the camera comes closer
        assert np.array_equal(seen, shrink(whole[:84], 64, 64))
        controls = np.array([np.sin(step / 5), 0.8, -0.5], np.float32)
        seen, reward, *_ = ours.step(controls)
        whole, expected, *_ = theirs.step(np.array([controls[0], 0.9, 0], np.float32).astype(np.float32))
        assert reward == pytest.approx(expected)
        total += reward
    assert total > 0
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
