"""Every id that `import worldsim` registers, by string: nothing here imports an environment, or torch."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

_PACMAN = "worldsim.envs.pacman.env"
_DREAM = "worldsim.envs.dream"

_GAME = {"module": _PACMAN, "single": "PacManEnv", "vector": "PacManVectorEnv"}

REAL: dict[str, dict[str, Any]] = {
    "WorldSim/PacMan-v0": {**_GAME, "task": "arcade", "max_episode_steps": 500},
    "WorldSim/PacManFlag-v0": {**_GAME, "task": "flag", "max_episode_steps": None},  # ends at its own 40th step
    "WorldSim/PacManMaze-v0": {**_GAME, "task": "maze", "max_episode_steps": 200},
}
"""Real environments: where their classes live, which task they play and where they are cut off."""

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
                max_episode_steps=entry["max_episode_steps"],
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
