"""C-SWM (Kipf, van der Pol & Welling 2020): Hits@1 and MRR after 1, 5 and 10 imagined steps.

    python scripts/cswm.py --small                    # a few minutes of one core
    python scripts/cswm.py --small --frames pacman    # the same on pictures of Pac-Man
    python scripts/cswm.py                            # the published recipe: 100,000 transitions, 100 epochs; hours

"shapes" is block pushing drawn by code (published: Hits@1 100, 100, 99.9 %). "pacman" is `WorldSim/PacMan-v0` as a
player sees it, 84 x 84 pixels around him, played at random; nothing is published for it. States that look the same
are one before ranking, and ties count against the model. Results are kept beside each other in results.json.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from torch import Tensor

from worldsim.gnn.cswm.games import Stretches, stretches
from worldsim.gnn.cswm.model import CSWMConfig
from worldsim.gnn.cswm.ranking import rank
from worldsim.gnn.cswm.shapes import SHAPES, SIDE, Pushed, draw, random_episodes
from worldsim.gnn.cswm.world import CSWMWorld

STEPS = (1, 5, 10)
PUBLISHED = {"shapes": (100.0, 100.0, 99.9), "pacman": ("", "", "")}
GAME = "WorldSim/PacMan-v0"
HELD_OUT = {"shapes": 1_000_000, "pacman": 3_000_000_000}  # seeds of tests


@dataclass(frozen=True)
class Args:
    """What to train."""

    frames: Literal["shapes", "pacman"] = "shapes"
    """What to look at."""
    out: Path = Path("runs/cswm")
    """Folder for results.json and table.md."""
    transitions: int = 100_000
    """To learn from; of Pac-Man they take 25 kB each."""
    epochs: int = 100
    """Passes over them."""
    batch: int = 1024
    """Transitions in one update."""
    hidden: int = 512
    """Width."""
    learning_rate: float = 5e-4
    """Adam's."""
    tests: int = 10_000
    """Stretches of 10 steps to rank."""
    seeds: tuple[int, ...] = (0,)
    """Of weights and data."""
    threads: int = 1
    """Of torch."""
    small: bool = False
    """A few minutes: 30,000 transitions, 20 epochs of batches of 256, width 128, 2,000 tests."""


def sized(args: Args) -> Args:
    """The settings of --small."""
    if not args.small:
        return args
    return Args(args.frames, args.out, 30_000, 20, 256, 128, 1e-3, 2000, args.seeds, args.threads, True)


class Shapes:
    """Block pushing: places are kept, pictures drawn when they are asked for."""

    def __init__(self, episodes: int, steps: int, seed: int) -> None:
        self.data: Pushed = random_episodes(episodes, steps, seed)
        self.actions = self.data.actions

    def look(self, episodes: np.ndarray, t: Any) -> Tensor:
        """Pictures (B, H, W, C) of episodes (B,) after t steps."""
        return torch.from_numpy(draw(self.data.cells[episodes, t]))

    def numbers(self, t: int) -> Tensor:
        """Equal where states are."""
        return torch.from_numpy(self.data.cells[:, t] @ (SIDE * SIDE) ** np.arange(SHAPES))

    def config(self, hidden: int) -> CSWMConfig:
        """The published one."""
        return CSWMConfig(hidden=hidden)


class PacMan:
    """Stretches of the real game."""

    def __init__(self, episodes: int, steps: int, seed: int) -> None:
        self.data: Stretches = stretches(GAME, episodes, steps, seed)
        self.actions = self.data.actions

    def look(self, episodes: np.ndarray, t: Any) -> Tensor:
        """Pictures (B, H, W, C) of episodes (B,) after t steps."""
        return torch.from_numpy(self.data.frames[episodes, t])

    def numbers(self, t: int) -> Tensor:
        """Equal where pictures are."""
        return torch.from_numpy(self.data.numbers(t))

    def config(self, hidden: int) -> CSWMConfig:
        """One action for all slots, four numbers each, as in the paper's Atari games; cells of 12 pixels."""
        shape = self.data.frames.shape[2:]
        return CSWMConfig(shape, actions=5, factored=False, dim=4, hidden=hidden, stride=12)


def make(args: Args, episodes: int, steps: int, seed: int) -> Shapes | PacMan:
    """What ``--frames`` names."""
    return Shapes(episodes, steps, seed) if args.frames == "shapes" else PacMan(episodes, steps, seed)


def train(args: Args, seed: int) -> CSWMWorld:
    """One model."""
    torch.manual_seed(seed)
    steps = 100 if args.frames == "shapes" else 10
    data = make(args, args.transitions // steps, steps, seed)
    world = CSWMWorld(data.config(args.hidden))
    optimizer = torch.optim.Adam(world.model.parameters(), args.learning_rate)
    rng = np.random.default_rng(seed)
    actions = torch.from_numpy(data.actions)
    began = time.process_time()
    for epoch in range(args.epochs):
        sums = np.zeros(2)
        order = rng.permutation(actions.numel())
        for chosen in np.split(order, range(args.batch, len(order), args.batch)):
            rows, t = np.divmod(chosen, steps)
            other = torch.from_numpy(rng.permutation(len(rows)))
            loss, logs = world.model.loss(data.look(rows, t), actions[rows, t], data.look(rows, t + 1), other)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += len(rows) * np.array([float(logs["near"]), float(logs["far"])])
        near, far = sums / len(order)
        seconds = time.process_time() - began
        print(f"epoch {epoch + 1} of {args.epochs}: near {near:.4f}, far {far:.4f}, {seconds:.0f} s", flush=True)
    world.eval().requires_grad_(False)
    kept = rng.permutation(actions.numel())[: world.config.bank]
    world.remember(data.look(kept // steps, kept % steps))
    return world


def test(world: CSWMWorld, data: Shapes | PacMan, steps: int) -> dict[str, float]:
    """Ranks after so many imagined steps, and of the model that lets nothing happen."""
    every = np.arange(len(data.actions))
    noise = torch.zeros(len(every), 0)
    first = world.start(data.look(every, 0), noise)
    state = first
    for t in range(steps):
        state = world.imagine(state, torch.from_numpy(data.actions[:, t].copy()), noise).state
    real = world.observe(world.start(data.look(every, steps), noise))
    number = data.numbers(steps)
    found, still = (rank(world.observe(guess), real, number) for guess in (state, first))
    row = {"steps": steps, "hits": found.hits, "mrr": found.reciprocal, "still_hits": still.hits}
    return row | {"still_mrr": still.reciprocal, "n": found.n, "among": found.among}


def main(args: Args) -> None:
    """Train, rank, write."""
    args = sized(args)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "results.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    for seed in args.seeds:
        began = time.process_time()
        world = train(args, seed)
        minutes = (time.process_time() - began) / 60
        data = make(args, args.tests, max(STEPS), HELD_OUT[args.frames] + seed)
        rows = [row for row in rows if (row["frames"], row["seed"]) != (args.frames, seed)]
        for steps, published in zip(STEPS, PUBLISHED[args.frames], strict=True):
            row = {"frames": args.frames, "seed": seed, **test(world, data, steps), "published_hits": published}
            rows.append(row | {"minutes": round(minutes, 1)})
            print(rows[-1], flush=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")
    head = ["frames", "seed", "steps", "Hits@1 %", "MRR %", "no change: Hits@1 %", "MRR %", "n", "ranked states"]
    lines = ["| " + " | ".join([*head, "published Hits@1 %", "CPU minutes"]) + " |", "|---" + "|---:" * 10 + "|"]
    for row in rows:
        shares = [f"{100 * row[name]:.1f}" for name in ("hits", "mrr", "still_hits", "still_mrr")]
        cells = [row["frames"], row["seed"], row["steps"], *shares, f"{row['n']:,}", f"{row['among']:,}"]
        lines.append("| " + " | ".join(map(str, [*cells, row["published_hits"], row["minutes"]])) + " |")
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__))
