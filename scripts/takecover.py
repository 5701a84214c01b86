"""World Models' Doom experiment: record, V and M, controllers evolved in the dream alone, tested in the real game.

    python scripts/takecover.py --skill 4                 # the full protocol
    python scripts/takecover.py --skill 4 --small         # less of everything
    python scripts/takecover.py --skill 4 --small --install     # and copy the world and its controller into the package
    python scripts/takecover.py --skill 4 --small --world takecover-vm    # controllers alone, in the bundled world

Skill 5 is gym-doom's number; in today's ViZDoom skill 4 is as hard as the published task (docs/world_models.md).
Every stage goes on where it was stopped. One line of json for each controller; ends with the table: the temperatures
of the paper's Table 2, agents by PPO in the same world's dreams, an untrained M, and random play.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro

import worldsim
from worldsim.agents.actor import actor_of
from worldsim.agents.agent import load_agent
from worldsim.agents.clock import as_deadly, ending_above, mean_lives
from worldsim.agents.cma import train_cma
from worldsim.agents.progress import RecordBar
from worldsim.agents.seat import Seat, fingerprint
from worldsim.agents.transfer import folder_of
from worldsim.agents.trial import RANDOM, Means, Trial, committee_of, run, together, write
from worldsim.bundled import bundled_folder
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.envs.take_cover import MAX_STEPS, UnseenTakeCover
from worldsim.errors import BadInput, WorkerDied
from worldsim.lineage import lineage, training
from worldsim.sigterm import end_like_ctrl_c
from worldsim.vision_memory.train import TrainVisionMemory
from worldsim.vision_memory.untrained import without_memory

PUBLISHED = {0.1: "193 ± 58", 0.5: "196 ± 50", 1.0: "868 ± 511", 1.15: "1092 ± 556", 1.3: "753 ± 139"}
"""Real scores by temperature, 100 episodes of one agent each (Ha & Schmidhuber 2018, Table 2)."""
DOOM_C = {"bias": False}
PPO = {
    "learning_rate": 5e-4,
    "n_steps": 64,
    "batch_size": 2048,
    "n_epochs": 3,
    "gamma": 0.99,
    "ent_coef": 0.0,
    "vf_coef": 0.01,  # a value is near 100, and the gradient is clipped as a whole: at .5 the policy learned nothing
    "use_sde": True,  # an action drawn anew at every step goes nowhere
    "sde_sample_freq": 8,
    "policy_kwargs": {"log_std_init": -1.5, "net_arch": {"pi": [64], "vf": [128, 128]}},
}
"""Of Stable-Baselines3's PPO in the dream (ours; the paper has CMA-ES alone)."""
_ROWS = 256  # that PPO learns from
ENV = "WorldSim/TakeCover-v0"
NAME = "takecover-vm"
HOW = {"horizon": 2100, "render_fps": 35}
"""How a world of the game is played, also one that came by ``worldsim train``."""
HALVES = (60, 110, 140)
"""Steps to each side of the players by whom a dream is calibrated."""
_OWN, _DREAMS = 6_000_000, 64  # their first seed, of games and dreams, which no test uses; dreams each
_STRIDE = 1_000_000  # between recording seeds of one run's rounds
SUMMARY = (
    "A dream of ViZDoom's take_cover (skill {skill}) by the VAE + MDN-RNN of World Models, and an agent that learned in"
    " it alone, by {algo}. Weights are stored with 16 bits."
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
    start_from: str = ""
    """A world of the game, at any skill, with whose weights V and M begin; they then do half the updates."""
    skill: int = 5
    """Of the game, 1 to 5."""
    episodes: int = 12_800
    """Games to play for V and M; those of 100 steps or fewer are dropped, as in the paper."""
    policies: tuple[str, ...] = ("held:10",)
    """How they are played, one policy drawn for each game. Players who hold each action for up to 10 steps hardly ever
    stay at a wall, and their world has no death there: the paper's lack of cover for what a controller finds out."""
    min_steps: int = 101
    """Steps of the shortest game kept, of those of --policies."""
    preset: str = "takecover-paper"
    """Of worldsim train vision-memory."""
    vision_steps: int | None = None
    """Updates of V (default: the preset's)."""
    vision_batch: int | None = None
    """Frames in one (default: the preset's)."""
    mirror: bool = False
    """Learn from every game as it was and mirrored left to right (ours)."""
    held_out: float = 0.0
    """Share of the games that are not trained on, by which M's losses show what it knows by heart."""
    repaired: bool = False
    """Train V with the loss of the preset repaired, which keeps small things of rare colours (ours)."""
    memory_steps: int | None = None
    """Updates of M (default: the preset's)."""
    length: int | None = None
    """Steps of a window of M's reel (default: the preset's)."""
    memory_batch: int | None = None
    """Rows of the reel (default: the preset's)."""
    calibrate: int = 0
    """Real games of each of three players by the clock, who do not look; the dream then ends as soon for them, at
    temperature 1, by another threshold of M's endings (ours: `worldsim.agents.clock.as_deadly`); 0: as it is."""
    ends_above: float | None = None
    """That threshold itself, a logit (published: 0)."""
    temperatures: tuple[float, ...] = (1.15, 0.1, 0.5, 1.0, 1.3)
    """Of the dreams that controllers evolve in; the first one also with an untrained M."""
    steps: int = 1_500_000_000
    """Dream steps of each controller's evolution; 0 leaves CMA-ES out."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of evolution and PPO."""
    committee: bool = False
    """With several seeds, also test one agent whose outputs are the means of theirs (ours)."""
    real_episodes: int = 1000
    """Real games that test a controller."""
    ppo_steps: int = 0
    """Dream steps of PPO, which learns by gradients, with 64 tanh units (ours); 0 leaves it out."""
    ppo_temperatures: tuple[float, ...] = ()
    """Of the dreams that PPO learns in (default: --temperatures)."""
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
    untrained_steps: int | None = None
    """Dream steps of that evolution (default: --steps; its dreams are over after a few steps, and slow)."""
    workers: int = 1
    """Processes that play the real game."""
    threads: int | None = None
    """Of torch."""
    rounds: int = 1
    """Worlds, one after another (the paper: 1): each further one also learns from games that a controller of the last
    one's dream has played (an evolution of --steps each), with half the updates, from the last one's weights. A
    controller finds what its world does not know, and dies of it in reality: there the next world can learn it."""
    games: int = 400
    """Such games for each further world."""
    noise: float = 0.3
    """In each of them a share of actions, drawn from U(0, NOISE), is random."""
    seed: int = 0
    """Of recording, V and M."""
    install: bool = False
    """Copy the world into the package, with the agent that its own dream scored best: of PPO's if there are any, else
    of the controllers of the first temperature."""
    small: bool = False
    """2,000 games of three policies, also mirrored, takecover-fast, 20 million dream steps at temperature 1.15, PPO 4
    million at 1.7, 1 seed, 100 real games."""


SMALL = Args(
    episodes=2000,
    policies=("held:10", "held:10", "held:60", "held:240"),
    preset="takecover-fast",
    vision_steps=8_000,
    vision_batch=64,
    mirror=True,
    held_out=0.05,
    repaired=True,
    memory_steps=2_000,
    memory_batch=64,
    temperatures=(1.15,),
    steps=20_000_000,
    untrained_steps=1_000_000,
    ppo_steps=4_000_000,
    ppo_temperatures=(1.7,),  # the bundled world's: there players by the clock live about as long as in reality
    seeds=(0,),
    real_episodes=100,
    evaluate_every=5,
    evaluate_episodes=256,
)


def search(args: Args) -> dict[str, Any]:
    """Hyperparameters of CMA-ES."""
    names = ("popsize", "rollouts", "evaluate_every", "evaluate_episodes")
    return {name: getattr(args, name) for name in names} | {"precision": "bf16", **DOOM_C}


def dream(place: str, temperature: float, **more: Any) -> Seat:
    """Where an agent learns."""
    return Seat(None, {"temperature": temperature, "horizon": 2100, **more}, place, "features")


def world(args: Args) -> Path:
    """The recording, V and M, as often as it goes round; returns the last world's folder."""
    folder = args.out / NAME
    made = play(args, args.policies, args.episodes, args.seed, args.min_steps)
    print(f"{made}: mean kept length {made.lengths.mean():.0f} steps (published: 308)", flush=True)
    learn(args, made, folder, args.start_from)
    for number in range(2, args.rounds + 1):
        player = args.out / f"player-{number - 1}"
        seat, seed = dream(str(folder), args.temperatures[0]), args.seed + (number - 1) * _STRIDE
        how = {"hyperparameters": search(args), "threads": args.threads, "progress": True}
        train_cma(seat, args.steps, args.seeds[0], player, **how)  # type: ignore[arg-type]
        made = play(args, (f"agent:{player}@{args.noise:g}",), args.games, seed)
        lengths = np.concatenate([shard.lengths for shard in made.shards if shard.about.seed == seed])
        print(f"{made}: the player of world {number - 1} lived {lengths.mean():.0f} steps", flush=True)
        before, folder = folder, args.out / f"{NAME}-{number}"
        learn(args, made, folder, str(before))
    return folder


def play(args: Args, policies: tuple[str, ...], games: int, seed: int, least: int = 0) -> Recording:
    """Real games, added to the one recording."""
    with RecordBar("games", games) as bar:
        return record(
            ENV,
            policies,
            games,
            args.out / "recording",
            seed,
            env_kwargs={"skill": args.skill},
            processes=args.workers,
            min_steps=least,
            report=bar.report,
        )


def learn(args: Args, made: Recording, folder: Path, before: str = "") -> None:
    """V and M of all that was recorded; with half the updates from the weights of a world before."""
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
        start_from=before,
        mirror=0 if args.mirror else None,
        held_out=args.held_out,
        **better,  # type: ignore[arg-type]
    )
    job = job.shorter(0.5) if before else job
    job.once(**HOW, real_frames=made.num_frames)


def calibrated(args: Args, place: str) -> Path:
    """The same world with another threshold of its endings: the one asked for, or as deadly as reality is."""
    how = f"as-deadly-{args.calibrate}" if args.ends_above is None else f"ends-above-{args.ends_above:g}"
    folder = args.out / f"{Path(place).name}-{fingerprint(place)[:8]}-skill-{args.skill}-{how}"
    if not (folder / "config.json").is_file():
        if args.ends_above is not None:
            made = ending_above(worldsim.load(place), args.ends_above)
        else:
            seeds = range(_OWN, _OWN + args.calibrate)
            real = mean_lives(
                partial(UnseenTakeCover, args.skill), HALVES, seeds, args.out / f"lives-skill-{args.skill}.json"
            )
            made = as_deadly(worldsim.load(place), real, range(_OWN, _OWN + _DREAMS), MAX_STEPS)
        made.name = folder.name
        made.save(folder)
    return folder


def check(args: Args) -> None:
    """Refuse what could only fail after hours."""
    if args.calibrate < 0:
        raise BadInput(f"--calibrate is at least 0, got {args.calibrate}")
    if args.calibrate and args.ends_above is not None:
        raise BadInput("--calibrate finds the threshold that --ends-above gives; give one of the two")
    if min(args.rounds, args.games, args.real_episodes) < 1 or not 0 <= args.noise <= 1:
        raise BadInput(
            "--rounds, --games and --real-episodes are at least 1, --noise 0 to 1, got "
            f"{args.rounds}, {args.games}, {args.real_episodes} and {args.noise}"
        )
    if min(args.steps, args.ppo_steps) < 0 or args.steps + args.ppo_steps < 1 or (args.rounds > 1 and not args.steps):
        raise BadInput(
            "--steps and --ppo-steps are at least 0, one of them above (with --rounds it is --steps, for the player), "
            f"got {args.steps} and {args.ppo_steps}"
        )
    if not args.seeds or not args.temperatures:
        raise BadInput("--seeds and --temperatures need at least one each")
    if args.world and args.rounds > 1:
        raise BadInput("--rounds makes further worlds, --world takes one that is there; give one of the two")
    if args.world and args.start_from:
        raise BadInput("--start-from trains V and M on, --world takes them as they are; give one of the two")
    for option, place in (("--world", args.world), ("--start-from", args.start_from)):
        if place and (found := worldsim.load(place).openings.shard.about.env_id) != ENV:
            raise BadInput(f"{option} {place} is of {found}, expected one of {ENV}")


def main(args: Args) -> None:
    """All stages."""
    check(args)
    which = "" if args.rounds == 1 else f" of world {args.rounds}"
    known, blank = args.world or str(world(args)), args.out / f"untrained-m{which.replace(' ', '-')}"
    known = str(calibrated(args, known)) if args.calibrate or args.ends_above is not None else known
    untrained = args.untrained and args.steps > 0
    if untrained and not (blank / "config.json").is_file():
        without_memory(worldsim.load(known), blank)
    trials = [Trial(RANDOM, None, published="210 ± 108")]
    name = f"dream{which}, temperature {{:g}}".format
    for temperature in args.temperatures if args.steps else ():
        published = PUBLISHED.get(temperature, "")
        trials.append(Trial(name(temperature), dream(known, temperature), args.steps, search(args), published))
    for temperature in (args.ppo_temperatures or args.temperatures) if args.ppo_steps else ():
        seat = dream(known, temperature, precision="bf16")
        trials.append(Trial(f"{name(temperature)}, PPO", seat, args.ppo_steps, PPO, algo="ppo", num_envs=_ROWS))
    if untrained:
        seat = dream(str(blank), args.temperatures[0])
        steps = args.untrained_steps or args.steps
        trials.append(Trial(f"{name(args.temperatures[0])}, untrained M", seat, steps, search(args)))
    home = Seat(ENV, {"skill": args.skill}, known, "features")
    means = Means(args.real_episodes, args.workers, args.threads)
    rows = run(trials, args.seeds, home, args.out, means)
    for trial in trials[1:] if args.committee and len(args.seeds) > 1 else ():
        rows = together(trial, args.seeds, home, args.out, means)
    if args.install:
        chosen = next(trial for trial in trials[1:] if trial.algo == ("ppo" if args.ppo_steps else "cma"))
        names = (RANDOM, chosen.name, committee_of(chosen))
        install(args, known, [row for row in rows if row["trial"] in names])
    write(
        rows,
        args.out,
        f"TakeCover, skill {args.skill}; controllers of 1,088 parameters, PPO's of 64 tanh units; se: standard error.",
    )


def score(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the card."""
    return {
        "agent": row["trial"],
        "seed": row["seed"],
        "steps": row.get("steps", ""),
        "real return": "{mean:,.0f} ± {sd:,.0f}".format(**row["real"]),
        "in the dream": "{mean:,.0f} ± {sd:,.0f}".format(**row["dream"]) if row["dream"] else "",
        "real episodes": row["real"]["n"],
    }


def install(args: Args, known: str, rows: list[dict[str, Any]]) -> None:
    """World and agent into the package; real scores have no say in which agent it is."""
    best = max((row for row in rows if row["dream"]), key=lambda row: row["dream"]["mean"])
    world, target = worldsim.load(known), bundled_folder(NAME)
    world.name = NAME
    notes = list(NOTES)
    if len(made := lineage(known)) > 1:
        world.provenance |= training(made)
        notes.append(f"Trained in {len(made)} parts, each from the weights of the one before; updates are of all.")
    how = "PPO" if args.ppo_steps else "CMA-ES"
    world.provenance |= {"summary": SUMMARY.format(skill=args.skill, algo=how), "notes": notes, **HOW}
    world.provenance["scores"] = [score(row) for row in rows]
    world.save(target, half=True)
    agent = load_agent(args.out / "agents" / folder_of(best["trial"], best["seed"]))
    assert agent.seat is not None
    agent.seat = replace(agent.seat, world=str(target))
    if agent.algo == "ppo":
        learned = {"learned_by": "ppo", **agent.about}
        agent = replace(agent, model=actor_of(agent.model), algo="linear", about=learned)
    agent.save(target / "agent")
    print(f"installed {NAME} with {best['trial']}, seed {best['seed']}; score it again: worldsim evaluate {NAME}")


def chosen() -> Args:
    """What was given on the command line, over --small's values where it is given."""
    args = tyro.cli(Args, description=__doc__)
    return tyro.cli(Args, description=__doc__, default=SMALL) if args.small else args


if __name__ == "__main__":
    end_like_ctrl_c()
    try:
        main(chosen())
    except (BadInput, WorkerDied, KeyboardInterrupt) as error:
        raise SystemExit(f"takecover: {str(error) or 'stopped; the same command goes on'}") from None
