"""How far a player gets in TakeCover without looking: from side to side by the clock, in reality and in dreams.

    python scripts/takecover_sweep.py --skill 4 --worlds takecover-vm

A controller that has learned to see fireballs must do better than this. And a dream that is as dangerous as reality
ends these players as soon: they find no holes in it, for they look for none. Real games have the seeds on which
controllers are tested. Prints a line for each half period and writes all of them to --out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

import worldsim
from worldsim.agents.clock import dreamed_lives, ending_above, lives
from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.score import Score
from worldsim.envs.take_cover import MAX_STEPS, UnseenTakeCover
from worldsim.errors import BadInput

ENV = "WorldSim/TakeCover-v0"


@dataclass(frozen=True)
class Args:
    """Who plays, and where."""

    skill: int = 4
    """Of the real game."""
    halves: tuple[int, ...] = (20, 40, 60, 80, 110, 125, 140, 170, 200)
    """Steps to one side before it turns; the first time half as many."""
    episodes: int = 1000
    """Real games of each; 0 leaves reality out."""
    worlds: tuple[str, ...] = ()
    """Vision-memory worlds of the game, folders or bundled names."""
    dreams: int = 256
    """Dreams of each, in each world."""
    temperature: float = 1.0
    """Of the dreams."""
    ends_above: float | None = None
    """Logit of an ending above which dreams end (default: the world's own; published 0)."""
    seed: int = 0
    """Shifts the seeds of games and dreams."""
    threads: int = 1
    out: Path = Path("runs/takecover-sweep.json")


def score(player: str, place: str, lengths: NDArray[np.float64], args: Args) -> Score:
    """Every step pays 1, so a return is a length."""
    return Score(player, place, lengths, lengths.astype(np.int64), EVALUATION_SEEDS + args.seed)


def table(files: Sequence[Mapping[str, Any]]) -> str:
    """What was written to several --out, side by side: a line for each half period."""
    columns = {}
    for one in files:
        for name in one["rows"][0]:
            if name != "half":
                where = f"skill {one['skill']}, {name}" if name == "reality" else f"{name}, T {one['temperature']:g}"
                if name != "reality" and one.get("ends_above") is not None:
                    where += f", ends above {one['ends_above']:g}"
                columns[where] = {row["half"]: row[name] for row in one["rows"]}
    halves = sorted({half for column in columns.values() for half in column})
    counts = [min(score["n"] for score in column.values()) for column in columns.values()]
    heading = [f"{name} (n {count:,})" for name, count in zip(columns, counts, strict=True)]
    lines = [["steps to each side", *heading], ["---:"] * (1 + len(columns))]
    for half in halves:
        found = [column.get(half) for column in columns.values()]
        cells = ["" if c is None else f"{c['mean']:.0f} ({c['low']:.0f} to {c['high']:.0f})" for c in found]
        lines.append([str(half), *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(args: Args) -> None:
    """Play all of it."""
    if min(args.halves, default=0) < 1 or args.episodes < 0 or args.dreams < 2 or args.episodes == 1:
        raise BadInput("--halves are at least 1, --dreams at least 2, --episodes 0 or at least 2")
    torch.set_num_threads(args.threads)
    players: dict[str, Callable[[int], NDArray[np.float64]]] = {}
    games, dreams = (range(begin := EVALUATION_SEEDS + args.seed, begin + n) for n in (args.episodes, args.dreams))
    env = UnseenTakeCover(args.skill) if args.episodes else None
    if env is not None:
        players["reality"] = lambda half: lives(env, half, games)
    for name in args.worlds:
        world = worldsim.load(name)
        if (found := world.openings.shard.about.env_id) != ENV:
            raise BadInput(f"--worlds {name} is of {found}, expected one of {ENV}")
        if args.ends_above is not None:
            world = ending_above(world, args.ends_above)
        players[f"dream of {Path(name).name}"] = lambda half, world=world: dreamed_lives(  # type: ignore[misc]
            world, [half], dreams, MAX_STEPS, args.temperature
        )[0]
    rows: list[dict[str, Any]] = []
    for half in args.halves:
        scores = [score(f"{half} steps to each side", place, play(half), args) for place, play in players.items()]
        rows.append({"half": half} | {found.env: found.to_json(episodes=False) for found in scores})
        print(*scores, sep="\n", flush=True)
    if env is not None:
        env.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    about = {"skill": args.skill, "temperature": args.temperature, "ends_above": args.ends_above, "seed": args.seed}
    written = {**about, "rows": rows}
    args.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"{table([written])}\nwrote {args.out}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"takecover_sweep: {error}") from None
