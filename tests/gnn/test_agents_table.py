"""The table of agents: own rows and those of other worlds, each with its own n."""

from __future__ import annotations

from typing import Any

from tests.scripts import load_script


def _other(condition: str, world: str, seed: int, mean: float, dreamed: float | None) -> dict[str, Any]:
    real = {"env": f"WorldSim/PacManFlag-v0 through {world}", "mean": mean, "n": 500}
    return {
        "condition": condition,
        "seed": seed,
        "steps": 0 if condition == "random" else 8192,
        "real": real,
        "dream": None if dreamed is None else {"mean": dreamed},
    }


def test_rows_are_joined_by_place_and_steps_and_none_counts_twice() -> None:
    own = [
        {"learned in": "dream", "seed": seed, "steps": 4096, "real": float(seed), "n": 100, "dreamed": 2.5}
        for seed in (1, 3)
    ]
    lone = _other("dream (GameGAN)", "pacman-gamegan", 0, 0.5, 0.25)
    others = [lone, lone, _other("random", "nothing", 0, -0.25, None), _other("dream (x)", "untrained", 0, 9.0, 9.0)]
    others.append(_other("reality, same features", "pacman-gamegan", 0, 0.75, None))
    lines = load_script("graph_agents").table(own, others).splitlines()[2:]
    assert lines == [
        "| dream (`pacman-graph`) | symbols | 4,096 | 2.00 ± 12.71 | 2.50 | 2 | 100 |",  # t(1) = 12.706, sd sqrt(2)
        "| dream (`pacman-gamegan`) | features of `pacman-gamegan` | 8,192 | 0.50 | 0.25 | 1 | 500 |",
        "| random |  |  | -0.25 |  | 1 | 500 |",
        "| reality | features of `pacman-gamegan` | 8,192 | 0.75 |  | 1 | 500 |",
    ]
