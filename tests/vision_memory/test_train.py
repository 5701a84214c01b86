"""From a recording to a world folder, for any image size and kind of action."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

import worldsim
from tests.blocks import record_block
from tests.conftest import Shell
from worldsim.errors import BadInput
from worldsim.vision_memory.settings import PRESETS, Settings
from worldsim.vision_memory.train import TrainVisionMemory


def tiny(folder: Path, **changes: object) -> TrainVisionMemory:
    job = TrainVisionMemory(
        folder / "recording",
        folder / "world",
        latent=4,
        hidden=16,
        vision_steps=3,
        vision_batch=8,
        memory_steps=4,
        memory_batch=4,
        length=6,
        openings=5,
        device="cpu",
        threads=1,
    )
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("actions", "changes"),
    [("box", {"preset": "repaired"}), ("discrete", {"precision": "32-true"}), ("box", {"preset": "takecover-paper"})],
)
def test_a_recording_becomes_a_world(actions: str, changes: dict[str, object], tmp_path: Path) -> None:
    recording = record_block(tmp_path / "recording", actions=actions)  # type: ignore[arg-type]
    tiny(tmp_path, **changes).run()
    world = worldsim.load(tmp_path / "world")
    assert world.kind == "vision-memory"
    assert world.provenance["frames"] == recording.num_frames
    assert world.provenance["steps"] == 4
    dream = worldsim.Dream(world, 3)
    dream.reset(torch.arange(3), torch.arange(3))
    action = torch.from_numpy(np.stack([world.model.action_space.sample() for _ in range(3)]))
    rewards = torch.cat([dream.step(action).reward for _ in range(5)])
    assert set(rewards.tolist()) <= ({1.0} if "takecover" in str(changes) else {0.0, 1.0})
    assert dream.render().shape == (3, 48, 40, 3)


def test_run_again_it_goes_on(tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    whole = tiny(tmp_path, precision="32-true")
    whole.run()
    expected = worldsim.load(tmp_path / "world").model.state_dict()
    parts = replace(whole, out=tmp_path / "parts")
    parts.fit_vision(parts.untrained(worldsim.Recording(parts.recording)).vision, worldsim.Recording(parts.recording))
    latents = tmp_path / "parts" / "latents"
    parts.run()
    kept = [(p.name, p.stat().st_mtime_ns) for p in latents.iterdir()]
    parts.run()
    assert kept == [(p.name, p.stat().st_mtime_ns) for p in latents.iterdir()]
    for name, value in worldsim.load(tmp_path / "parts").model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_the_eyes_of_another_world_can_be_kept(tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    tiny(tmp_path).run()
    tiny(tmp_path, out=tmp_path / "on", start_from=str(tmp_path / "world"), vision_steps=0).run()
    before, after = (worldsim.load(tmp_path / name) for name in ("world", "on"))
    for part, same in (("vision", True), ("memory", False)):
        pairs = zip(getattr(before.model, part).parameters(), getattr(after.model, part).parameters(), strict=True)
        assert all(torch.equal(old, new) for old, new in pairs) == same
    assert (after.provenance["vision_steps"], after.provenance["started_from"]) == (0, "world")
    assert not (tmp_path / "on" / "vision.jsonl").exists()
    with pytest.raises(BadInput, match="expected --start-from WORLD"):
        tiny(tmp_path, out=tmp_path / "blind", vision_steps=0).run()


def test_what_is_held_out_is_not_trained_on_and_its_cost_is_on_the_card(tmp_path: Path) -> None:
    recording = record_block(tmp_path / "recording")
    learned, held_out = recording.split(0.3)
    tiny(tmp_path, held_out=0.3).run()
    world = worldsim.load(tmp_path / "world")
    assert world.provenance["frames"] == learned.num_frames < recording.num_frames
    losses = world.provenance["losses"]
    assert world.provenance["held_out"] == 0.3
    assert {"held_out_nats_per_dim", "seen_nats_per_dim", "held_out_outcome_nats"} <= set(losses)
    assert len(list((tmp_path / "world" / "latents").iterdir())) == 2
    job = tiny(tmp_path, held_out=0.3)
    drawn = job.stretches(world.model.vision, held_out)
    steps = sum(int(batch.mask.sum()) for batch in drawn)
    assert steps >= held_out.num_steps  # there are fewer episodes than are asked for, so some come twice
    for share, message in ((1.0, "a share of the episodes"), (1e-9, "leaves 12 to train on and 0 to test on")):
        with pytest.raises(BadInput, match=message):
            tiny(tmp_path, held_out=share, out=tmp_path / "none").run()


@pytest.mark.parametrize("preset", ["published", "takecover-fast"])
def test_a_game_that_is_its_own_mirror_image_is_seen_twice(preset: str, tmp_path: Path) -> None:
    recording = record_block(tmp_path / "recording")
    plain, twice = tiny(tmp_path, preset=preset), tiny(tmp_path, preset=preset, mirror=1, out=tmp_path / "twice")
    plain.run()
    twice.run()
    (latents,) = (tmp_path / "twice" / "latents").iterdir()
    assert len(np.load(latents)) == 2 * recording.num_frames
    assert worldsim.load(tmp_path / "twice").provenance["mirror"] == 1
    models = [worldsim.load(tmp_path / name).model for name in ("world", "twice")]
    for part in ("vision", "memory"):
        pairs = zip(*(getattr(model, part).parameters() for model in models), strict=True)
        assert not all(torch.equal(a, b) for a, b in pairs)


def test_mirrors_need_a_number_with_two_sides(tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    record_block(tmp_path / "discrete", actions="discrete")
    with pytest.raises(BadInput, match="--mirror is the number, from 0, of a value in a Box action, got 2"):
        tiny(tmp_path, mirror=2).run()
    with pytest.raises(BadInput, match="got 0 for Discrete"):
        replace(tiny(tmp_path, mirror=0), recording=tmp_path / "discrete").run()
    with pytest.raises(BadInput, match="another range on each side"):
        tiny(tmp_path, mirror=0).check_mirror(Box(np.float32([-1, 0]), np.float32([2, 1])))


def test_given_fields_change_the_preset() -> None:
    job = TrainVisionMemory(Path("a"), Path("b"), preset="repaired", latent=16, colour_weights=False)
    assert job.settings == replace(PRESETS["repaired"], latent=16, colour_weights=False)
    assert set(get_args(get_type_hints(TrainVisionMemory)["preset"])) == set(PRESETS)
    offered = {f.name for f in fields(TrainVisionMemory)} & {f.name for f in fields(Settings)}
    assert {
        "latent",
        "hidden",
        "vision_steps",
        "memory_steps",
        "kl_tolerance",
        "kl_weight",
        "colour_weights",
    } <= offered


@pytest.mark.parametrize(
    ("preset", "v", "m"), [("carracing-paper", 4_348_547, 422_368), ("takecover-paper", 4_446_915, 0)]
)
def test_published_presets_are_the_published_worlds(preset: str, v: int, m: int, tmp_path: Path) -> None:
    settings = PRESETS[preset]
    assert (settings.mixtures, settings.kl_tolerance, settings.kl_weight, settings.outcome) == (5, 0.5, 1.0, False)
    assert (settings.vision_learning_rate, settings.memory_learning_rate, settings.clip) == (1e-4, 1e-3, 1.0)
    recording = record_block(tmp_path / "recording")
    job = TrainVisionMemory(recording.path, tmp_path, preset=preset)  # type: ignore[arg-type]
    model = job.untrained(recording)
    assert sum(p.numel() for p in model.vision.parameters()) == v
    assert m == 0 or sum(p.numel() for p in model.memory.parameters()) == m - 4 * 256  # the toy has an action less


def test_the_command_says_what_it_wrote_and_what_next(shell: Shell, tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    sizes = "--latent 4 --hidden 8 --vision-steps 2 --vision-batch 4 --memory-steps 2 --memory-batch 2 --openings 3"
    done = shell("train", "vision-memory", "recording", "--out", "world", "--device", "cpu", *sizes.split())
    assert done.returncode == 0, done.stderr
    assert "wrote world" in done.stdout
    assert "worldsim play world" in done.stdout
    assert json.loads((tmp_path / "world" / "config.json").read_text())["kind"] == "vision-memory"
