"""Every id that `import worldsim` registers, by string: nothing here imports an environment, or torch."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from worldsim.bundled import bundled

_PACMAN = "worldsim.envs.pacman.env"
_DREAM = "worldsim.envs.dream"

_GAME = {"module": _PACMAN, "single": "PacManEnv", "vector": "PacManVectorEnv"}
_GRAPH = {"module": "worldsim.envs.pacman.graph", "single": "PacManGraphEnv", "vector": "PacManGraphVectorEnv"}

REAL: dict[str, dict[str, Any]] = {
    "WorldSim/PacMan-v0": {**_GAME, "task": "arcade", "max_episode_steps": 500},
    "WorldSim/PacManFlag-v0": {**_GAME, "task": "flag", "max_episode_steps": None},  # ends at its own 40th step
    "WorldSim/PacManMaze-v0": {**_GAME, "task": "maze", "max_episode_steps": 200},
    "WorldSim/PacManGraph-v0": {**_GRAPH, "task": "arcade", "max_episode_steps": 500},
    "WorldSim/TakeCover-v0": {
        "module": "worldsim.envs.take_cover",
        "single": "TakeCoverEnv",
        "max_episode_steps": 2100,
    },
    "WorldSim/CarRacing-v0": {
        "module": "worldsim.envs.car_racing",
        "single": "CarRacingEnv",
        "max_episode_steps": 1000,
    },
    "WorldSim/Frame-v0": {"module": "worldsim.envs.frame", "single": "FrameEnv", "max_episode_steps": None},
}
"""Real environments: where their classes live, which task they play and where they are cut off. Without a class for
many rows ("vector") they are stepped one by one; the last takes any environment (``env=ID``)."""

_DREAMS = {
    "WorldSim/PacManDream-v0": ("pacman-spatial", 60),  # of WorldSim/PacManFlag-v0, which the dream ends itself: a
    "WorldSim/PacManVMDream-v0": ("pacman-vm", 60),  # cut at 60 is for a dream that misses the 40th step
    "WorldSim/PacManArcadeDream-v0": ("pacman-arcade", 500),  # of WorldSim/PacMan-v0, as long as that
    "WorldSim/PacManGameGAN-v0": ("pacman-gamegan", 40),  # of WorldSim/PacManFlag-v0; it does not know the 40th step
    "WorldSim/MazeGameGAN-v0": ("maze-gamegan", 500),  # of WorldSim/PacManMaze-v0
    "WorldSim/PacManGraphDream-v0": ("pacman-graph", 500),  # of WorldSim/PacManGraph-v0
    "WorldSim/TakeCoverDream-v0": ("takecover-vm", 2100),  # of WorldSim/TakeCover-v0
    "WorldSim/CarRacingDream-v0": ("carracing-vm", 1000),  # of WorldSim/CarRacing-v0
}
"""Ids of bundled worlds, and the steps after which an episode is truncated."""

DREAMED: dict[str, str | None] = {
    "WorldSim/Dream-v0": None,
    **{id: world for id, (world, _) in _DREAMS.items() if world in bundled()},
}
"""Dreamed environments that this installation has, and the bundled world each one runs (None: the caller names it
with ``model=``)."""


def register_all() -> None:
    """Register every id once; a second call changes nothing."""
    for id, entry in REAL.items():
        if id not in gym.registry:
            gym.register(
                id,
                entry_point=f"{entry['module']}:{entry['single']}",
                vector_entry_point=f"{entry['module']}:{entry['vector']}" if "vector" in entry else None,
                max_episode_steps=entry["max_episode_steps"],
                kwargs={"task": entry["task"]} if "task" in entry else {},
            )
    for id, world in DREAMED.items():
        if id not in gym.registry:
            gym.register(
                id,
                entry_point=f"{_DREAM}:DreamEnv",
                vector_entry_point=f"{_DREAM}:DreamVectorEnv",
                max_episode_steps=None if world is None else _DREAMS[id][1],
                kwargs={} if world is None else {"model": world},
            )
