from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import Space
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

from worldsim.data.chance import key
from worldsim.data.policies import STICK, RandomPolicy, StickyPolicy, make_policies
from worldsim.data.source import make_source
from worldsim.data.turn import Turn, sample, size
from worldsim.errors import BadInput

SPACES: list[Space[Any]] = [
    Discrete(5),
    Discrete(3, start=-1),
    MultiDiscrete([2, 7]),
    MultiBinary(4),
    Box(np.array([-1, 0, 0], np.float32), 1.0),
    Box(-3, 4, (2, 2), np.int64),
]


def turn(n: int, age: int = 0, previous: Any = None) -> Turn:
    keys = np.array([key(9, i) for i in range(n)], np.uint64)
    return Turn(None, np.zeros(n, np.int64) if previous is None else previous, np.full(n, age), keys)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_random_actions_are_in_the_space_and_cover_it(space: Space[Any]) -> None:
    actions = RandomPolicy(space).act(turn(2000))
    assert actions.dtype == space.dtype
    assert all(space.contains(action) for action in actions)
    drawn = [space.sample() for _ in range(4000)]
    assert np.allclose(actions.mean(0), np.mean(drawn, 0), atol=0.3)
    assert np.array_equal(actions.min(0), np.min(drawn, 0)) or isinstance(space, Box)
    assert sample(space, np.full((1, size(space)), 1 - 1e-12)).shape == (1, *space.shape)
    assert space.contains(sample(space, np.full((1, size(space)), 1 - 1e-12))[0])


def test_random_is_a_function_of_episode_and_step() -> None:
    policy = RandomPolicy(Discrete(100))
    whole = policy.act(turn(50, age=3))
    part = turn(50, age=3)
    assert np.array_equal(
        policy.act(Turn(None, part.previous[20:30], part.ages[20:30], part.keys[20:30])), whole[20:30]
    )
    assert not np.array_equal(policy.act(turn(50, age=4)), whole)


def test_sticky_repeats_as_often_as_it_says() -> None:
    policy, n = StickyPolicy(Discrete(5)), 20_000
    previous = np.arange(n) % 5
    assert np.mean(policy.act(turn(n, 7, previous)) == previous) == pytest.approx(STICK + (1 - STICK) / 5, abs=0.01)
    assert np.mean(policy.act(turn(n, 0, previous)) == previous) == pytest.approx(1 / 5, abs=0.01)
    both = StickyPolicy(Box(-1.0, 1.0, (2,))).act(turn(n, 7, np.full((n, 2), 0.25, np.float32)))
    repeated = both == 0.25
    assert np.array_equal(repeated[:, 0], repeated[:, 1])  # an action is repeated as a whole
    assert repeated[:, 0].mean() == pytest.approx(STICK, abs=0.01)


def test_what_cannot_be_a_policy() -> None:
    with pytest.raises(BadInput, match="needs? bounds"):
        RandomPolicy(Box(-np.inf, np.inf, (2,)))
    with pytest.raises(BadInput, match="Discrete, Box"):
        RandomPolicy(Dict({"a": Discrete(2)}))
    with pytest.raises(BadInput, match="got 'sleepy'"):
        make_policies(["random", "sleepy"], Discrete(2), 0)


def test_what_cannot_be_a_saved_model(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        make_policies([f"sb3:{tmp_path}/absent"], Discrete(2), 0)
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(BadInput, match=r"text\.zip is no saved"):
        make_policies([f"sb3:{tmp_path}/text.zip"], Discrete(2), 0)
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.writestr("data", '{"clip_range": 0.2}')
    with pytest.raises(BadInput, match=r"half\.zip is damaged"):
        make_policies([f"sb3:{tmp_path}/half.zip"], Discrete(2), 0)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(BadInput, match="saved by none of PPO"):
        make_policies([f"sb3:{tmp_path}/other.zip"], Discrete(2), 0)
    with pytest.raises(BadInput, match="between 0 and 1"):
        make_policies([f"sb3:{tmp_path}/text.zip@1.5"], Discrete(2), 0)


class Hidden(gym.Env[Any, Any]):
    """Shows one number and renders a picture of it."""

    metadata = {"render_modes": ["rgb_array"]}
    observation_space, action_space = Box(0.0, 9.0, (1,)), Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.age = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        self.age += 1
        return np.full(1, self.age, np.float32), 0.0, False, self.age == 4, {}

    def render(self) -> Any:
        return np.full((5, 4, 3), self.age, np.uint8)


def test_a_policy_that_wants_the_frames_gets_them_where_they_are_rendered() -> None:
    gym.register("Test/Hidden-v0", Hidden)
    try:
        source = make_source("Test/Hidden-v0", 2, {}, 2)
        shown = source.reset([0, 1])
        frames = source.show(Box(0, 255, (5, 4, 3), np.uint8))
        assert frames == "frames"
        assert source.seen(shown, np.array([1]), frames).shape == (1, 5, 4, 3)
        assert source.show(None) is None
        assert source.seen(shown, np.array([1]), None).shape == (1, 1)
    finally:
        source.venv.close()
        gym.registry.pop("Test/Hidden-v0")
