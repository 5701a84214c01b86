"""start_as and trainer_of: a world begins as another one, and a training command is built from names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.worlds import flag_recording, spatial_folder, spatial_model, spatial_world
from worldsim.errors import BadInput
from worldsim.spatial.train import TrainSpatial
from worldsim.training.options import TRAINERS, trainer_of
from worldsim.training.start import start_as
from worldsim.vision_memory.train import TrainVisionMemory


def test_it_takes_over_every_weight_of_the_same_game() -> None:
    fresh = spatial_model(flag_recording())
    with torch.no_grad():
        for parameter in fresh.parameters():
            parameter.add_(1.0)
    assert start_as(fresh, str(spatial_folder())) == "untrained"
    for name, value in spatial_world().model.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name


def test_other_rewards_begin_with_a_new_head() -> None:
    fresh = spatial_model(flag_recording())
    fresh.outcome.reward += 1.0
    with torch.no_grad():
        for parameter in fresh.outcome.parameters():
            parameter.fill_(7.0)
    start_as(fresh, str(spatial_folder()))
    assert all((parameter == 7.0).all() for parameter in fresh.outcome.parameters())
    theirs = spatial_world().model.transition.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in fresh.transition.state_dict().items())


def test_another_kind_is_refused(tmp_path: Path) -> None:
    command = TrainVisionMemory(flag_recording().path, tmp_path, preset="fast", start_from=str(spatial_folder()))
    with pytest.raises(BadInput, match="of the kind that is trained"):
        command.untrained(flag_recording())


def test_trainers_by_name(tmp_path: Path) -> None:
    made = trainer_of("spatial", tmp_path / "r", tmp_path / "w", {"steps": 40, "transition.hidden": 9}, seed=3)
    assert isinstance(made, TrainSpatial)
    assert (made.steps, made.transition.hidden, made.seed) == (40, 9, 3)
    assert made.shorter(0.5) == trainer_of(
        "spatial", tmp_path / "r", tmp_path / "w", {"steps": 20, "vision_steps": 1500, "transition.hidden": 9}, seed=3
    )
    other = trainer_of("vision-memory", tmp_path, tmp_path, {"preset": "fast", "carry": True, "kl_weight": 1})
    assert isinstance(other, TrainVisionMemory)
    assert (other.settings.carry, other.settings.kl_weight) == (True, 1)
    assert other.shorter(0.1).settings.vision_steps == 30  # type: ignore[attr-defined]
    assert trainer_of("gamegan", tmp_path, tmp_path, {"steps": 10}).shorter(0.5).steps == 5  # type: ignore[attr-defined]
    assert len(TRAINERS) == 3
    for options, says in (({"preset": "slow"}, "does not take 'slow'"), ({"carry": 1}, "does not take 1")):
        with pytest.raises(BadInput, match=says):
            trainer_of("vision-memory", tmp_path, tmp_path, options)
    with pytest.raises(BadInput, match="of kind spatial, vision-memory, gamegan"):
        trainer_of("graph", tmp_path, tmp_path, {})
