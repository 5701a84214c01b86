"""Steps inside a world: features for an agent, and pictures."""

from __future__ import annotations

import numpy as np
import torch

from worldsim.arithmetic import Precision
from worldsim.bench.contest import Entry, Timer, repeat
from worldsim.bench.rival import Rival
from worldsim.checkpoint import World
from worldsim.dream import Dream

SMALL = 16
"""Streams below which bfloat16 is not tried: there it costs more than it saves."""
FEATURES, PICTURES = "feature steps", "pixel frames"


def steps(world: World, rows: int, compiled: bool, rival: Rival | None = None, aim: float | None = None) -> list[Entry]:
    """Imagined steps of ``rows`` streams with what the agent sees, and the rival's if there is one."""
    precisions: tuple[Precision, ...] = ("fp32",) if rows < SMALL else ("fp32", "bf16")
    chosen = [(p, False) for p in precisions] + ([(precisions[-1], True)] if compiled else [])
    against = rival.name if rival else "fp32"
    return [
        *([Entry(rival.name, f"B {rows}, fp32", f"{FEATURES}/s", rival.steps(rows), note=rival.note)] if rival else []),
        *(
            Entry(
                f"{world.name}, B {rows}",
                precision + (" compiled" if fast else ""),
                f"{FEATURES}/s",
                _steps(world, rows, precision, fast),
                "" if against == precision and not fast else against,
                aim,
            )
            for precision, fast in chosen
        ),
    ]


def pictures(world: World, rows: int, rival: Rival | None = None, aim: float | None = None) -> list[Entry]:
    """Imagined steps of ``rows`` streams, each drawn; with a rival only the drawing, as its interface has it."""
    precisions: tuple[Precision, ...] = ("fp32",) if rows < SMALL else ("fp32", "bf16")
    against = rival.name if rival else "fp32"
    unit = "decoded frames/s" if rival else f"{PICTURES}/s"
    return [
        *([Entry(rival.name, f"B {rows}, fp32", unit, rival.frames(rows), note=rival.note)] if rival else []),
        *(
            Entry(
                f"{world.name}, B {rows}",
                precision,
                unit,
                _drawn(world, rows, precision) if rival else _pictures(world, rows, precision),
                "" if against == precision else against,
                aim,
            )
            for precision in precisions
        ),
    ]


def _begun(world: World, rows: int, precision: Precision, compiled: bool) -> tuple[Dream, torch.Tensor]:
    dream = Dream(world, rows, precision=precision, compiled=compiled)
    dream.reset(torch.arange(rows), torch.arange(rows))
    space = world.model.action_space
    space.seed(0)
    actions = torch.from_numpy(np.stack([space.sample() for _ in range(rows)]))
    dream.step(actions)  # compiles
    return dream, actions


def _steps(world: World, rows: int, precision: Precision, compiled: bool) -> Timer:
    dream, actions = _begun(world, rows, precision, compiled)

    def act() -> None:
        dream.step(actions)
        dream.observe()

    return repeat(act, rows)


def _pictures(world: World, rows: int, precision: Precision) -> Timer:
    dream, actions = _begun(world, rows, precision, False)

    def act() -> None:
        dream.step(actions)
        dream.render()

    return repeat(act, rows)


def _drawn(world: World, rows: int, precision: Precision) -> Timer:
    dream, _ = _begun(world, rows, precision, False)
    return repeat(dream.render, rows)
