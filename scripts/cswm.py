"""C-SWM on 2D Shapes (Kipf, van der Pol & Welling 2020, table 1): Hits@1 and MRR after 1, 5 and 10 imagined steps.

    python scripts/cswm.py --small       # a few minutes of one core
    python scripts/cswm.py               # the published recipe: 1,000 episodes of 100 steps, 100 epochs; hours

Published: Hits@1 100, 100, 99.9 %. States are de-duplicated before ranking and ties count against the model.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from worldsim.gnn.cswm.model import CSWMConfig
from worldsim.gnn.cswm.ranking import rank
from worldsim.gnn.cswm.shapes import SHAPES, SIDE, Pushed, draw, random_episodes
from worldsim.gnn.cswm.world import CSWMWorld

PUBLISHED = {1: 100.0, 5: 100.0, 10: 99.9}


@dataclass(frozen=True)
class Args:
    """What to train."""

    out: Path = Path("runs/cswm")
    """Folder for results.json and table.md."""
    episodes: int = 1000
    """Of 100 random pushes, to learn from."""
    epochs: int = 100
    """Passes over them."""
    batch: int = 1024
    """Transitions in one update."""
    hidden: int = 512
    """Width."""
    learning_rate: float = 5e-4
    """Adam's."""
    tests: int = 10_000
    """Episodes of 10 pushes to rank."""
    seeds: tuple[int, ...] = (0,)
    """Of weights and data."""
    threads: int = 1
    """Of torch."""
    small: bool = False
    """A few minutes: 300 episodes, 20 epochs of batches of 256, width 128, 2,000 tests."""


def sized(args: Args) -> Args:
    """The settings of --small."""
    if not args.small:
        return args
    return Args(args.out, 300, 20, 256, 128, 1e-3, 2000, args.seeds, args.threads, True)


def train(args: Args, seed: int) -> CSWMWorld:
    """One model."""
    torch.manual_seed(seed)
    data = random_episodes(args.episodes, 100, seed)
    world = CSWMWorld(CSWMConfig(hidden=args.hidden))
    optimizer = torch.optim.Adam(world.model.parameters(), args.learning_rate)
    rng = np.random.default_rng(seed)
    before = data.cells[:, :-1].reshape(-1, SHAPES)
    after, actions = data.cells[:, 1:].reshape(-1, SHAPES), torch.from_numpy(data.actions.reshape(-1))
    began = time.process_time()
    for epoch in range(args.epochs):
        sums = np.zeros(2)
        order = rng.permutation(len(before))
        for rows in np.split(order, range(args.batch, len(order), args.batch)):
            first, then = (torch.from_numpy(draw(cells)) for cells in (before[rows], after[rows]))
            other = torch.from_numpy(rng.permutation(len(rows)))
            loss, logs = world.model.loss(first, actions[rows], then, other)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            sums += len(rows) * np.array([float(logs["near"]), float(logs["far"])])
        near, far = sums / len(order)
        seconds = time.process_time() - began
        print(f"epoch {epoch + 1} of {args.epochs}: near {near:.4f}, far {far:.4f}, {seconds:.0f} s", flush=True)
    world.eval().requires_grad_(False)
    world.remember(torch.from_numpy(draw(before[rng.permutation(len(before))[: world.config.bank]])))
    return world


def test(world: CSWMWorld, data: Pushed, steps: int) -> dict[str, float]:
    """Ranks after so many imagined steps."""
    noise = torch.zeros(data.episodes, 0)
    state = world.start(torch.from_numpy(draw(data.cells[:, 0])), noise)
    for t in range(steps):
        state = world.imagine(state, torch.from_numpy(data.actions[:, t].copy()), noise).state
    real = world.start(torch.from_numpy(draw(data.cells[:, steps])), noise)
    number: Tensor = torch.from_numpy(data.cells[:, steps] @ (SIDE * SIDE) ** np.arange(SHAPES))
    found = rank(world.observe(state), world.observe(real), number)
    return {"steps": steps, "hits": found.hits, "mrr": found.reciprocal, "n": found.n, "among": found.among}


def main(args: Args) -> None:
    """Train, rank, write."""
    args = sized(args)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in args.seeds:
        began = time.process_time()
        world = train(args, seed)
        minutes = (time.process_time() - began) / 60
        data = random_episodes(args.tests, 10, 1_000_000 + seed)
        for steps, published in PUBLISHED.items():
            row = {"seed": seed, **test(world, data, steps), "published_hits": published, "minutes": round(minutes, 1)}
            rows.append(row)
            print(row, flush=True)
    (args.out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    lines = ["| seed | steps | Hits@1 % | MRR % | n | ranked states | published Hits@1 % | CPU minutes |"]
    lines.append("|---:" * 8 + "|")
    for row in rows:
        lines.append(
            f"| {row['seed']} | {row['steps']} | {100 * row['hits']:.1f} | {100 * row['mrr']:.1f} | {row['n']:,} | "
            f"{row['among']:,} | {row['published_hits']} | {row['minutes']} |"
        )
    (args.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__))
