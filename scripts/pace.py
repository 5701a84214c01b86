"""Where a dream is too kind: what an agent earns every so many steps, in its dream and in reality.

    python scripts/pace.py carracing-vm --every 100 --episodes 20
    python scripts/pace.py carracing-vm --offset 0 -0.5 0     # with less gas
    python scripts/pace.py carracing-vm --temperature 0.5 --episodes 0     # in a colder dream, without reality
    python scripts/pace.py runs/rounds/agent-8 --moved-by runs/rounds/world-7     # in another M's dream

One line of mean rewards for the dream and one for reality, over steps of an episode (0 once it is over). A dream that
pays what reality pays at first and more later on has lost something on the way; one that pays the same with less gas,
where reality does not, never learned what gas does. Then how often it came to a halt: stretches of more than 50 steps
without a reward above 0 (a car beside the road), for every 1,000 steps before, between and after them, and how many of
them lasted to the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from tyro.conf import Positional

from worldsim.agents.agent import load_agent
from worldsim.agents.evaluation import EVALUATION_SEEDS, seated
from worldsim.agents.linear import LinearController
from worldsim.agents.seat import DREAM_HORIZON, Seat, open_world
from worldsim.envs.dream import DreamVectorEnv
from worldsim.errors import BadInput
from worldsim.vision_memory.moved import Moved

DRY = 50
"""Steps without a reward above 0; more are a halt."""


@dataclass(frozen=True)
class Args:
    """Which agent, and how closely it is looked at."""

    agent: Positional[str]
    """Folder of an agent that learned in a dream, or a bundled world that has one."""
    every: int = 100
    """Steps that are added up."""
    steps: int = 1000
    """Of an episode that are looked at."""
    episodes: int = 20
    """In reality; 0 leaves it out."""
    dreams: int = 256
    """In the dream."""
    moved_by: str = ""
    """Another vision-memory world with the same z (a round before, say), whose M and outcome head make the dream; the
    agent goes on seeing it through its own M, as it sees reality. What holds in one M's dream alone is not found in
    another's."""
    temperature: float | None = None
    """Of the dream (default: the one in which the agent learned)."""
    offset: tuple[float, ...] = ()
    """Added to the outputs of a linear controller, one number each, before the tanh."""
    out: Path | None = None
    """A json file with the same numbers."""


def opened(seat: Seat, args: Args) -> VectorEnv:
    """The rows to play in."""
    if not seat.dreamed:
        return seat.open(args.episodes)
    if not args.moved_by:
        return seat.open(args.dreams)
    if seat.observation != "features":
        raise BadInput(f"--moved-by is for agents that see features, this one sees {seat.observation}")
    world, other = open_world(seat.world), open_world(args.moved_by)
    kwargs = {"horizon": world.provenance.get("horizon") or DREAM_HORIZON, **seat.env_kwargs}
    return DreamVectorEnv(args.dreams, replace(world, model=Moved(world.model, other.model)), **kwargs)


def played(agent: Any, seat: Seat, args: Args) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rewards (episodes, steps), 0 once an episode is over, and lengths (episodes,): one in each row."""
    venv = opened(seat, args)
    rows = venv.num_envs
    try:
        policy, _ = seated(agent, venv)
        seeds = EVALUATION_SEEDS + np.arange(rows)
        observations, _ = venv.reset(seed=int(seeds[0]))
        policy.begin(seeds)
        torch.manual_seed(0)  # from which agents of Stable-Baselines3 draw, as in `worldsim evaluate`
        playing, paid = np.ones(rows, bool), np.zeros((rows, args.steps))
        lengths = np.zeros(rows, np.int64)
        for step in range(args.steps):
            observations, rewards, terminated, truncated, _ = venv.step(policy.act(observations))
            paid[:, step] = np.where(playing, rewards, 0)
            lengths += playing
            playing &= ~(terminated | truncated)
            if not playing.any():
                break
    finally:
        venv.close()
    return paid, lengths


def halts(paid: NDArray[np.float64], lengths: NDArray[np.int64]) -> dict[str, float]:
    """How often nothing is gained for more than `DRY` steps, and for how many of these that is the end of it."""
    begun = lasting = moving = 0
    for rewards, length in zip(paid, lengths, strict=True):
        gaps = np.diff(np.concatenate([[-1], np.flatnonzero(rewards[:length] > 0), [length]]))
        begun, lasting = begun + int((gaps > DRY).sum()), lasting + int(gaps[-1] > DRY)
        moving += int(gaps[gaps <= DRY].sum())
    return {"halts": begun, "per_1000": 1000 * begun / max(1, moving), "to_the_end": lasting}


def shifted(model: Any, offset: tuple[float, ...]) -> NDArray[np.float32]:
    """Parameters of a linear controller with something added to its outputs."""
    if not isinstance(model, LinearController) or len(offset) != model.outputs:
        outputs = f"{model.outputs} outputs" if isinstance(model, LinearController) else "no linear controller"
        raise BadInput(
            f"--offset is one number for each output of a linear controller, got {len(offset)} and {outputs}"
        )
    if not model.config.bias:
        raise BadInput("--offset is added to biases, and this controller has none")
    found = model.retuned(model.parameters, np.array([[0.0] * len(offset) + list(offset)]))
    return found[0].astype(np.float32)


def main(args: Args) -> None:
    """Both, beside each other."""
    if args.every < 1 or args.steps <= DRY or args.steps % args.every:
        raise BadInput(f"--steps is a multiple of --every and above {DRY}, got {args.steps} and {args.every}")
    if args.dreams < 1 or args.episodes < 0:
        raise BadInput(f"--dreams is at least 1 and --episodes at least 0, got {args.dreams} and {args.episodes}")
    if args.out is not None and not args.out.parent.is_dir():
        raise BadInput(f"--out {args.out}: there is no folder {args.out.parent}")
    agent = load_agent(args.agent)
    dream = None if agent.seat is None else agent.seat.in_dream()
    if agent.seat is None or dream is None:
        raise BadInput(f"{args.agent} knows no dream; expected an agent that learned in one")
    if args.temperature is not None:
        dream = replace(dream, env_kwargs={**dream.env_kwargs, "temperature": args.temperature})
    if args.offset:
        agent.model.parameters = shifted(agent.model, args.offset)
    places = {"dream": dream} | ({"reality": agent.seat.in_reality()} if args.episodes else {})
    found: dict[str, Any] = {}
    for name, seat in places.items():
        paid, lengths = played(agent, seat, args)
        means, stops = paid.reshape(len(paid), -1, args.every).sum(2).mean(0), halts(paid, lengths)
        print(f"{name:<8}", *(f"{mean:7.1f}" for mean in means), f"  sum {means.sum():.1f}")
        print(
            " " * 8, f"{stops['per_1000']:.2f} halts per 1,000 steps, {stops['to_the_end']} of {stops['halts']} lasting"
        )
        found[name] = {"paid": means.tolist(), **stops}
    if args.out is not None:
        names = ("agent", "every", "episodes", "dreams", "temperature", "offset", "moved_by")
        about = {name: getattr(args, name) for name in names}
        args.out.write_text(json.dumps(about | found) + "\n")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, KeyboardInterrupt) as error:
        raise SystemExit(f"pace: {str(error) or 'stopped'}") from None
