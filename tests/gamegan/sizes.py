"""Small GameGANs for tests."""

from __future__ import annotations

from dataclasses import replace

import torch
from gymnasium.spaces import Discrete

from worldsim.gamegan.flat import FlatConfig
from worldsim.gamegan.grid.simulator import GridConfig
from worldsim.gamegan.judges.judges import JudgeConfig
from worldsim.gamegan.presets import PRESETS, Settings
from worldsim.gamegan.world import GameGANConfig, GameGANWorld
from worldsim.space_json import to_json

GRID = GridConfig(
    cell=8,
    rows=4,
    cols=5,
    encoder=6,
    seen=8,
    hidden=6,
    gated=8,
    context=12,
    summary=2,
    options=4,
    painter=4,
    memory=3,
    mixed=6,
)
FLAT = FlatConfig(hidden=16, noise=3, width=4, slots=5, attributes=4, types=8)
FULL = replace(FLAT, memory=True, blocks="simple", width=2)


def world(simulator: str = "grid", **changes: object) -> GameGANWorld:
    """An untrained world; the outcome table holds 0, 1 and (2, end)."""
    config = GameGANConfig(
        (32, 40, 3) if simulator == "grid" else (64, 64, 3), to_json(Discrete(5)), 3, simulator, GRID, FLAT
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GameGANWorld(replace(config, **changes))  # type: ignore[arg-type]
    model.outcome.reward.copy_(torch.arange(3.0))
    model.outcome.terminated[2] = True
    return model


def settings(preset: str = "small", **changes: object) -> Settings:
    """A preset with networks of these sizes."""
    base = PRESETS[preset]
    flat = FULL if base.flat.memory else FLAT
    judges = None if base.judges is None else JudgeConfig("grid")
    tiny = replace(base, grid=GRID, flat=flat, judges=judges, length=4, batch=2, steps=10, warm=2)
    return replace(tiny, **changes)  # type: ignore[arg-type]
