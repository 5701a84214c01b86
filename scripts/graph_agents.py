"""Agents that learned in the graph dream, tested in the real game; to stand beside those of scripts/pacman_transfer.py.

    python scripts/graph_agents.py --seeds 0 1 2
    python scripts/graph_agents.py --small

The task is `WorldSim/PacManFlag-v0` on its own board of 14 x 14 cells, which the world never saw in its recordings: it
dreams on boards that the game's generator makes. The agent sees 7 x 7 symbols, which the real game shows too
(observation="grid"), so it sits down in either. Scored on episodes that nobody trained on, drawing actions.
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
    lines = ["| learned in | steps | real return, mean over seeds (95 %) | in its dream | seeds | episodes a seed |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for place, name in (("dream", "dream (`pacman-graph`)"), ("reality", "reality, the same symbols")):
        mine = [row for row in rows if row["learned in"] == place]
        real = np.array([row["real"] for row in mine])
        dreamed = f"{np.mean([row['dreamed'] for row in mine]):.2f}" if place == "dream" else ""
        score = f"{real.mean():.2f} ± {half_width(real):.2f}" if len(mine) > 1 else f"{real.mean():.2f}"
        lines.append(f"| {name} | {mine[0]['steps']:,} | {score} | {dreamed} | {len(mine)} | {mine[0]['n']:,} |")
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"graph_agents: {error}") from None
