"""Agents that learned in the graph dream, tested in the real game, in one table with those of the other worlds.

    python scripts/graph_agents.py --seeds 0 1 2
    python scripts/graph_agents.py --small

The task is `WorldSim/PacManFlag-v0` on its own board of 14 x 14 cells, which the world never saw in its recordings: it
dreams on boards that the game's generator makes. The agent sees 7 x 7 symbols, which the real game shows too
(observation="grid"), so it sits down in either. Scored on episodes that nobody trained on, drawing actions.

The rows of other worlds are not measured here: they are read from the files that scripts/pacman_transfer.py and
scripts/gamegan_table1.py wrote (--beside), with the steps and seeds that those had.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from gymnasium.vector import VectorEnv

from worldsim.agents import evaluate, train_agent
from worldsim.agents.score import half_width
from worldsim.errors import BadInput, Stopped

MEASURED = Path(__file__).parents[1] / "docs" / "measured"
HORIZON = 60  # as in the other dreams of this game, which ends by itself at its 40th step


@dataclass(frozen=True)
class Args:
    """What to train and how much to play."""

    world: str = "pacman-graph"
    """Bundled name or folder."""
    out: Path = Path("runs/graph-agents")
    """Folder for agents, results.json and table.md."""
    steps: int = 150_000
    """Of training in the dream, and of training in reality."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of agents."""
    episodes: int = 1000
    """Real ones for each agent."""
    boards: int = 1024
    """Openings of the dream, each on a board of its own."""
    beside: tuple[Path, ...] = (MEASURED / "rows.jsonl", MEASURED / "gamegan_rows.jsonl")
    """Rows of other worlds' agents."""
    small: bool = False
    """A minute: one seed, 8,192 steps, 100 episodes."""


def agent(place: str, seed: int, args: Args) -> dict[str, Any]:
    """Train one, test it in reality (and in the dream)."""
    folder, began = args.out / f"{place}-{seed}", time.process_time()
    board: dict[str, Any] = {"task": "flag", "rows": 14, "cols": 14, "count": args.boards, "horizon": HORIZON}
    if place == "dream":
        trained = train_agent(args.world, "ppo", args.steps, seed, folder, env_kwargs=board, threads=1)
    else:
        kwargs = {"observation": "grid"}
        trained = train_agent("WorldSim/PacManFlag-v0", "ppo", args.steps, seed, folder, env_kwargs=kwargs, threads=1)
    model = trained.model

    def act(seen: Any) -> Any:
        shape = model.observation_space.shape or ()
        return model.predict(np.asarray(seen, model.observation_space.dtype).reshape(len(seen), *shape))[0]

    games: VectorEnv = gym.make_vec("WorldSim/PacManFlag-v0", 250, observation="grid")
    score = evaluate(act, games, args.episodes)
    row = {"learned in": place, "seed": seed, "steps": trained.model.num_timesteps, "real": score.mean, "n": score.n}
    if place == "dream":
        row["dreamed"] = evaluate(trained, args.world, args.episodes, env_kwargs=board).mean
    row["cpu_seconds"] = round(time.process_time() - began)
    print(row, flush=True)
    return row


def main(args: Args) -> None:
    """Rows that are missing, then the table."""
    if args.small:
        args = replace(args, seeds=args.seeds[:1], steps=8192, episodes=100)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "results.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    for seed in args.seeds:
        for place in ("dream", "reality"):
            if not any((row["learned in"], row["seed"]) == (place, seed) for row in rows):
                rows.append(agent(place, seed, args))
                path.write_text(json.dumps(rows, indent=1) + "\n")
    text = table(rows, [json.loads(line) for file in args.beside for line in file.read_text().splitlines()])
    (args.out / "table.md").write_text(text)
    print(text)


def table(own: list[dict[str, Any]], others: list[dict[str, Any]]) -> str:
    """Agents of this script, then those of other worlds: one line for each place and number of steps."""
    lines: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in own:
        name = "dream (`pacman-graph`)" if row["learned in"] == "dream" else "reality"
        lines.setdefault((name, "symbols", row["steps"]), []).append(row)
    for row in others:
        world = row["real"]["env"].rpartition(" through ")[2]
        if world == "untrained":
            continue
        name = f"dream (`{world}`)" if row["dream"] else "random" if row["condition"] == "random" else "reality"
        seen = "" if name == "random" else f"features of `{world}`"
        found = {"seed": row["seed"], "real": row["real"]["mean"], "n": row["real"]["n"]}
        found |= {"dreamed": row["dream"]["mean"]} if row["dream"] else {}
        rows = lines.setdefault((name, seen, row["steps"]), [])
        if all(known["seed"] != row["seed"] for known in rows):  # two files may hold the same row
            rows.append(found)
    head = ["learned in", "sees", "steps", "real return, mean over seeds (95 %)", "in its dream", "seeds"]
    text = ["| " + " | ".join([*head, "episodes a seed"]) + " |", "|---|---|" + "---:|" * 5]
    for (name, seen, steps), mine in lines.items():
        real = np.array([row["real"] for row in mine])
        score = f"{real.mean():.2f} ± {half_width(real):.2f}" if len(mine) > 1 else f"{real.mean():.2f}"
        dreamed = f"{np.mean([row['dreamed'] for row in mine]):.2f}" if "dreamed" in mine[0] else ""
        cells = [name, seen, f"{steps:,}" if steps else "", score, dreamed, str(len(mine)), f"{mine[0]['n']:,}"]
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"graph_agents: {error}") from None
