"""A world and those whose weights it went on with."""

from __future__ import annotations

from pathlib import Path

import pytest

import worldsim
from worldsim.lineage import lineage, training


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """Three worlds side by side, and one that went on from a world elsewhere."""
    world = worldsim.load("pacman-graph")
    parents = {"one": None, "two": "one", "three": "two", "other": "far-away"}
    for updates, (name, parent) in enumerate(parents.items(), 1):
        world.provenance = {"env_id": "WorldSim/PacManGraph-v0", "steps": 10**updates, "seconds": updates + 0.25}
        world.provenance |= {} if parent is None else {"started_from": parent}
        world.save(tmp_path / name)
    return tmp_path


def test_all_training_of_a_world_is_that_of_its_line(family: Path) -> None:
    made = lineage(family / "three")
    assert [world.name for world in made] == ["three", "two", "one"]
    assert training(made) == {"steps": 1110, "seconds": 6.8}
    assert training(lineage(family / "one")) == {"steps": 10, "seconds": 1.2}


def test_a_line_ends_where_it_leaves_the_folder(family: Path) -> None:
    assert [world.name for world in lineage(family / "other")] == ["other"]
    assert lineage(family / "none") == []


def test_a_world_that_began_as_its_namesake_is_not_followed_for_ever(family: Path) -> None:
    world = worldsim.load(family / "one")
    world.provenance["started_from"] = "one"
    world.save(family / "one")
    assert len(lineage(family / "one")) == 1
