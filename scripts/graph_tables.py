"""How exact the graph world of Pac-Man is, measured against the game's own rules: every table of docs/graph_worlds.md.

    python scripts/graph_tables.py exact speed plan          # the bundled world
    python scripts/graph_tables.py baselines curve           # trains networks
    python scripts/graph_tables.py exact --small             # a minute, with wide intervals

``baselines`` and ``curve`` learn from the recordings of `scripts/graph_world.py record` (give its --out as --data).
Boards are drawn from seeds that no recording has. "Exact" is: every ghost, every heading, every crumb of the board
right at once, of steps in which the rules draw nothing at random; ``everything`` adds the counters, the reward and the
ending. Each part writes PART.json; tables.md is written from all that there are. A part that is done is not repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

import worldsim
from worldsim.data.recording import Recording
from worldsim.envs.pacman import rules
from worldsim.envs.pacman.planes import board_planes, with_ways_home
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import make_task
from worldsim.errors import BadInput
from worldsim.gnn.baselines import BASELINES, NodePredictor
from worldsim.gnn.board import decode
from worldsim.gnn.choices import NOISE, Draw
from worldsim.gnn.measure import ROLLOUTS, Step, copied, likeliest, nats, one_step, play, roll_out, told_counters
from worldsim.gnn.objective import GraphObjective
from worldsim.gnn.planning import compare_players
from worldsim.gnn.tables import Rows, markdown, shape_name
from worldsim.gnn.transition import GraphConfig, GraphTransition
from worldsim.gnn.transitions import Transitions

SIZES = ((14, 14), (28, 28), (40, 40))
"""Boards of 1, 4 and 8 times the area of the largest ones that were recorded (192 cells)."""
BOARDS = ((10, 11), *SIZES)
PAD = (11, 11)
"""Frames of the plain networks, which learn from the recordings that fit: four of the six kinds of boards."""
Part = Literal["exact", "speed", "plan", "baselines", "curve"]


@dataclass(frozen=True)
class Args:
    """What to measure."""

    parts: tyro.conf.Positional[tuple[Part, ...]]
    """Any of them."""
    world: str = "pacman-graph"
    """Bundled name or folder."""
    out: Path = Path("runs/graph-tables")
    """Folder for the json files and tables.md."""
    data: Path = Path("runs/graph")
    """Where `scripts/graph_world.py record` wrote."""
    games: int = 300
    """Boards of each size and task."""
    updates: int = 1000
    """Of each baseline, and of each world of the curve."""
    seed: int = 0
    """Of networks that are trained here."""
    threads: int = 1
    """Of torch."""
    small: bool = False
    """A minute: few games, few updates."""


def exact(args: Args) -> Rows:
    """One step, channels, roll-outs, nats and first steps of the world."""
    step_of = worldsim.load(args.world).model.transition
    rows: Rows = []
    for task in ("arcade", "flag"):
        for shape in BOARDS if task == "arcade" else SIZES:
            games = play(shape, args.games, 150, task)
            found = one_step(likeliest(step_of), games)
            row = {"task": task, "board": shape_name(shape), **found, "nats": nats(step_of, games)}
            if task == "arcade":
                certain = play(shape, args.games, max(ROLLOUTS), pellets=0)
                row["rollouts"] = roll_out(likeliest(step_of), certain)
                first = one_step(likeliest(step_of), play(shape, 5 * args.games, 1))
                row["first"], row["first_n"] = first["first"], first["n"]
            rows.append(row)
            print(row, flush=True)
    return rows


def baselines(args: Args) -> Rows:
    """Copying, and plain networks trained on the same recordings, beside the world."""
    square = [recording for recording in _recordings(args, "arcade") if "24" not in recording.path.name]
    data = Transitions(square, 64, args.seed, crop=PAD)
    rows: Rows = [_row("copy the state", copied, args, 0, 0.0)]
    for kind in BASELINES:
        torch.manual_seed(args.seed)
        net = NodePredictor(kind, data.shape)
        seconds = learn(net, net.loss, data, args.updates)
        size = sum(p.numel() for p in net.parameters())
        rows.append(_row(kind, net.predict, args, size, seconds, flat=kind == "mlp"))
    return rows


def _row(
    name: str,
    step: Step,
    args: Args,
    size: int,
    seconds: float,
    flat: bool = False,
) -> dict[str, Any]:
    row: dict[str, Any] = {"model": name, "parameters": size, "training_seconds": round(seconds)}
    pad = PAD if flat else None  # the one size that it can take
    for shape in BOARDS[:1] if flat else BOARDS[:3]:
        games, certain = play(shape, args.games, 60, pad=pad), play(shape, args.games, 25, pellets=0, pad=pad)
        found = one_step(step, games)
        rolled = roll_out(told_counters(step, certain), certain)
        row[shape_name(shape)] = {"exact": found["exact"], "n": found["n"], "rollouts": rolled}
    print(row, flush=True)
    return row


def curve(args: Args) -> Rows:
    """Worlds that saw 25, 100 and 400 boards, as many updates each; and one without extra first steps."""
    rows: Rows = []
    for boards, first_share, names in (
        (25, 0.1, "arcade-anywhere"),
        (100, 0.1, "arcade-anywhere"),
        (400, 0.1, "arcade-anywhere"),
        (400, 0.0, "arcade-only"),
        (400, 0.1, "arcade-only"),
    ):
        folders = _recordings(args, names)
        data = Transitions(folders, 512, args.seed, first_share, most_episodes=boards)
        reward, ending = data.outcomes(64)
        torch.manual_seed(args.seed)
        net = GraphTransition(GraphConfig(outcomes=len(reward)))
        net.set_table(reward, ending)
        seconds = learn(net, GraphObjective(net).loss, data, args.updates)
        net.eval()
        begins = "in the midst" if names == "arcade-anywhere" else "at the beginning"
        row: dict[str, Any] = {"boards": len(data.first), "steps": len(data), "episodes_begin": begins}
        row |= {"first_share": first_share, "training_seconds": round(seconds)}
        for shape in SIZES[:2]:
            found = one_step(likeliest(net), play(shape, args.games, 60))
            first = one_step(likeliest(net), play(shape, 5 * args.games, 1))
            certain = roll_out(likeliest(net), play(shape, args.games, 25, pellets=0))
            row[shape_name(shape)] = {"exact": found["exact"], "n": found["n"], "rollouts": certain}
            row[shape_name(shape)] |= {"first": first["first"], "first_n": first["n"]}
        rows.append(row)
        print(row, flush=True)
    return rows


def learn(net: torch.nn.Module, loss: Callable[..., Any], data: Transitions, updates: int) -> float:
    """Adam, falling along a cosine from 2e-3; returns the seconds of processor time."""
    began = time.process_time()
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates, 2e-5)
    generator = torch.Generator()
    for index in range(updates):
        optimizer.zero_grad()
        loss(data.batch(index), generator, "")[0].backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return time.process_time() - began


def _recordings(args: Args, names: str) -> list[Recording]:
    """Those of the arcade game: all, or those that begin in the midst of a game, or none of these."""
    chosen = []
    for path in sorted((args.data / "recordings").glob("arcade-*")):
        anywhere = path.name.startswith("arcade-anywhere-")
        if names == "arcade" or (anywhere if names == "arcade-anywhere" else path.name.count("-") == 1):
            chosen.append(Recording(path))
    if not chosen:
        raise BadInput(f"no recordings in {args.data}; run: python scripts/graph_world.py record --out {args.data}")
    return chosen


def speed(args: Args) -> Rows:
    """Steps a second of the world and of the rules, one game and 1,024 at once."""
    world: GraphTransition = worldsim.load(args.world).model.transition
    return [_speed(world, shape, count) for shape in ((14, 14), (31, 28)) for count in (1, 1024)]


def _speed(world: GraphTransition, shape: tuple[int, int], count: int) -> dict[str, Any]:
    task = make_task("arcade", shape)
    state = with_ways_home(rules.begin(row_seeds(7, count), np.zeros(count, np.int64), task))
    dreamed = decode(torch.from_numpy(board_planes(state)))
    noise, ones = torch.randn(count, NOISE), torch.ones(count)
    action = torch.randint(5, (count,))
    times = 400 if count == 1 else 20
    with torch.inference_mode():
        took = _seconds(lambda: world(dreamed, action, Draw(noise, ones)), times)
    real = _seconds(lambda: rules.advance(state.copy(), action.numpy(), task), times)
    row = {"board": shape_name(shape), "games": count, "world": count / took, "rules": count / real}
    print(row, flush=True)
    return row


def _seconds(call: Callable[[], Any], times: int) -> float:
    """Of processor time, the best of three rounds."""
    call()
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - began) / times)
    return best


def plan(args: Args) -> Rows:
    """Random shooting in the dream on boards that nothing was trained on, beside the same search in the rules."""
    games = 4 if args.small else 12
    return compare_players(worldsim.load(args.world), (31, 28), games, steps=40 if args.small else 80)


PARTS: dict[str, Callable[[Args], Rows]] = {
    "exact": exact,
    "speed": speed,
    "plan": plan,
    "baselines": baselines,
    "curve": curve,
}


def main(args: Args) -> None:
    """The parts asked for, then the tables of all that are done."""
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.small:
        args = replace(args, games=20, updates=30)
    for part in args.parts:
        path = args.out / f"{part}.json"
        if not path.is_file():
            path.write_text(json.dumps(PARTS[part](args), indent=1) + "\n")
    done = [name for name in PARTS if (args.out / f"{name}.json").is_file()]
    found = {name: json.loads((args.out / f"{name}.json").read_text()) for name in done}
    (args.out / "tables.md").write_text(markdown(found, [shape_name(shape) for shape in BOARDS]))
    print(f"wrote {args.out / 'tables.md'}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"graph_tables: {error}") from None
