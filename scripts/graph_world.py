"""The graph world of Pac-Man, from nothing: recordings of small boards, a world, and the tables that measure it.

    python scripts/graph_world.py record train      # 26 minutes on a busy machine
    python scripts/graph_world.py install           # copy the world into the package

It learns from boards of 64 to 192 cells, two kinds of them long and narrow, so that far things are far. Most episodes
begin in the midst of a game (the environment's ``anywhere``), so that short ones show every phase; a third is played
at random, a third repeats its last action, a third forages around the ghosts. Every stage goes on where it was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro

from worldsim.bundled import bundled_folder
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.errors import BadInput, Stopped
from worldsim.gnn.boards import on_board
from worldsim.gnn.forager import forager
from worldsim.gnn.train import TrainGraph

SHAPES = [(8, 8), (8, 11), (9, 9), (11, 10), (8, 24), (24, 8)]
PAD = [24, 24]
NAME = "pacman-graph"
SUMMARY = (
    "A graph world of Pac-Man: arcade and flag rules on boards of any size, learned from boards of at most 192 cells."
)


class Part(NamedTuple):
    """One recording."""

    name: str
    episodes: int
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Args:
    """Which stages, and at what cost."""

    stages: tyro.conf.Positional[tuple[Literal["record", "train", "install"], ...]]
    """Any of them, in this order."""
    out: Path = Path("runs/graph")
    """Folder for everything."""
    steps: int = 8_000
    """Updates."""
    share: float = 1.0
    """Of the episodes."""
    seed: int = 0
    """Of everything."""
    threads: int = 1
    """Of torch."""


def parts() -> list[Part]:
    """What is recorded, board by board."""
    found = []
    for rows, cols in SHAPES:
        base = {"observation": "board", "rows": rows, "cols": cols, "pad": PAD}
        at = f"{rows}x{cols}"
        found += [
            Part(f"arcade-{at}", 150, base),
            Part(f"arcade-anywhere-{at}", 750, {**base, "anywhere": True}),
            Part(f"flag-{at}", 100, {**base, "task": "flag"}),
            Part(f"flag-anywhere-{at}", 300, {**base, "task": "flag", "anywhere": True}),
        ]
        for ghosts, pellets in ((1, 4), (2, 2), (3, 0), (4, 0)):
            few = {**base, "ghosts": ghosts, "pellets": pellets, "anywhere": True}
            found.append(Part(f"arcade-{ghosts}-{pellets}-{at}", 60, few))
    return found


def record_all(args: Args) -> list[Path]:
    """All recordings; returns their folders."""
    folders = []
    for part in parts():
        folder = args.out / "recordings" / part.name
        episodes = max(2, round(part.episodes * args.share))
        policies = ["random", "sticky", forager]
        made = record(
            "WorldSim/PacManGraph-v0", policies, episodes, folder, args.seed, num_envs=64, env_kwargs=part.kwargs
        )
        folders.append(made.path)
    return folders


def train(args: Args, folders: list[Path]) -> World:
    """The world, with openings on the standard board of 14 x 14 cells, which it never saw."""
    out = args.out / NAME
    trainer = TrainGraph(tuple(folders), out, NAME, args.steps, seed=args.seed, threads=args.threads)
    world = trainer.train()
    assert world is not None
    world.provenance |= {"summary": SUMMARY, "env_kwargs": {"observation": "board"}, "horizon": 500}
    opened = on_board(world, rows=14, cols=14, count=128, boards_seed=args.seed)
    opened.save(out)
    return opened


def main(args: Args) -> None:
    """The stages asked for."""
    folders = record_all(args) if {"record", "train"} & set(args.stages) else []
    if "train" in args.stages:
        print(train(args, folders).provenance["losses"])
    if "install" in args.stages:
        import worldsim

        world = worldsim.load(args.out / NAME)
        replace(world, name=NAME).save(bundled_folder(NAME))
        print(f"installed {NAME}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"graph_world: {error}") from None
