"""Players by the clock, and dreams that are made as deadly as reality for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

import worldsim
from worldsim.agents.clock import as_deadly, dreamed_lives, ending_above, lives, mean_lives, side
from worldsim.envs.take_cover import TakeCoverEnv, UnseenTakeCover
from worldsim.errors import BadInput
from worldsim.vision_memory.world import VisionMemoryWorld

HORIZON = 120


def test_it_turns_after_half_a_stretch_and_then_after_whole_ones() -> None:
    assert [side(4, step) for step in range(12)] == [1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1]


def test_the_threshold_is_of_the_logit_and_goes_with_the_world(tmp_path: Path) -> None:
    world = worldsim.load("takecover-vm")
    assert isinstance(world.model, VisionMemoryWorld)
    strict, never = ending_above(world, -50.0), ending_above(world, 50.0)
    assert dreamed_lives(strict, [4, 9], range(3), HORIZON).tolist() == [[1.0] * 3] * 2
    assert dreamed_lives(never, [4], range(2), HORIZON).tolist() == [[HORIZON] * 2]
    strict.save(tmp_path / "strict")
    assert worldsim.load(tmp_path / "strict").model.config.ends_above == -50.0  # type: ignore[attr-defined]
    shifted = ending_above(world, 0.0)  # a threshold does what another bias of the logit does
    with torch.no_grad():
        shifted.model.memory.head.bias[0] += 4.0  # type: ignore[union-attr, index, operator]
    same = dreamed_lives(ending_above(world, -4.0), [20], range(4), 400)
    assert dreamed_lives(shifted, [20], range(4), 400).tolist() == same.tolist()
    with pytest.raises(BadInput, match="M's logit of endings .takecover-vm., got carracing-vm"):
        ending_above(worldsim.load("carracing-vm"), -1.0)


def test_a_dream_becomes_as_deadly_as_it_is_told_reality_is() -> None:
    world = worldsim.load("takecover-vm")
    seeds, horizon = range(16), 500
    before = dreamed_lives(world, [15, 20], seeds, horizon).mean(1)
    made = as_deadly(world, {15: before[0] / 1.5, 20: before[1] / 1.5}, seeds, horizon)
    lived = dreamed_lives(made, [15, 20], seeds, horizon).mean(1)
    assert made.model.config.ends_above < 0  # type: ignore[attr-defined]
    assert abs(np.log(lived / before).mean() + np.log(1.5)) < 0.15  # as near as an eighth of a logit comes


class Five(gym.Env[Any, Any]):
    """Kills as soon as its player has been to the left, after five steps at the latest."""

    observation_space, action_space = Box(0, 255, (1, 1, 3), np.uint8), Box(-1, 1, (1,))
    made = 0

    def __init__(self) -> None:
        Five.made += 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.age = 0
        return np.zeros((1, 1, 3), np.uint8), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.age += 1
        return np.zeros((1, 1, 3), np.uint8), 1.0, bool(action[0] < 0), self.age == 5, {}


def test_lives_are_kept_and_only_what_is_missing_is_played(tmp_path: Path) -> None:
    kept = tmp_path / "new" / "lives.json"
    assert mean_lives(Five, (2, 6), range(3), kept) == {2: 2, 6: 4}
    assert mean_lives(Five, (6, 40), range(3), kept) == {6: 4, 40: 5}
    assert Five.made == 2
    assert mean_lives(Five, (40, 2), range(3), kept) == {40: 5, 2: 2}
    assert Five.made == 2  # all known
    assert mean_lives(Five, (2,), range(4), kept) == {2: 2}  # of other games
    assert Five.made == 3


def test_small_pictures_change_nothing_of_the_game() -> None:
    pytest.importorskip("vizdoom")
    ends = []
    for kind in (UnseenTakeCover, TakeCoverEnv):
        env = kind(5)
        ends.append(lives(env, 60, (0, 1)).tolist())
        env.close()
    assert ends[0] == ends[1]
    assert ends[0][0] != ends[0][1]
