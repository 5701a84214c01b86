"""The bundled GameGANs and the scripts that make and show them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import worldsim
from tests.blocks import record_block
from tests.conftest import ROOT
from tests.scripts import load_script
from worldsim.bundled import bundled_folder
from worldsim.testing import check_world_model

WORLDS = {"pacman-gamegan": "WorldSim/PacManGameGAN-v0", "maze-gamegan": "WorldSim/MazeGameGAN-v0"}


@pytest.mark.parametrize("name", WORLDS)
def test_a_bundled_world_is_small_and_keeps_the_contract(name: str) -> None:
    assert sum(file.stat().st_size for file in bundled_folder(name).iterdir()) < 15e6
    world = worldsim.load(name)
    state = world.openings.states(world.model, torch.arange(4), torch.device("cpu"))
    check_world_model(world.model, world.model.render(state), rows=16)


@pytest.mark.parametrize(("name", "id"), WORLDS.items())
def test_its_game_is_played_and_stays_a_picture(name: str, id: str) -> None:
    env = gym.make(id, render_mode="rgb_array")
    first, _ = env.reset(seed=0)
    again, _ = env.reset(seed=0)
    assert np.array_equal(first, again)
    for step in range(8):
        observation, *_, truncated, _ = env.step(step % 5)
        assert env.observation_space.contains(observation)
        assert not truncated
    frame = env.render()
    assert frame.shape == (84, 84, 3)
    assert 0.02 < (frame > 128).any(2).mean() < 0.6  # walls, and much of the dark between them
    middle = frame[36:48, 36:48].astype(int)
    assert ((middle[..., 0] > 150) & (middle[..., 2] < 100)).any()  # something yellow or red: the player, or its end


def test_strips_are_of_fixed_seeds_and_begin_alike() -> None:
    strip = load_script("gamegan_strip")
    args = strip.Args("maze-gamegan", rows=2, shown=2, steps=2)
    real, dream = strip.stretches(args)
    assert real.shape == dream.shape == (2, 3, 84, 84, 3)
    assert np.array_equal(real[:, 0], dream[:, 0])  # the last frame that was shown
    assert np.array_equal(real, strip.stretches(args)[0])
    assert strip.sheet(real, dream).shape == (4 * 87, 3 * 87, 3)


def test_the_script_trains_a_world_on_a_recording(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    script = [sys.executable, str(ROOT / "scripts" / "gamegan_worlds.py"), "--world", "maze", "--data", "recording"]
    done = subprocess.run(
        [*script, "--out", "runs", "--steps", "1", "--batch", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert worldsim.load(tmp_path / "runs" / "maze-gamegan").provenance["horizon"] == 500
