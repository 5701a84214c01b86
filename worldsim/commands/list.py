"""``worldsim list``: what is here to record, to dream in and to play."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from worldsim.bundled import bundled, bundled_folder
from worldsim.envs.registration import DREAMED, REAL

EXTRAS = {
    "vizdoom": "vizdoom",
    "box2d": "Box2D",
    "ale": "ale_py",
    "minari": "minari",
    "cma": "cma",
    "hub": "huggingface_hub",
}
"""Optional parts of the installation and the module that each one brings."""


@dataclass(frozen=True)
class List:
    """Show the real environments, the dreamed ones, the bundled worlds and the optional parts that are installed."""

    json: bool = False
    """Print one JSON object instead of the tables."""

    def run(self) -> None:
        """Print what is here."""
        found = inventory()
        print(json.dumps(found, indent=2) if self.json else page(found))


def inventory() -> dict[str, Any]:
    """Everything that ``worldsim list --json`` prints."""
    return {
        "real": list(REAL),
        "dreamed": [{"id": id, "world": world} for id, world in DREAMED.items()],
        "worlds": bundled_worlds(),
        "extras": [
            {"name": name, "installed": find_spec(module) is not None, "install": f'pip install "worldsim-rl[{name}]"'}
            for name, module in EXTRAS.items()
        ],
    }


def bundled_worlds() -> list[dict[str, Any]]:
    """The worlds that ship with the package, read from their config.json alone (loading one would need torch)."""
    worlds = []
    for name in bundled():
        folder = bundled_folder(name)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        provenance = config["provenance"]
        worlds.append(
            {
                "name": name,
                "kind": config["kind"],
                "environment": provenance.get("env_id", ""),
                "megabytes": round(size / 1e6, 1),
                "summary": provenance.get("summary", ""),
                "scores": provenance.get("scores", []),
            }
        )
    return worlds


def page(found: dict[str, Any]) -> str:
    """The same for a person."""
    lines = ["Real environments (gymnasium.make, gymnasium.make_vec, worldsim record, worldsim play)"]
    lines += [f"  {id}" for id in found["real"]]
    lines += ["", "Dreamed environments"]
    lines += [f"  {row['id']:<32}{row['world'] or 'any world: model=NAME_OR_FOLDER'}" for row in found["dreamed"]]
    lines += ["", "Bundled worlds (worldsim.load(NAME), worldsim play NAME)"]
    for world in found["worlds"]:
        lines.append(f"  {world['name']:<32}{world['kind']:<15}{world['environment']:<25}{world['megabytes']:>5.1f} MB")
        if world["scores"]:  # the first row of the card's table is the headline
            lines.append(" " * 34 + ", ".join(f"{key} {value}" for key, value in world["scores"][0].items()))
    if not found["worlds"]:
        lines.append("  none in this installation")
    lines += ["", "Optional parts"]
    lines += [f"  {row['name']:<32}{'installed' if row['installed'] else row['install']}" for row in found["extras"]]
    return "\n".join(lines)
