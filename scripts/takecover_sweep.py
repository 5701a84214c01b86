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
from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.score import Score
from worldsim.dream import Dream
from worldsim.envs.take_cover import MAX_STEPS, TakeCoverEnv
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
    seed: int = 0
    """Shifts the seeds of games and dreams."""
    threads: int = 1
    out: Path = Path("runs/takecover-sweep.json")


class Unseen(TakeCoverEnv):
    """The game with pictures that are cheap to draw, as nobody looks at them."""

    resolution = "RES_160X120"

    def _look(self) -> NDArray[np.uint8]:
        return self._picture


def side(half: int, step: int) -> float:
    """The action of a step counted from 0: right (1) or left (-1)."""
    return 1.0 if (step + half // 2) // half % 2 == 0 else -1.0


def real(env: TakeCoverEnv, half: int, args: Args) -> NDArray[np.float64]:
    """Steps survived in every game."""
    lengths = np.zeros(args.episodes)
    for i in range(args.episodes):
        env.reset(seed=EVALUATION_SEEDS + args.seed + i)
        over, step = False, 0
        while not over and step < MAX_STEPS:
            over, step = env.step(np.array([side(half, step)], np.float32))[2], step + 1
        lengths[i] = step
    return lengths


def dreamed(world: worldsim.World, half: int, args: Args) -> NDArray[np.float64]:
    """Steps survived in every dream."""
    rows = torch.arange(args.dreams)
    dream = Dream(world, args.dreams, args.temperature, precision="bf16")
    dream.reset(rows, rows + EVALUATION_SEEDS + args.seed)
    playing, lengths = torch.ones(args.dreams, dtype=torch.bool), torch.zeros(args.dreams)
    for step in range(MAX_STEPS):
        lengths += playing
        playing &= ~dream.step(torch.full((args.dreams, 1), side(half, step))).terminated
        if not playing.any():
            break
    return lengths.double().numpy()


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
    env = Unseen(args.skill) if args.episodes else None
    if env is not None:
        players["reality"] = lambda half: real(env, half, args)
    for name in args.worlds:
        world = worldsim.load(name)
        if (found := world.openings.shard.about.env_id) != ENV:
            raise BadInput(f"--worlds {name} is of {found}, expected one of {ENV}")
        players[f"dream of {Path(name).name}"] = lambda half, world=world: dreamed(world, half, args)  # type: ignore[misc]
    rows: list[dict[str, Any]] = []
    for half in args.halves:
        scores = [score(f"{half} steps to each side", place, play(half), args) for place, play in players.items()]
        rows.append({"half": half} | {found.env: found.to_json(episodes=False) for found in scores})
        print(*scores, sep="\n", flush=True)
    if env is not None:
        env.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    about = {"skill": args.skill, "temperature": args.temperature, "seed": args.seed}
    written = {**about, "rows": rows}
    args.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"{table([written])}\nwrote {args.out}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"takecover_sweep: {error}") from None
