"""scripts/takecover_sweep.py: from side to side by the clock."""

from __future__ import annotations

import pytest
import torch

import worldsim
from tests.scripts import load_script
from worldsim.envs.take_cover import TakeCoverEnv


def test_it_turns_after_half_a_stretch_and_then_after_whole_ones() -> None:
    side = load_script("takecover_sweep").side
    assert [side(4, step) for step in range(12)] == [1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1]


def test_a_dream_that_kills_at_once_lasts_one_step() -> None:
    module = load_script("takecover_sweep")
    world = worldsim.load("takecover-vm")
    with torch.no_grad():
        world.model.memory.head.bias[0] = 50.0  # type: ignore[union-attr, index, operator]
    lengths = module.dreamed(world, 4, module.Args(dreams=3))
    assert lengths.tolist() == [1.0, 1.0, 1.0]


def test_small_pictures_change_nothing_of_the_game() -> None:
    pytest.importorskip("vizdoom")
    module = load_script("takecover_sweep")
    args = module.Args(skill=5, episodes=2)
    ends = []
    for kind in (module.Unseen, TakeCoverEnv):
        env = kind(5)
        ends.append(module.real(env, 60, args).tolist())
        env.close()
    assert ends[0] == ends[1]


def test_the_table_puts_files_side_by_side() -> None:
    table = load_script("takecover_sweep").table
    score = {"n": 9, "mean": 10.4, "sd": 1.0, "low": 9.6, "high": 11.2}
    real = {"skill": 4, "temperature": 1.0, "rows": [{"half": 20, "reality": score}]}
    dream = {"skill": 4, "temperature": 1.15, "rows": [{"half": 40, "dream of w": score}]}
    assert table([real, dream]).splitlines() == [
        "| steps to each side | skill 4, reality (n 9) | dream of w, T 1.15 (n 9) |",
        "| ---: | ---: | ---: |",
        "| 20 | 10 (10 to 11) |  |",
        "| 40 |  | 10 (10 to 11) |",
    ]
