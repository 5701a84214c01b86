"""Every id that `import worldsim` registers, by string: nothing here imports an environment, or torch."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

_PACMAN = "worldsim.envs.pacman.env"
_DREAM = "worldsim.envs.dream"

REAL: dict[str, dict[str, Any]] = {
    "WorldSim/PacMan-v0": {"module": _PACMAN, "single": "PacManEnv", "vector": "PacManVectorEnv", "task": "arcade"},
    "WorldSim/PacManFlag-v0": {"module": _PACMAN, "single": "PacManEnv", "vector": "PacManVectorEnv", "task": "flag"},
    "WorldSim/PacManMaze-v0": {"module": _PACMAN, "single": "PacManEnv", "vector": "PacManVectorEnv", "task": "maze"},
}
"""Real environments: where their classes live and which task they play."""

DREAMED: dict[str, str | None] = {"WorldSim/Dream-v0": None}
"""Dreamed environments and the bundled world each one runs (None: the caller names it with ``model=``)."""


def register_all() -> None:
    """Register every id once; a second call changes nothing."""
    for id, entry in REAL.items():
        if id not in gym.registry:
            gym.register(
                id,
                entry_point=f"{entry['module']}:{entry['single']}",
                vector_entry_point=f"{entry['module']}:{entry['vector']}",
                kwargs={"task": entry["task"]},
            )
    for id, world in DREAMED.items():
        if id not in gym.registry:
            gym.register(
                id,
                entry_point=f"{_DREAM}:DreamEnv",
                vector_entry_point=f"{_DREAM}:DreamVectorEnv",
                kwargs={} if world is None else {"model": world},
            )
