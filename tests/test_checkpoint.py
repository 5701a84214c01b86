"""World folders: what is written is what is loaded, and what is damaged is refused in one line."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

import worldsim
from tests.worlds import spatial_folder, spatial_world
from worldsim.checkpoint import new_model
from worldsim.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a sound world that a test may damage."""
    return Path(shutil.copytree(spatial_folder(), tmp_path / "world"))


def test_round_trip_keeps_every_bit(folder: Path, tmp_path: Path) -> None:
    world = worldsim.load(folder)
    again = worldsim.load(world.save(tmp_path / "again"))
    assert again.model.config == world.model.config
    assert again.provenance == world.provenance
    for name, value in world.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    assert (again.openings.episode(3).frames == world.openings.episode(3).frames).all()
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "openings.h5",
    ]


def test_half_precision_halves_the_file_and_rounds(folder: Path, tmp_path: Path) -> None:
    world = worldsim.load(folder)
    again = worldsim.load(world.save(tmp_path / "half", half=True))
    sizes = [(place / "model.safetensors").stat().st_size for place in (folder, tmp_path / "half")]
    assert sizes[1] < 0.7 * sizes[0]  # tiles and tables of integers keep their size
    for name, value in world.model.state_dict().items():
        other = again.model.state_dict()[name]
        assert other.dtype == value.dtype
        torch.testing.assert_close(other, value, rtol=2**-11, atol=1e-7)


def test_card_says_what_the_world_learned(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: worldsim\n")
    assert "WorldSim/PacManFlag-v0" in card


def test_a_loaded_model_is_frozen_and_in_evaluation_mode() -> None:
    model = spatial_world().model
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def test_damage_is_refused_in_one_line(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="model.safetensors is damaged") as caught:
        worldsim.load(folder)
    assert "\n" not in str(caught.value)


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.pt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(BadInput, match="found model.pt: pickles are never loaded"):
        worldsim.load(folder)
    with pytest.raises(BadInput, match="never unpickles"):
        worldsim.load(folder / "model.pt")


def test_unknown_keys_are_listed_with_the_known_ones(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())["config"]
    edit(folder, config={**config, "colour": 3})
    with pytest.raises(BadInput, match="unknown key 'colour' .* known: frame_shape, action"):
        worldsim.load(folder)
    edit(folder, config={**config, "vision": {**config["vision"], "tiles": 1}})
    with pytest.raises(BadInput, match=r"unknown key 'tiles' in the configuration of spatial.vision"):
        worldsim.load(folder)


def test_missing_keys_wrong_kind_wrong_format(folder: Path) -> None:
    edit(folder, kind="gamegan-9000")
    with pytest.raises(BadInput, match="got 'gamegan-9000'"):
        worldsim.load(folder)
    edit(folder, kind="spatial", format=99)
    with pytest.raises(BadInput, match="not a worldsim world of format 1"):
        worldsim.load(folder)
    edit(folder, format=1, config={"frame_shape": [84, 84, 3]})
    with pytest.raises(BadInput, match="incomplete"):
        worldsim.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(BadInput, match="config.json is damaged"):
        worldsim.load(folder)


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())["config"]
    edit(folder, config={**config, "transition": {**config["transition"], "hidden": 17}})
    with pytest.raises(BadInput, match="do not belong together"):
        worldsim.load(folder)


def test_missing_and_damaged_openings(folder: Path) -> None:
    (folder / "openings.h5").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="openings.h5"):
        worldsim.load(folder)
    (folder / "openings.h5").unlink()
    with pytest.raises(BadInput, match="no such file"):
        worldsim.load(folder)


def test_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no world named 'pacman-9000'"):
        worldsim.load("pacman-9000")
    with pytest.raises(BadInput, match="expected a world folder with config.json"):
        worldsim.load(tmp_path)


def test_new_model_refuses_an_unknown_kind() -> None:
    with pytest.raises(BadInput, match="expected one of the kinds"):
        new_model("dreamer", {})
