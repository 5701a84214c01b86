"""A world whose best linear controller is known: the point on a plane of tests/toys.py, saved with openings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from gymnasium.spaces import Discrete

from tests.toys import LinearConfig, LinearWorld
from worldsim.checkpoint import World
from worldsim.data.episode import Episode
from worldsim.data.shard import About
from worldsim.openings import write_openings
from worldsim.space_json import to_json


@cache
def point_world() -> World:
    """Openings near the middle; the reward is x[0], so the best controller always goes down."""
    rng = np.random.default_rng(0)
    about = About("Test/Point-v0", (8, 8, 3), to_json(Discrete(5)))
    episodes = []
    for i in range(6):
        frames = np.zeros((2, 8, 8, 3), np.uint8)
        frames[:, 0, :2, 0] = 128 + rng.integers(-8, 8, 2)
        episodes.append(
            Episode(frames, np.zeros(1, np.int64), np.zeros(1, np.float32), False, True, i, "Test/Point-v0")
        )
    path = Path(mkdtemp()) / "openings.h5"
    model = LinearWorld(LinearConfig(keep=0.5)).eval().requires_grad_(False)
    return World("linear", model, write_openings(path, episodes, about), {"horizon": 20}, "points")
