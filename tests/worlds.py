"""Small untrained worlds over real recordings, made once a test run: for tests of everything above the seam."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch

import worldsim
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.heads import recorded_outcomes
from worldsim.openings import pick_openings, write_openings
from worldsim.space_json import to_json
from worldsim.spatial.transition import TransitionConfig
from worldsim.spatial.world import SpatialConfig, SpatialWorld
from worldsim.vae.patch_vq import PatchVQConfig


@cache
def flag_recording() -> Recording:
    """Forty random episodes of WorldSim/PacManFlag-v0."""
    return record("WorldSim/PacManFlag-v0", "random", 40, Path(mkdtemp()) / "recording", seed=1, num_envs=8)


def spatial_model(recording: Recording) -> SpatialWorld:
    """An untrained spatial world that fits a recording."""
    table = recorded_outcomes(recording)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SpatialWorld(
            SpatialConfig(
                recording.frame_shape,
                to_json(recording.action_space),
                len(table.reward),
                PatchVQConfig(codes=24, hidden=16),
                TransitionConfig(embedding=8, hidden=16, gated=12, channels=12, drawn=16, outcome_hidden=8),
            )
        )
    model.outcome.set_table(table)
    with torch.no_grad():
        model.tiles.copy_(model.vision.tiles())
    return model.eval().requires_grad_(False)


@cache
def spatial_world() -> World:
    """An untrained spatial world with twelve openings, saved and loaded again."""
    recording = flag_recording()
    folder = Path(mkdtemp()) / "untrained"
    folder.mkdir()
    openings = write_openings(folder / "openings.h5", pick_openings(recording, 12, 6, 0, True), recording.about)
    World("spatial", spatial_model(recording), openings, {"env_id": recording.env_id, "render_fps": 8}).save(folder)
    return worldsim.load(folder)


def spatial_folder() -> Path:
    """Where `spatial_world` lies."""
    return spatial_world().openings.shard.path.parent
