"""The bundled Pac-Man worlds, from nothing: a half-trained player, a recording of three kinds of play, two worlds.

    python scripts/pacman_worlds.py --task flag        # pacman-spatial and pacman-vm: 44 minutes on a busy machine
    python scripts/pacman_worlds.py --task arcade      # pacman-arcade

A third of the episodes is played at random, a third repeats its last action with probability .85, a third is the
player's with a share of random actions drawn from U(0, .6): so that ghosts, food and flag matter in the dream. The
player learned in reality for ``player_steps`` steps; these real frames are counted with those recorded. Every stage
goes on where it was stopped. ``--install`` copies the worlds into the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

import worldsim
from worldsim.agents.training import train_agent
from worldsim.bundled import bundled_folder
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.errors import BadInput, Stopped
from worldsim.spatial.train import TrainSpatial
from worldsim.vision_memory.train import TrainVisionMemory


@dataclass(frozen=True)
class Args:
    """Which worlds, and at what cost."""

    task: Literal["flag", "arcade"] = "flag"
    """flag: WorldSim/PacManFlag-v0; arcade: WorldSim/PacMan-v0."""
    out: Path = Path("runs/pacman")
    """Folder for player, recording and worlds."""
    worlds: tuple[Literal["spatial", "vm"], ...] = ("spatial", "vm")
    """Kinds to train."""
    player_steps: int = 50_000
    """Real steps that the half-trained player learned from (on the symbolic grid)."""
    frames: int = 100_000
    """Frames to record."""
    spatial_steps: int = 7_000
    """Updates of the spatial world's transition (the arcade's: 10,000)."""
    vision_steps: int = 2_600
    """Updates of the published V."""
    vision_batch: int = 100
    """Frames in one."""
    memory_steps: int = 4_000
    """Updates of the published M."""
    seed: int = 0
    """Of everything."""
    threads: int = 1
    """Of torch."""
    install: bool = False
    """Copy the worlds into worldsim/weights."""


ENVS = {"flag": "WorldSim/PacManFlag-v0", "arcade": "WorldSim/PacMan-v0"}
HORIZONS = {"flag": 60, "arcade": 500}  # steps after which a dream is cut off; flag games end by themselves at 40
NAMES = {("flag", "spatial"): "pacman-spatial", ("flag", "vm"): "pacman-vm", ("arcade", "spatial"): "pacman-arcade"}

ABOUT: dict[str, dict[str, str | list[str]]] = {
    "pacman-spatial": {
        "summary": "A dream of WorldSim/PacManFlag-v0: codes on a grid, moved by a transition that the action gates.",
        "notes": [
            "Agents: scripts/pacman_transfer.py. What is on screen: worldsim evaluate-world; docs/results.md has both.",
            "One ghost in ten is lost or jumps from one step to the next; nothing off screen is remembered: a maze that"
            " scrolled out of view is made up anew.",
        ],
    },
    "pacman-vm": {
        "summary": "A dream of WorldSim/PacManFlag-v0 by the published VAE + MDN-RNN (Ha & Schmidhuber 2018). Weights"
        " are stored with 16 bits.",
        "notes": [
            "Agents: scripts/pacman_transfer.py. What is on screen: worldsim evaluate-world; docs/results.md has both.",
            "V keeps walls and the player and loses food, flag and ghosts, as the published loss does on this game.",
        ],
    },
    "pacman-arcade": {
        "summary": "A dream of WorldSim/PacMan-v0, the arcade rules, to play in.",
        "notes": [
            "Walls and obedience are right; one ghost in five is lost or jumps from one step to the next"
            " (worldsim evaluate-world; docs/results.md).",
            "No agent was trained in it yet.",
        ],
    },
}


def recording(args: Args) -> Recording:
    """Player and recording."""
    env_id, folder = ENVS[args.task], args.out / args.task
    kwargs = {"observation": "grid"}
    player = folder / "player"
    train_agent(
        env_id, "ppo", args.player_steps, args.seed, player, env_kwargs=kwargs, threads=args.threads, progress=True
    )
    policies = ["random", "sticky", f"sb3:{player}@0.6"]
    made = record(env_id, policies, None, folder / "recording", args.seed, frames=args.frames)
    print(made)
    return made


def train(args: Args, kind: str) -> World | None:
    """One world."""
    name = NAMES.get((args.task, kind))
    if name is None:
        raise BadInput(f"no bundled world of kind {kind} for task {args.task}; choose --worlds spatial")
    data, out = args.out / args.task / "recording", args.out / name
    common = {"recording": data, "out": out, "name": name, "seed": args.seed, "threads": args.threads}
    if kind == "spatial":
        batch = 24 if args.task == "flag" else 10  # arcade games are long: as many steps in an update as flag games
        trainer = TrainSpatial(**common, steps=args.spatial_steps, batch=batch)
    else:
        trainer = TrainVisionMemory(
            **common,
            vision_steps=args.vision_steps,
            vision_batch=args.vision_batch,
            memory_steps=args.memory_steps,
        )
    world = trainer.train()
    if world is not None:
        world.provenance |= {
            **ABOUT[name],
            "horizon": HORIZONS[args.task],
            "player_steps": args.player_steps,
            "real_frames": args.player_steps + args.frames,
        }
        world.save(out)
    return world


def main(args: Args) -> None:
    """All stages."""
    recording(args)
    for kind in args.worlds:
        world = train(args, kind)
        if world is not None and args.install:
            world.save(bundled_folder(world.name), half=kind == "vm")
            print(f"installed {world.name}: {worldsim.load(world.name).provenance['losses']}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"pacman_worlds: {error}") from None
