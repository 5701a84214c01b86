"""World Models' Doom experiment: record, V and M, controllers evolved in the dream alone, tested in the real game.

    python scripts/takecover.py --skill 4                 # the full protocol
    python scripts/takecover.py --skill 4 --small         # less of everything
    python scripts/takecover.py --skill 4 --small --install     # and copy the world and its controller into the package
    python scripts/takecover.py --skill 4 --small --world takecover-vm    # controllers alone, in the bundled world

Skill 5 is gym-doom's number; in today's ViZDoom skill 4 is as hard as the published task (docs/world_models.md).
Every stage goes on where it was stopped. One line of json for each controller; ends with the table: the temperatures
of the paper's Table 2, an untrained M, random play.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

import worldsim
from worldsim.agents.agent import load_agent
from worldsim.agents.seat import Seat
from worldsim.agents.transfer import folder_of
from worldsim.agents.trial import RANDOM, Means, Trial, run, write
from worldsim.bundled import bundled_folder
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.errors import BadInput, Stopped, WorkerDied
from worldsim.vision_memory.train import TrainVisionMemory
from worldsim.vision_memory.untrained import without_memory

PUBLISHED = {0.1: "193 ± 58", 0.5: "196 ± 50", 1.0: "868 ± 511", 1.15: "1092 ± 556", 1.3: "753 ± 139"}
"""Real scores by temperature, 100 episodes of one agent each (Ha & Schmidhuber 2018, Table 2)."""
DOOM_C = {"bias": False}
NAME = "takecover-vm"
SUMMARY = (
    "A dream of ViZDoom's take_cover (skill {skill}) by the VAE + MDN-RNN of World Models, and a controller that CMA-ES"
    " evolved in it alone. Weights are stored with 16 bits."
)
NOTES = ["Left and right. Real and dreamed scores: docs/world_models.md.", "It is played without ViZDoom."]


@dataclass(frozen=True)
class Args:
    """The experiment and its cost."""

    out: Path = Path("runs/takecover")
    """Folder for everything."""
    world: str = ""
    """A vision-memory world of the game that is there already, a folder or a bundled name: nothing is recorded, and V
    and M are not trained."""
    skill: int = 5
    """Of the game, 1 to 5."""
    episodes: int = 12_800
    """Games to play for V and M; those of 100 steps or fewer are dropped, as in the paper."""
    policies: tuple[str, ...] = ("held:10",)
    """How they are played, one policy drawn for each game. Players who hold each action for up to 10 steps hardly ever
    stay at a wall, and their world has no death there: the paper's lack of cover for what a controller finds out."""
    min_steps: int = 101
    """Steps of the shortest game kept."""
    preset: str = "takecover-paper"
    """Of worldsim train vision-memory."""
    vision_steps: int | None = None
    """Updates of V (default: the preset's)."""
    vision_batch: int | None = None
    """Frames in one (default: the preset's)."""
    repaired: bool = False
    """Train V with the loss of the preset repaired, which keeps small things of rare colours (ours)."""
    memory_steps: int | None = None
    """Updates of M (default: the preset's)."""
    length: int | None = None
    """Steps of a window of M's reel (default: the preset's)."""
    memory_batch: int | None = None
    """Rows of the reel (default: the preset's)."""
    temperatures: tuple[float, ...] = (1.15, 0.1, 0.5, 1.0, 1.3)
    """Of the dreams that controllers evolve in; the first one also with an untrained M."""
    steps: int = 1_500_000_000
    """Dream steps of each controller's evolution."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of evolution."""
    real_episodes: int = 1000
    """Real games that test a controller."""
    popsize: int = 64
    """Controllers in a generation."""
    rollouts: int = 16
    """Dreams that each one plays in a generation."""
    evaluate_every: int = 25
    """Generations between scores of the mean controller."""
    evaluate_episodes: int = 1024
    """Dreams of such a score."""
    untrained: bool = True
    """Also evolve in the dream of an untrained M."""
    workers: int = 1
    """Processes that play the real game."""
    threads: int | None = None
    """Of torch."""
    seed: int = 0
    """Of recording, V and M."""
    install: bool = False
    """Copy the world into the package, with the controller of the first temperature that its own dream scored best."""
    small: bool = False
    """1,200 games of three policies, takecover-fast, 20 million dream steps, 1 seed, 2 temperatures, 100 real games."""


SMALL = Args(
    episodes=1200,
    policies=("held:10", "held:10", "held:60", "held:240"),
    preset="takecover-fast",
    vision_steps=8_000,
    vision_batch=64,
    repaired=True,
    memory_steps=2_000,
    memory_batch=64,
    temperatures=(1.15, 0.5),
    steps=20_000_000,
    seeds=(0,),
    real_episodes=100,
    evaluate_every=5,
    evaluate_episodes=256,
)


def world(args: Args) -> World:
    """The recording, V and M."""
    home, folder = {"skill": args.skill}, args.out / NAME
    made = record(
        "WorldSim/TakeCover-v0",
        args.policies,
        args.episodes,
        args.out / "recording",
        args.seed,
        env_kwargs=home,
        processes=args.workers,
        min_steps=args.min_steps,
    )
    print(f"{made}: mean kept length {made.lengths.mean():.0f} steps (published: 308)", flush=True)
    better = {"kl_tolerance": 0.0, "kl_weight": 0.1, "colour_weights": True} if args.repaired else {}
    job = TrainVisionMemory(
        made.path,
        folder,
        preset=args.preset,  # type: ignore[arg-type]
        vision_steps=args.vision_steps,
        memory_steps=args.memory_steps,
        vision_batch=args.vision_batch,
        memory_batch=args.memory_batch,
        length=args.length,
        opening_steps=1,
        openings=300,
        threads=args.threads,
        seed=args.seed,
        **better,  # type: ignore[arg-type]
    )
    return job.once(horizon=2100, render_fps=35, real_frames=made.num_frames)


def main(args: Args) -> None:
    """All stages."""
    learned = worldsim.load(args.world) if args.world else world(args)
    known, blank = args.world or str(args.out / NAME), args.out / "untrained-m"
    if args.untrained and not (blank / "config.json").is_file():
        without_memory(learned, blank)
    search = {"popsize": args.popsize, "rollouts": args.rollouts, "precision": "bf16", **DOOM_C}
    search |= {"evaluate_every": args.evaluate_every, "evaluate_episodes": args.evaluate_episodes}

    def dream(place: str, temperature: float) -> Seat:
        return Seat(None, {"temperature": temperature, "horizon": 2100}, place, "features")

    trials = [Trial(RANDOM, None, published="210 ± 108")]
    for number, temperature in enumerate(args.temperatures):
        name = f"dream, temperature {temperature:g}"
        trials.append(Trial(name, dream(known, temperature), args.steps, search, PUBLISHED.get(temperature, "")))
        if number == 0 and args.untrained:
            trials.append(Trial(f"{name}, untrained M", dream(str(blank), temperature), args.steps, search))
    home = Seat("WorldSim/TakeCover-v0", {"skill": args.skill}, known, "features")
    rows = run(trials, args.seeds, home, args.out, Means(args.real_episodes, args.workers, args.threads))
    if args.install:
        install(args, rows)
    write(rows, args.out, f"TakeCover, skill {args.skill}; controllers of 1,088 parameters; se: standard error.")


def install(args: Args, rows: list[dict[str, Any]]) -> None:
    """World and controller into the package; real scores have no say in which controller it is."""
    name = f"dream, temperature {args.temperatures[0]:g}"
    best = max((row for row in rows if row["trial"] == name), key=lambda row: row["dream"]["mean"])
    world, target = worldsim.load(args.world or args.out / NAME), bundled_folder(NAME)
    world.provenance |= {"summary": SUMMARY.format(skill=args.skill), "notes": NOTES}
    world.save(target, half=True)
    agent = load_agent(args.out / "agents" / folder_of(name, best["seed"]))
    assert agent.seat is not None
    agent.seat = replace(agent.seat, world=str(target))
    agent.save(target / "agent")
    print(f"installed {NAME} with the controller of seed {best['seed']}; score it again: worldsim evaluate {NAME}")


def chosen() -> Args:
    """What was given on the command line, over --small's values where it is given."""
    args = tyro.cli(Args, description=__doc__)
    return tyro.cli(Args, description=__doc__, default=SMALL) if args.small else args


if __name__ == "__main__":
    try:
        main(chosen())
    except (BadInput, Stopped, WorkerDied) as error:
        raise SystemExit(f"takecover: {error}") from None
