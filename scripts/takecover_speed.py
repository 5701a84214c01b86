"""How fast a population dreams: 64 controllers x 16 roll-outs in an untrained world of the published Doom sizes.

    OMP_NUM_THREADS=2 python scripts/takecover_speed.py --threads 2 --precision bf16

Z 64, H 512, K 5, controllers of 1,088 parameters; nothing ends, so that every row dreams to the horizon. Prints dream
steps a second by the wall clock and by the processor's (a busy machine slows the first alone).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch
import tyro
from gymnasium.spaces import Box

from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.agents.population import DreamPopulation
from worldsim.checkpoint import World
from worldsim.data.episode import Episode
from worldsim.data.shard import About
from worldsim.openings import write_openings
from worldsim.space_json import to_json
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld


@dataclass(frozen=True)
class Args:
    """What is measured."""

    popsize: int = 64
    rollouts: int = 16
    steps: int = 200
    """Of every dream."""
    repeats: int = 3
    threads: int = 2
    precision: Literal["fp32", "bf16"] = "bf16"


def untrained(folder: Path) -> World:
    """A world that never ends, with grey openings."""
    action = Box(-1.0, 1.0, (1,), np.float32)
    torch.manual_seed(0)
    model = VisionMemoryWorld(
        VisionMemoryConfig((64, 64, 3), to_json(action), 64, 512, done=True, reward=1.0, cell=True)
    )
    with torch.no_grad():
        model.memory.head.bias[0] = -50  # the logit of the end
    frames, rewards = np.full((2, 64, 64, 3), 90, np.uint8), np.ones(1, np.float32)
    grey = Episode(frames, np.zeros((1, 1), np.float32), rewards, False, True, 0, "WorldSim/TakeCover-v0")
    about = About("WorldSim/TakeCover-v0", (64, 64, 3), to_json(action))
    openings = write_openings(folder / "openings.h5", [grey] * 8, about)
    return World("vision-memory", model.eval().requires_grad_(False), openings, {}, "untrained")


def main(args: Args) -> None:
    """Measure, and print a line for each repeat."""
    torch.set_num_threads(args.threads)
    with TemporaryDirectory() as folder:
        world = untrained(Path(folder))
        kind = LinearController(world.model.observation_space, world.model.action_space, LinearConfig(bias=False))
        population = DreamPopulation(world, kind, args.steps, 1.15, args.precision)
        rng = np.random.default_rng(0)
        parameters = 0.1 * rng.standard_normal((args.popsize, kind.size))
        seeds = np.arange(args.popsize * args.rollouts).reshape(args.popsize, args.rollouts)
        for repeat in range(args.repeats + 1):
            wall, processor = time.perf_counter(), time.process_time()
            steps = int(population.play(parameters, seeds).lengths.sum())
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            if repeat:  # the first one warms up
                print(
                    f"{args.popsize * args.rollouts:,} rows, {args.precision}, {args.threads} threads: "
                    f"{steps / wall:,.0f} steps/s; {steps / processor:,.0f} steps for a second of one core"
                )


if __name__ == "__main__":
    main(tyro.cli(Args, description=__doc__))
