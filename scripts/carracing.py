"""World Models' CarRacing experiment, and the one it left out: controllers evolved in the car's dream.

    python scripts/carracing.py                 # the full protocol
    python scripts/carracing.py --small         # less of everything

First the dream: record, train V and M (with a head for reward and ending, which the published M lacks), evolve a
controller in the dream alone, test it on real tracks, and again with what it drove on added to the recording
(`worldsim iterate`). A world of random driving alone knows grass and hardly any road. The last round's controller
evolves on in dreams of other --temperatures. Then controllers that are evolved in reality through the same V and M: on
z alone, z with a hidden layer, z and h, and z and h of an untrained M. In the paper V and M knew random driving
(`--seen-by 1`); `--no-same-seeds --patience 0` evolves as published. Every stage goes on where it was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro

import worldsim
from worldsim.agents.agent import load_agent
from worldsim.agents.seat import Seat
from worldsim.agents.transfer import append, folder_of, read
from worldsim.agents.trial import RANDOM, REAL, Means, Trial, row_of, run, write
from worldsim.bundled import bundled_folder
from worldsim.commands.iterate import Iterate
from worldsim.errors import BadInput, WorkerDied
from worldsim.iteration import Iteration
from worldsim.lineage import lineage, training
from worldsim.openings import cut, write_openings
from worldsim.sigterm import end_like_ctrl_c
from worldsim.vision_memory.untrained import without_memory

ENV = "WorldSim/CarRacing-v0"
NAME = "carracing-vm"
SUMMARY = (
    "A dream of Gymnasium's CarRacing by the VAE + MDN-RNN of World Models, with a head for reward and ending, and a"
    " controller that CMA-ES evolved in it alone. Weights are stored with 16 bits."
)
NOTES = ["Arrow keys. Real and dreamed scores: docs/world_models.md.", "It is played without Box2D."]
_OPENINGS, _STEPS = 64, 8  # that ship: so many tracks, so many steps of each at most


@dataclass(frozen=True)
class Args:
    """The experiment and its cost."""

    out: Path = Path("runs/carracing")
    """Folder for everything."""
    rounds: int = 4
    """How often it goes round; the paper's V and M are of one round of random driving."""
    frames: int = 2_500_000
    """Real frames of each round (the paper: 10 million)."""
    policies: tuple[str, ...] = ("cauchy:0.01", "held:10", "sticky")
    """Who drives in the first round, one drawn for each track. The paper's cauchy:0.01 alone hardly meets the road
    (docs/world_models.md)."""
    shift: float = 0.6
    """How far those who record later rounds are shifted, for 50 steps at a time (`worldsim iterate --shift`): else they
    take each bend at one speed, and the dream never learns what another comes to."""
    preset: str = "carracing-fast"
    """Of worldsim train vision-memory; it needs the outcome head for the dream (carracing-paper has none)."""
    vision_steps: int | None = None
    """Updates of V in the first round, later half (default: the preset's)."""
    vision_batch: int | None = None
    """Frames in one (default: the preset's)."""
    kl_weight: float | None = 0.1
    """Weight of V's KL divergence, with no floor under it; None: as published, 1 above a floor of 16 nats, at which a
    picture keeps no more than that."""
    memory_steps: int | None = None
    """Updates of M in the first round, later half (default: the preset's)."""
    memory_batch: int | None = None
    """Stretches in one (default: the preset's)."""
    length: int | None = None
    """Steps of a stretch (default: the preset's, a whole episode, as published; stretches of 150 steps gave dreams in
    which the car never gets too fast)."""
    temperature: float = 1.0
    """Of the rounds' dreams."""
    temperatures: tuple[float, ...] = (1.0, 1.3)
    """Of dreams of the last round's world in which its controller evolves on, once for each seed. The warmer they are,
    the more often the car halts in them, as it does in reality. That helped after ten rounds, not after four."""
    horizon: tuple[int, ...] = (1000,)
    """Steps of the dreams of each round; the last number holds for all later ones. In short ones leaving the road costs
    little: rounds of 300 steps drove at full speed and left it."""
    dream_steps: int = 300_000_000
    """Dream steps of each controller's evolution."""
    real_steps: int = 200_000_000
    """Real steps of each controller's evolution in reality; 0 leaves these out."""
    tune_steps: int = 1_000_000
    """Real steps in which a gain and an offset of each output of the last round's controller evolve, the last steps of
    its training alone in reality; 0 leaves them out."""
    seen_by: int | None = None
    """Round whose V and M those of --real-steps look through (default: the last; 1: of random driving, as in the
    paper)."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of evolution outside the rounds."""
    round_episodes: int = 20
    """Real tracks that test each round's controller."""
    real_episodes: int = 200
    """Tracks that test a controller."""
    popsize: int = 64
    """Controllers in a generation."""
    rollouts: int = 16
    """Episodes that each one drives in a generation."""
    same_seeds: bool = True
    """Whether all of a generation drive the same ones (the paper: each pair its own)."""
    patience: int = 100
    """Steps without a new tile after which an episode of evolution is over (the paper: 0, never)."""
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
    """Of the rounds."""
    install: bool = False
    """Copy the last round's world into the package, with the controller of the last of --temperatures that its own
    dream scored best (without --temperatures: the round's)."""
    small: bool = False
    """60,000 frames a round, V and M in minutes, 30 million dream steps, one seed, 100 tracks, nothing evolved in
    reality."""


SMALL = Args(
    frames=60_000,
    vision_steps=3_000,
    vision_batch=64,
    memory_steps=2_400,
    memory_batch=16,
    temperatures=(),  # after four rounds a warmer dream did harm (docs/world_models.md)
    dream_steps=30_000_000,
    real_steps=0,
    tune_steps=0,
    seeds=(0,),
    real_episodes=100,
    popsize=32,
    evaluate_every=20,
    evaluate_episodes=256,
)


def search(args: Args) -> dict[str, Any]:
    """Hyperparameters of CMA-ES that all controllers have in common."""
    names = ("popsize", "rollouts", "same_seeds", "patience", "evaluate_every", "evaluate_episodes")
    return {name: getattr(args, name) for name in names}


def tuning(args: Args) -> dict[str, Any]:
    """Those of the last steps in reality: six numbers evolve, so a quarter of the controllers will do."""
    few = {"popsize": max(4, args.popsize // 4), "evaluate_episodes": max(1, args.evaluate_episodes // 8)}
    return {**search(args), **few, "evaluate_every": 2, "tune": "outputs", "sigma": 0.3}


def iteration(args: Args) -> Iteration:
    """The rounds, in ``out`` itself."""
    sizes = ("preset", "vision_steps", "vision_batch", "kl_weight", "memory_steps", "memory_batch", "length")
    given = [f"{name}={getattr(args, name)}" for name in sizes if getattr(args, name) is not None]
    return Iteration(
        Iterate(
            ENV,
            args.out,
            kind="vision-memory",
            rounds=args.rounds,
            frames=args.frames,
            world=(*given, *(["kl_tolerance=0.0"] if args.kl_weight is not None else [])),
            algo="cma",
            steps=args.dream_steps,
            hyperparameters=tuple(f"{name}={value}" for name, value in search(args).items()) + ("precision=bf16",),
            policy=args.policies,
            shift=args.shift,
            temperature=args.temperature,
            horizon=args.horizon,
            episodes=args.round_episodes,
            seed=args.seed,
            threads=args.threads,
        )
    )


def score_last(args: Args, rounds: Iteration, home: Seat, means: Means) -> None:
    """The last round's controller over as many tracks as any other: a row like those of the trials."""
    name, path = f"dream of round {args.rounds}", args.out / "rows.jsonl"
    if not any((row["trial"], row["seed"]) == (name, args.seed) for row in read(path)):
        folder = rounds.folder("agent", args.rounds)
        append(path, row_of(load_agent(folder), name, args.seed, home, means, folder / REAL))


def install(rounds: Iteration, number: int, evolved: Path) -> None:
    """A round's world and a controller of its dream into the package."""
    world, target = worldsim.load(rounds.folder("world", number)), bundled_folder(NAME)
    shard = world.openings.shard
    episodes = [shard.episode(i) for i in range(min(_OPENINGS, len(shard)))]
    with TemporaryDirectory() as folder:
        short = [cut(episode, 0, min(_STEPS, len(episode))) for episode in episodes]
        world = replace(world, openings=write_openings(Path(folder) / "openings.h5", short, shard.about))
        world.name = NAME
        world.provenance |= training(lineage(rounds.folder("world", number)))
        world.provenance |= {"summary": SUMMARY, "notes": NOTES, "horizon": 1000, "render_fps": 50}
        world.save(target, half=True)
    agent = load_agent(evolved)
    assert agent.seat is not None
    agent.seat = replace(agent.seat, world=str(target))
    agent.save(target / "agent")
    print(f"installed {NAME} with the controller of {evolved}; score it again: worldsim evaluate {NAME}")


def check(args: Args) -> None:
    """Refuse what could only fail after hours."""
    if min(args.dream_steps, args.round_episodes, args.real_episodes, *args.horizon) < 1 or not args.horizon:
        raise BadInput("--dream-steps, --round-episodes, --real-episodes and --horizon (one or more) are at least 1")
    if min(args.tune_steps, args.real_steps) < 0:
        raise BadInput(f"--tune-steps and --real-steps are at least 0, got {args.tune_steps} and {args.real_steps}")
    if args.seen_by is not None and not 1 <= args.seen_by <= args.rounds:
        raise BadInput(f"--seen-by is one of the {args.rounds} rounds, got {args.seen_by}")
    if not args.seeds:
        raise BadInput("--seeds needs at least one")


def main(args: Args) -> None:
    """All stages."""
    check(args)
    rounds = iteration(args)
    rounds.run()
    last, number = rounds.folder("world", args.rounds), args.seen_by or args.rounds
    eyes, blank = rounds.folder("world", number), args.out / f"untrained-m-{number}"
    home = Seat(ENV, {}, str(eyes), "features")
    means = Means(args.real_episodes, args.workers, args.threads, args.ray)
    score_last(args, rounds, home, means)
    trials, start = [Trial(RANDOM, None)], str(rounds.folder("agent", args.rounds))
    for temperature in args.temperatures:
        seat = Seat(None, {"temperature": temperature, "horizon": args.horizon[-1]}, str(last), "features")
        name = f"dream of round {args.rounds}, on at temperature {temperature:g}"
        how = {**search(args), "precision": "bf16"}
        trials.append(Trial(name, seat, args.dream_steps, how, start_from=start))
    warm = trials[-1].name
    if args.tune_steps:
        seat = Seat(ENV, {}, str(last), "features")
        name = f"dream of round {args.rounds}, then outputs retuned in reality"
        trials.append(Trial(name, seat, args.tune_steps, tuning(args), start_from=start))
    if args.real_steps:
        if not (blank / "config.json").is_file():
            without_memory(worldsim.load(eyes), blank)
        empty = Seat(ENV, {}, str(blank), "features")
        plain, middle = {**search(args), "features": "plain"}, {**search(args), "features": "plain", "hidden": 40}
        sight = f" (V and M of round {number})"
        trials += [
            Trial(f"reality, z{sight}", home, args.real_steps, plain, "632 ± 251"),
            Trial(f"reality, z and 40 hidden units{sight}", home, args.real_steps, middle, "788 ± 141"),
            Trial(f"reality, z and h{sight}", home, args.real_steps, search(args), "906 ± 21"),
            Trial(f"reality, z and h of an untrained M{sight}", empty, args.real_steps, search(args)),
        ]
    rows = run(trials, args.seeds, home, args.out, means)
    if args.install:
        mine = [row for row in rows if args.temperatures and row["trial"] == warm]
        best = max(mine, key=lambda row: row["dream"]["mean"], default=None)
        evolved = Path(start) if best is None else args.out / "agents" / folder_of(warm, best["seed"])
        install(rounds, args.rounds, evolved)
    write(rows, args.out, "WorldSim/CarRacing-v0 (CarRacing-v3 underneath; published: v0); se: standard error.")


def chosen() -> Args:
    """What was given on the command line, over --small's values where it is given."""
    args = tyro.cli(Args, description=__doc__)
    return tyro.cli(Args, description=__doc__, default=SMALL) if args.small else args


if __name__ == "__main__":
    end_like_ctrl_c()
    try:
        main(chosen())
    except (BadInput, WorkerDied, KeyboardInterrupt) as error:
        raise SystemExit(f"carracing: {str(error) or 'stopped; the same command goes on'}") from None
