"""The worlds that ship with the package, by name; imports no torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def bundled_folder(name: str) -> Path:
    """Where a bundled world lies."""
    return Path(str(files("worldsim.weights"))) / name


def bundled() -> list[str]:
    """Names of the worlds that ship with the package."""
    root = Path(str(files("worldsim.weights")))
    return sorted(path.parent.name for path in root.glob("*/config.json"))


def called(place: str | Path) -> str:
    """What to say to a command for a folder: the name of a bundled world (also for its agent), or the path as it is."""
    for folder in (Path(place), *Path(place).parents):
        if folder.parent == bundled_folder("") and folder.name in bundled():
            return folder.name
    return str(place)
