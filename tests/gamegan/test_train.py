"""From a recording to a GameGAN folder."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
import torch

import worldsim
from tests.blocks import record_block
from tests.conftest import Shell
from tests.gamegan.sizes import GRID
from worldsim.data.recording import Recording
from worldsim.errors import BadInput
from worldsim.gamegan import train as module
from worldsim.gamegan.presets import PRESETS
from worldsim.gamegan.train import Preset, TrainGameGAN, begin_as, fitted, grid_for, untrained


def tiny(folder: Path, **changes: object) -> TrainGameGAN:
    job = TrainGameGAN(
        folder / "recording", folder / "world", steps=6, batch=2, length=4, openings=5, device="cpu", threads=1
    )
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.PRESETS, "small", replace(PRESETS["small"], grid=GRID, alone=1))


def test_a_recording_becomes_a_world(tmp_path: Path) -> None:
    recording = record_block(tmp_path / "recording", actions="discrete")
    tiny(tmp_path).run()
    world = worldsim.load(tmp_path / "world")
    assert world.kind == "gamegan"
    assert world.provenance["frames"] == recording.num_frames
    assert world.provenance["preset"] == world.model.config.preset == "small"
    assert (world.model.config.grid.cell, world.model.config.grid.rows, world.model.config.grid.cols) == (8, 6, 5)
    dream = worldsim.Dream(world, 3)
    dream.reset(torch.arange(3), torch.arange(3))
    rewards = torch.cat([dream.step(torch.tensor([1, 2, 4])).reward for _ in range(4)])
    assert set(rewards.tolist()) <= {0.0, 1.0}
    assert dream.render().shape == (3, 48, 40, 3)
    assert list((tmp_path / "world" / "samples").iterdir())


def test_a_run_that_was_cut_short_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    whole = tiny(tmp_path, precision="32-true")
    whole.run()
    recording = worldsim.Recording(whole.recording)
    parts = replace(whole, out=tmp_path / "parts")
    settings = fitted(parts.settings, recording, "small")
    calls = 0

    class Killed(Exception):
        pass

    original = module.GameGANObjective.loss

    def dies(self, batch, generator, turn):
        nonlocal calls
        calls += turn == "generator"
        if calls == 5:
            raise Killed
        return original(self, batch, generator, turn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.GameGANObjective, "loss", dies)
        with pytest.raises(Killed):
            parts.fit(module.untrained(settings, recording, "small", 0), settings, recording)
    parts.run()
    expected = worldsim.load(tmp_path / "world").model.state_dict()
    for name, value in worldsim.load(tmp_path / "parts").model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_what_is_never_together_is_found_before_the_prior_learns_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = record_block(tmp_path / "recording", actions="discrete")
    looked = []

    def found(batches, kinds, cell):
        looked.append(sum(len(pictures) for pictures in batches))
        apart = torch.zeros(1 + len(kinds), 1 + len(kinds))
        apart[2, 3] = cell
        return apart

    monkeypatch.setattr(module, "never_together", found)
    tiny(tmp_path, steps=2).run()
    apart = worldsim.load(tmp_path / "world").model.simulator.choices.apart
    assert apart.nonzero().tolist() == [[2, 3]]
    assert apart.sum() == 8
    assert 10 <= looked[0] <= recording.num_frames
    tiny(tmp_path, out=tmp_path / "lstm", preset="small-lstm", steps=2).run()
    assert len(looked) == 1


def test_a_folder_of_another_preset_is_refused(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    tiny(tmp_path, steps=2).run()
    with pytest.raises(BadInput, match="preset was 'small', now 'small-m'; repeat those to go on, or choose another"):
        tiny(tmp_path, steps=2, preset="small-m").run()
    with pytest.raises(BadInput, match="batch was 2, now 3"):
        tiny(tmp_path, steps=2, batch=3).run()


def test_a_world_of_another_preset_is_refused(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    tiny(tmp_path, steps=2).run()
    path = tmp_path / "world" / "config.json"
    config = json.loads(path.read_text())
    config["config"]["grid"]["memory"] = 0
    path.write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"weights and config.json do not belong together"):
        worldsim.load(tmp_path / "world")


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="box")
    with pytest.raises(BadInput, match=r"discrete action space, .* has Box.*vision-memory"):
        tiny(tmp_path).run()
    record_block(tmp_path / "discrete", actions="discrete")
    job = tiny(tmp_path, recording=tmp_path / "discrete", preset="paper-64")
    with pytest.raises(BadInput, match="paper-64 needs frames of at least 64 x 64 pixels, got 48 x 40; use --pr"):
        job.run()
    assert not (tmp_path / "world").exists()


def test_a_world_may_begin_as_another(tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    tiny(tmp_path, steps=2).run()
    other = tiny(tmp_path, out=tmp_path / "other", start_from=str(tmp_path / "world"), seed=5, steps=1)
    settings = fitted(other.settings, Recording(other.recording), "small")
    model = untrained(settings, Recording(other.recording), "small", 5)
    assert begin_as(model, other.start_from) == "world"
    trained = worldsim.load(tmp_path / "world").model.simulator.state_dict()
    assert all(torch.equal(value, trained[name]) for name, value in model.simulator.state_dict().items())
    head = worldsim.load(tmp_path / "world").model.outcome.state_dict()
    assert all(torch.equal(value, head[name]) for name, value in model.outcome.state_dict().items())
    model = untrained(settings, Recording(other.recording), "small", 5)
    model.outcome.reward += 1  # other rewards were recorded: the head stands for other things
    begin_as(model, other.start_from)
    assert not all(torch.equal(value, head[name]) for name, value in model.outcome.state_dict().items())
    with pytest.raises(BadInput, match="of preset small, does not fit preset small-m"):
        tiny(tmp_path, out=tmp_path / "m", preset="small-m", start_from=str(tmp_path / "world")).run()
    with pytest.raises(BadInput, match="needs a GameGAN, pacman-spatial is of kind spatial"):
        begin_as(model, "pacman-spatial")


def test_cells_fit_the_frame() -> None:
    grid = PRESETS["small"].grid
    sizes = {
        (84, 84): (12, 7, 7),
        (64, 64): (8, 8, 8),
        (96, 72): (12, 8, 6),
        (210, 160): (12, 7, 7),
        (85, 84): (12, 7, 7),
    }
    for (height, width), expected in sizes.items():
        chosen = grid_for(grid, height, width)
        assert (chosen.cell, chosen.rows, chosen.cols) == expected


def test_every_preset_can_be_asked_for_and_given_fields_change_it() -> None:
    assert set(get_args(Preset)) == set(PRESETS)
    job = TrainGameGAN(Path("a"), Path("b"), preset="paper-84", batch=3, blur=0.1)
    assert job.settings == replace(PRESETS["paper-84"], batch=3, blur=0.1)
    offered = {f.name for f in fields(TrainGameGAN)} & {f.name for f in fields(job.settings)}
    assert offered == {"steps", "batch", "length", "curriculum", "learning_rate", "critic_rate", "blur", "prior_share"}
    assert replace(job, preset="small", margin=12).settings.grid == replace(PRESETS["small"].grid, margin=12)
    for preset, margin in (("small-m", 7), ("paper-84", 7), ("small", -1)):
        with pytest.raises(BadInput, match=f"--margin is 0 or more cells .* got {margin} for {preset}; lea"):
            _ = replace(job, preset=preset, margin=margin).settings  # type: ignore[arg-type]


def test_the_command_says_what_it_wrote_and_what_next(shell: Shell, tmp_path: Path) -> None:
    record_block(tmp_path / "recording", actions="discrete")
    sizes = "--steps 1 --batch 1 --length 4 --openings 3 --device cpu --preset small-m"
    done = shell("train", "gamegan", "recording", "--out", "world", *sizes.split())
    assert done.returncode == 0, done.stderr
    assert "worldsim play world" in done.stdout
    assert json.loads((tmp_path / "world" / "config.json").read_text())["kind"] == "gamegan"
