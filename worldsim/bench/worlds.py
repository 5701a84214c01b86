"""Untrained worlds of stated sizes: speed does not depend on what the weights are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Discrete

from worldsim.checkpoint import World, new_model
from worldsim.data.episode import Episode
from worldsim.data.shard import About
from worldsim.gamegan.presets import PRESETS
from worldsim.gamegan.world import GameGANConfig
from worldsim.openings import Openings, write_openings
from worldsim.space_json import to_json
from worldsim.spatial.world import SpatialConfig
from worldsim.vision_memory.world import VisionMemoryConfig

CAR = "vision-memory Z32 H256 K5"
"""The published CarRacing size: 4,348,547 + 422,368 parameters."""
_OUTCOMES = 6


def car_world(folder: Path, outcomes: bool) -> World:
    """World Models' V and M of CarRacing size; ``outcomes`` adds our head for reward and ending."""
    space = Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))
    shape = (64, 64, 3)
    config = VisionMemoryConfig(shape, to_json(space), 32, 256, 5, outcomes=_OUTCOMES if outcomes else 0)
    name = f"{CAR} + outcome head" if outcomes else CAR
    return _world(folder / f"car-{outcomes}.h5", "vision-memory", config, space, shape, name)


def spatial_world(folder: Path) -> World:
    """A spatial world of its default size, for 84x84 pictures and five actions."""
    space, shape = Discrete(5), (84, 84, 3)
    config = SpatialConfig(shape, to_json(space), _OUTCOMES)
    return _world(folder / "spatial.h5", "spatial", config, space, shape, "spatial 7x7")


def gamegan_world(folder: Path, preset: str) -> World:
    """GameGAN as a preset builds it, for five actions, with frames of the size that it draws."""
    settings, space = PRESETS[preset], Discrete(5)
    side = settings.flat.side if settings.simulator == "flat" else settings.grid.cell * settings.grid.rows
    shape = (side, side, 3)
    config = GameGANConfig(shape, to_json(space), _OUTCOMES, settings.simulator, settings.grid, settings.flat, preset)
    return _world(folder / f"gamegan-{preset}.h5", "gamegan", config, space, shape, f"GameGAN {preset}")


def _world(path: Path, kind: str, config: Any, space: Space[Any], shape: tuple[int, int, int], name: str) -> World:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = new_model(kind, config).eval().requires_grad_(False)
    return World(kind, model, _openings(path, space, shape), {}, f"{name} (untrained)")


def _openings(path: Path, space: Space[Any], shape: tuple[int, int, int], count: int = 32) -> Openings:
    """Noise of two steps."""
    rng = np.random.default_rng(0)
    space.seed(0)
    episodes = [
        Episode(
            rng.integers(0, 256, (3, *shape), dtype=np.uint8),
            np.stack([space.sample(), space.sample()]),
            np.zeros(2, np.float32),
            terminated=False,
            truncated=True,
            seed=i,
            env_id="noise",
            index=i,
        )
        for i in range(count)
    ]
    return write_openings(path, episodes, About("noise", shape, to_json(space)))
