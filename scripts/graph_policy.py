"""Policies for boards of any size: trained on small boards, played as they are on larger ones with more ghosts.

    python scripts/graph_policy.py
    python scripts/graph_policy.py --small      # a minute

PPO of Stable-Baselines3 learns the arcade game on 9 x 9 cells with 2 ghosts. "relational" and "gcn" read the maze as a
graph (`worldsim.gnn.policy`); "mlp" sees 7 x 7 symbols around the player, "cnn" 11 x 11, so that both fit boards of any
size. Beside them: chance, and breadth-first search to the nearest food. Agents that are trained are not trained again;
results are results.json and table.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import torch
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn

from worldsim.agents.sb3 import SB3VecEnv
from worldsim.agents.score import half_width
from worldsim.gnn.forager import forager, nearest_food
from worldsim.gnn.measure import HELD_OUT
from worldsim.gnn.policy import on_space, policy_kwargs

Kind = Literal["relational", "gcn", "mlp", "cnn"]
Act = Callable[[Any], np.ndarray]
BOARDS = {(9, 9): 2, (14, 14): 4, (21, 21): 4, (31, 28): 4}
"""Boards and ghosts; the first is the one to train on."""
VIEWS = {"mlp": 7, "cnn": 11}


@dataclass(frozen=True)
class Args:
    """What to train and how much to play."""

    kinds: tuple[Kind, ...] = ("relational", "gcn", "mlp", "cnn")
    """Policies."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of training."""
    steps: int = 150_000
    """Of training, for each policy and seed."""
    games: int = 100
    """Real games that score each agent on each board."""
    longest: int = 300
    """Steps after which a game is cut."""
    out: Path = Path("runs/graph-policy")
    """Folder for agents, results.json and table.md."""
    threads: int = 1
    """Of torch."""
    small: bool = False
    """A minute: one seed, few steps and games."""


class WindowCNN(BaseFeaturesExtractor):
    """Three convolutions over a window of symbols, and what the middle cells then hold."""

    def __init__(self, observation_space: gym.spaces.Box, hidden: int = 16) -> None:
        super().__init__(observation_space, features_dim=hidden * 9)
        inputs = observation_space.shape[2]
        self.net = nn.Sequential(
            *(nn.Conv2d(inputs, hidden, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 3, padding=2, dilation=2), nn.ReLU()),
        )

    def forward(self, observations: Tensor) -> Tensor:
        """(B, 9 * hidden)."""
        h = self.net(observations.float().permute(0, 3, 1, 2))
        middle = h.shape[2] // 2
        return h[:, :, middle - 1 : middle + 2, middle - 1 : middle + 2].flatten(1)


def games(kind: str, shape: tuple[int, int], count: int, longest: int) -> Any:
    """The real game as a policy of this kind sees it."""
    if kind in VIEWS:
        options: dict[str, Any] = {"observation": "grid", "view": VIEWS[kind], "board": shape}
        return gym.make_vec("WorldSim/PacMan-v0", count, ghosts=BOARDS[shape], max_episode_steps=longest, **options)
    rows, cols = shape
    options = {"rows": rows, "cols": cols, "observation": kind if kind == "board" else "graph"}
    return gym.make_vec("WorldSim/PacManGraph-v0", count, ghosts=BOARDS[shape], max_episode_steps=longest, **options)


def train(kind: Kind, seed: int, args: Args) -> PPO:
    """One agent, or the one that is there."""
    path = args.out / f"{kind}-{seed}-{args.steps}.zip"
    if path.is_file():
        return PPO.load(path, device="cpu")
    small = next(iter(BOARDS))
    venv = VecNormalize(SB3VecEnv(games(kind, small, 64, args.longest)), norm_obs=False, gamma=0.97)
    if kind in ("relational", "gcn"):
        policy, kwargs = "MultiInputPolicy", policy_kwargs(hidden=16, rounds=8, kind=kind)
    elif kind == "cnn":
        extractor = {"features_extractor_class": WindowCNN, "normalize_images": False}
        policy, kwargs = "MlpPolicy", {**extractor, "net_arch": [64]}
    else:
        policy, kwargs = "MlpPolicy", {"net_arch": [128, 64], "normalize_images": False}
    settings: dict[str, Any] = {"n_steps": 64, "batch_size": 512, "n_epochs": 4, "gamma": 0.97, "ent_coef": 0.01}
    model = PPO(policy, venv, 7e-4, **settings, device="cpu", seed=seed, policy_kwargs=kwargs)
    began = time.process_time()
    model.learn(args.steps)
    print(f"{kind}, seed {seed}: {args.steps / (time.process_time() - began):.0f} steps a CPU second", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)
    return model


def score(act: Act, kind: str, shape: tuple[int, int], args: Args) -> np.ndarray:
    """Points of ``args.games`` whole games, from seeds that no training has."""
    envs = games(kind, shape, args.games, args.longest)
    seen, _ = envs.reset(seed=HELD_OUT)
    total, running = np.zeros(args.games), np.ones(args.games, bool)
    while running.any():
        seen, rewards, terminated, truncated, _ = envs.step(act(seen))
        total += running * rewards
        running &= ~(terminated | truncated)
    return total


def scripted(args: Args) -> list[dict[str, Any]]:
    """Players that learn nothing."""
    rows = []
    for name, player in (
        ("at random", lambda board, rng: rng.integers(0, 5, len(board))),
        ("nearest food, breadth-first search", nearest_food),
        ("the same around the ghosts", forager),
    ):
        row: dict[str, Any] = {"player": name, "seeds": 1, "boards": {}}
        for shape in BOARDS:
            rng = np.random.default_rng(0)
            points = score(lambda board, p=player, r=rng: p(board, r), "board", shape, args)
            row["boards"][f"{shape[0]} x {shape[1]}"] = [points.tolist()]
        rows.append(row)
    return rows


def learned(kind: Kind, args: Args) -> dict[str, Any]:
    """All seeds of one kind on all boards."""
    row: dict[str, Any] = {"player": f"PPO, {kind}", "seeds": len(args.seeds), "steps": args.steps, "boards": {}}
    for seed in args.seeds:
        model = train(kind, seed, args)
        row["parameters"] = sum(parameter.numel() for parameter in model.policy.parameters())
        for shape in BOARDS:
            policy = model.policy
            if kind not in VIEWS:
                policy = on_space(model, games(kind, shape, 1, args.longest).single_observation_space)
            torch.manual_seed(0)
            points = score(lambda seen, p=policy: p.predict(seen, deterministic=False)[0], kind, shape, args)
            row["boards"].setdefault(f"{shape[0]} x {shape[1]}", []).append(points.tolist())
            print(kind, seed, shape, round(float(points.mean()), 1), flush=True)
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Mean points; the interval is over games for one seed, over seeds for several."""
    boards = list(rows[0]["boards"])
    head = ["player", "parameters", "training steps", "seeds", *boards]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for row in rows:
        cells = [row["player"], f"{row.get('parameters', 0) or '':,}" if row.get("parameters") else ""]
        cells += [f"{row['steps']:,}" if "steps" in row else "", str(row["seeds"])]
        for board in boards:
            runs = np.array(row["boards"][board])
            spread = half_width(runs.mean(1)) if len(runs) > 1 else half_width(runs[0])
            cells.append(f"{runs.mean():.0f} ± {spread:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(args: Args) -> None:
    """Train what is missing, play, write."""
    torch.set_num_threads(args.threads)
    if args.small:
        args = replace(args, seeds=args.seeds[:1], steps=4096, games=8, longest=40)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = scripted(args)
    for kind in args.kinds:
        rows.append(learned(kind, args))
        (args.out / "results.json").write_text(json.dumps({"games": args.games, "rows": rows}) + "\n")
        (args.out / "table.md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__))
