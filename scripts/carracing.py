"""World Models' CarRacing experiment, and the one it left out: controllers evolved in the car's dream.

    python scripts/carracing.py                 # the full protocol
    python scripts/carracing.py --small         # less of everything

Records with Cauchy-random controllers, trains V and M, then evolves and tests on fresh tracks: in the dream (M here
has a head for reward and ending, the published one has neither), and in reality on the paper's features: z alone, z
with a hidden layer, z and h, and z and h of an untrained M. Every stage goes on where it was stopped.
No run of either length has been made to the end yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from worldsim.agents.seat import Seat
from worldsim.agents.trial import RANDOM, Means, Trial, run, write
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.errors import BadInput, Stopped, WorkerDied
from worldsim.vision_memory.train import TrainVisionMemory
from worldsim.vision_memory.untrained import without_memory

ENV = "WorldSim/CarRacing-v0"


@dataclass(frozen=True)
class Args:
    """The experiment and its cost."""

    out: Path = Path("runs/carracing")
    """Folder for everything."""
    episodes: int = 10_000
    """Tracks to drive on for V and M."""
    preset: str = "carracing-fast"
    """Of worldsim train vision-memory; it needs the outcome head for the dream (carracing-paper has none)."""
    vision_steps: int | None = None
    """Updates of V (default: the preset's)."""
    vision_batch: int | None = None
    """Frames in one (default: the preset's)."""
    memory_steps: int | None = None
    """Updates of M (default: the preset's)."""
    memory_batch: int | None = None
    """Stretches in one (default: the preset's)."""
    length: int | None = None
    """Steps of a stretch (default: the preset's)."""
    temperatures: tuple[float, ...] = (1.0, 1.15)
    """Of the dreams that controllers evolve in."""
    horizon: int = 500
    """Steps of such a dream."""
    dream_steps: int = 300_000_000
    """Dream steps of each controller's evolution."""
    real_steps: int = 200_000_000
    """Real steps of each controller's evolution in reality; 0 leaves these out."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of evolution."""
    real_episodes: int = 200
    """Tracks that test a controller."""
    popsize: int = 64
    """Controllers in a generation."""
    rollouts: int = 16
    """Episodes that each one drives in a generation."""
    evaluate_every: int = 25
    """Generations between scores of the mean controller."""
    evaluate_episodes: int = 1024
    """Episodes of such a score."""
    workers: int = 1
    """Processes that drive real cars."""
    ray: str | None = None
    """Address of a Ray cluster for evolution in reality, with so many workers."""
    threads: int | None = None
    """Of torch."""
    seed: int = 0
    """Of recording, V and M."""
    small: bool = False
    """60 tracks, V and M in minutes, 10 million dream steps, 100,000 real ones, one seed, 20 tracks to test."""


SMALL = Args(
    episodes=60,
    vision_steps=3_000,
    vision_batch=100,
    memory_steps=1_000,
    memory_batch=32,
    length=200,
    temperatures=(1.0,),
    dream_steps=10_000_000,
    real_steps=100_000,
    seeds=(0,),
    real_episodes=20,
    popsize=16,
    rollouts=4,
    evaluate_every=5,
    evaluate_episodes=16,
)


def world(args: Args) -> World:
    """The recording, V and M."""
    folder = args.out / "carracing-vm"
    made = record(ENV, "cauchy:0.01", args.episodes, args.out / "recording", args.seed, processes=args.workers)
    print(made, flush=True)
    job = TrainVisionMemory(
        made.path,
        folder,
        preset=args.preset,  # type: ignore[arg-type]
        vision_steps=args.vision_steps,
        vision_batch=args.vision_batch,
        memory_steps=args.memory_steps,
        memory_batch=args.memory_batch,
        length=args.length,
        openings=1000,
        threads=args.threads,
        seed=args.seed,
    )
    return job.once(horizon=1000, render_fps=50, real_frames=made.num_frames)


def main(args: Args) -> None:
    """All stages."""
    learned = world(args)
    folder, blank = args.out / "carracing-vm", args.out / "untrained-m"
    if not (blank / "config.json").is_file():
        without_memory(learned, blank)
    search = {"popsize": args.popsize, "rollouts": args.rollouts}
    search |= {"evaluate_every": args.evaluate_every, "evaluate_episodes": args.evaluate_episodes}
    trials = [Trial(RANDOM, None)]
    if learned.model.outcome is not None:
        for temperature in args.temperatures:
            seat = Seat(None, {"temperature": temperature, "horizon": args.horizon}, str(folder), "features")
            trials.append(Trial(f"dream, temperature {temperature:g}", seat, args.dream_steps, search))
    home, empty = (Seat(ENV, {}, str(place), "features") for place in (folder, blank))
    if args.real_steps:
        plain, middle = {**search, "features": "plain"}, {**search, "features": "plain", "hidden": 40}
        trials += [
            Trial("reality, z", home, args.real_steps, plain, "632 ± 251"),
            Trial("reality, z and 40 hidden units", home, args.real_steps, middle, "788 ± 141"),
            Trial("reality, z and h", home, args.real_steps, search, "906 ± 21"),
            Trial("reality, z and h of an untrained M", empty, args.real_steps, search),
        ]
    means = Means(args.real_episodes, args.workers, args.threads, args.ray)
    rows = run(trials, args.seeds, home, args.out, means)
    write(rows, args.out, "WorldSim/CarRacing-v0 (CarRacing-v3 underneath; published: v0); se: standard error.")


def chosen() -> Args:
    """What was given on the command line, over --small's values where it is given."""
    args = tyro.cli(Args, description=__doc__)
    return tyro.cli(Args, description=__doc__, default=SMALL) if args.small else args


if __name__ == "__main__":
    try:
        main(chosen())
    except (BadInput, Stopped, WorkerDied) as error:
        raise SystemExit(f"carracing: {error}") from None
