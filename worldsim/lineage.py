"""Lineage: a world and those whose weights it went on with; all of their training is in its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worldsim.checkpoint import World, load

_SUMMED = ("steps", "seconds", "vision_steps", "vision_seconds", "total_seconds")


def lineage(folder: str | Path) -> list[World]:
    """The world in a folder, the one that it was started from, and so on, as far as they lie side by side."""
    folder, made = Path(folder), list[World]()
    while (folder / "config.json").is_file() and folder.name not in [one.name for one in made]:
        made.append(load(folder))
        folder = folder.parent / str(made[-1].provenance.get("started_from"))
    return made


def training(made: Sequence[World]) -> dict[str, float]:
    """Updates and seconds of all of them, under the names of a world's ``provenance``."""
    known = [name for name in _SUMMED if all(name in world.provenance for world in made)]
    return {name: round(sum(world.provenance[name] for world in made), 1) for name in known}
