"""The bundled GameGAN worlds, from nothing: a recording of the game, and the preset ``small`` trained on it.

    python scripts/gamegan_worlds.py --world pacman    # pacman-gamegan: 63 minutes of a busy core
    python scripts/gamegan_worlds.py --world maze      # maze-gamegan: 74 minutes

Pac-Man is recorded as for ``scripts/pacman_worlds.py`` (a third at random, a third sticky, a third by a half-trained
player); the maze, in which there is nothing to win, by random and sticky play alone. Every stage goes on where it was
stopped. ``--install`` copies the world into the package. ``--data`` takes a recording that is there already.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

import worldsim
from worldsim.agents.training import train_agent
from worldsim.bundled import bundled_folder
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.errors import BadInput, Stopped
from worldsim.gamegan.train import Preset, TrainGameGAN


@dataclass(frozen=True)
class Args:
    """Which world, and at what cost."""

    world: Literal["pacman", "maze"] = "pacman"
    """pacman: WorldSim/PacManFlag-v0; maze: WorldSim/PacManMaze-v0."""
    out: Path = Path("runs/gamegan")
    """Folder for player, recording and world."""
    data: Path | None = None
    """A recording to train on; None makes one."""
    preset: Preset = "small"
    """Of `worldsim train gamegan`."""
    frames: int = 100_000
    """Frames to record."""
    player_steps: int = 50_000
    """Real steps that the half-trained player of Pac-Man learned from (on the symbolic grid)."""
    steps: int | None = None
    """Updates (default: the preset's; maze 2400)."""
    batch: int | None = None
    """Stretches in one (default: the preset's; maze 8)."""
    length: int | None = None
    """Steps of a stretch (default: the preset's; maze 24: who leaves a place and comes back needs time)."""
    curriculum: tuple[int, ...] | None = None
    """Lengths before that one (default: the preset's; maze 8 12)."""
    margin: int | None = None
    """Cells around the view that are remembered (default: the preset's; maze 12: who goes so far can come back)."""
    start_from: str = ""
    """A GameGAN world whose simulator this one begins as (a folder or a bundled name)."""
    seed: int = 0
    """Of everything."""
    threads: int = 1
    """Of torch."""
    install: bool = False
    """Copy the world into worldsim/weights."""


ENVS = {"pacman": "WorldSim/PacManFlag-v0", "maze": "WorldSim/PacManMaze-v0"}
STRETCHES: dict[str, dict[str, Any]] = {
    "pacman": {},
    "maze": {"steps": 2400, "batch": 8, "length": 24, "curriculum": (8, 12), "margin": 12},
}
HORIZONS = {"pacman": 40, "maze": 500}  # steps after which a dream is cut off; flag games end by themselves at 40

ABOUT: dict[str, dict[str, str | list[str]]] = {
    "pacman": {
        "summary": "A GameGAN (Kim et al. 2020) on a grid of cells, ours: it learned WorldSim/PacManFlag-v0 from frames"
        " and actions alone, on one CPU core.",
        "notes": [
            "How like the game it is: worldsim evaluate-world; docs/gamegan.md has the numbers.",
            "It does not know that the game ends at step 40; dreams are cut off there.",
        ],
    },
    "maze": {
        "summary": "A GameGAN (Kim et al. 2020) on a grid of cells with a memory around the view, ours: the mazes of"
        " WorldSim/PacManMaze-v0.",
        "notes": ["How like the game it is: worldsim evaluate-world; docs/gamegan.md has the numbers."],
    },
}


def recording(args: Args) -> Recording:
    """Player and recording, or the one that was given."""
    if args.data is not None:
        return Recording(args.data)
    env_id, folder = ENVS[args.world], args.out / args.world
    policies = ["random", "sticky"]
    if args.world == "pacman":
        player, kwargs = folder / "player", {"observation": "grid"}
        train_agent(
            env_id, "ppo", args.player_steps, args.seed, player, env_kwargs=kwargs, threads=args.threads, progress=True
        )
        policies.append(f"sb3:{player}@0.6")
    return record(env_id, policies, None, folder / "recording", args.seed, frames=args.frames)


def train(args: Args, data: Recording) -> World | None:
    """The world."""
    name = f"{args.world}-gamegan"
    out = args.out / name
    stretches = STRETCHES[args.world] | {
        key: value
        for key in ("steps", "batch", "length", "curriculum", "margin")
        if (value := getattr(args, key)) is not None
    }
    trainer = TrainGameGAN(
        data.path,
        out,
        name,
        preset=args.preset,
        **stretches,
        sample_every=150,
        start_from=args.start_from,
        seed=args.seed,
        threads=args.threads,
    )
    world = trainer.train()
    if world is not None:
        player = args.player_steps if args.world == "pacman" else 0
        world.provenance |= {
            "horizon": HORIZONS[args.world],
            "player_steps": player,
            "real_frames": player + data.num_frames,
            **ABOUT[args.world],
        }
        world.save(out)
    return world


def main(args: Args) -> None:
    """All stages."""
    data = recording(args)
    print(data)
    world = train(args, data)
    if world is not None and args.install:
        world.save(bundled_folder(world.name))
        print(f"installed {world.name}: {worldsim.load(world.name).provenance['losses']}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"gamegan_worlds: {error}") from None
