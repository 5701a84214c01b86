"""From a recording to a spatial world folder: any image size, either kind of action, on again after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import worldsim
from tests.blocks import record_block
from tests.conftest import Shell
from worldsim.spatial.train import TrainSpatial
from worldsim.spatial.transition import TransitionConfig

SMALL = TransitionConfig(embedding=4, summary=2, hidden=8, gated=8, channels=8, drawn=8, outcome_hidden=8)


def tiny(folder: Path, **changes: object) -> TrainSpatial:
    job = TrainSpatial(
        folder / "recording",
        folder / "world",
        codes=12,
        vision_steps=6,
        steps=5,
        batch=2,
        openings=5,
        device="cpu",
        threads=1,
        transition=SMALL,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("actions", "changes"),
    [("box", {"precision": "32-true"}), ("discrete", {}), ("discrete", {"length": 6, "patch": 10})],
)
def test_a_recording_becomes_a_world(actions: str, changes: dict[str, object], tmp_path: Path) -> None:
    recording = record_block(tmp_path / "recording", actions=actions)  # type: ignore[arg-type]
    tiny(tmp_path, **changes).run()
    world = worldsim.load(tmp_path / "world")
    assert world.kind == "spatial"
    assert world.provenance["frames"] == recording.num_frames
    assert world.model.config.transition.clock == ("length" not in changes)  # only where whole episodes were trained
    dream = worldsim.Dream(world, 3)
    dream.reset(torch.arange(3), torch.arange(3))
    action = torch.from_numpy(np.stack([world.model.action_space.sample() for _ in range(3)]))
    rewards = torch.cat([dream.step(action).reward for _ in range(5)])
    assert set(rewards.tolist()) <= {0.0, 1.0}
    assert dream.render().shape == (3, 48, 40, 3)


def test_run_again_it_has_nothing_left_to_do_and_gives_the_same_world(tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    first = tiny(tmp_path).train()
    log = (tmp_path / "world" / "transition.jsonl").read_text()
    again = tiny(tmp_path).train()
    assert first is not None
    assert again is not None
    assert (tmp_path / "world" / "transition.jsonl").read_text() == log
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_the_command_line_trains_and_says_what_comes_next(shell: Shell, tmp_path: Path) -> None:
    record_block(tmp_path / "recording", episodes=6)
    options = "--steps 2 --vision-steps 2 --batch 2 --codes 8 --openings 3 --device cpu --threads 1"
    done = shell("train", "spatial", "recording", "--out", "world", *options.split())
    assert done.returncode == 0, done.stderr
    assert "wrote world" in done.stdout
    assert "worldsim play world" in done.stdout
    assert json.loads((tmp_path / "world" / "config.json").read_text())["kind"] == "spatial"


def test_no_recording_is_one_line(shell: Shell) -> None:
    done = shell("train", "spatial", "nowhere", "--out", "world")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "expected a recording at nowhere" in done.stderr
