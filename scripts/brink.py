"""How forgiving a dream is: the same moments before a halt, gone on from in reality and in the dream.

    python scripts/brink.py runs/carracing/agent-7 runs/carracing/recording --seed 8 --worlds runs/carracing/world-8

Of each recorded episode of --seed the first halt is looked up: a long stretch without a reward above 0, to the end or
not (a car that has left the road). So many steps before its last reward (--leads) the agent takes over: in reality,
where the recorded actions are played again up to there, and in the dream of each world, which has followed the recorded
frames while the agent sees it through its own. A line for each lead: the share that halts after all (or ends). An
environment is needed whose seed and actions decide everything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor
from tyro.conf import Positional

import worldsim
from worldsim.agents.agent import LINEAR, load_agent
from worldsim.agents.seat import open_world
from worldsim.data.episode import Episode
from worldsim.data.recording import Recording
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State
from worldsim.space_json import from_json
from worldsim.vision_memory.moved import Moved


@dataclass(frozen=True)
class Args:
    """Who drives, and from where."""

    agent: Positional[str]
    """Folder of a linear controller that learned in a dream; in reality it sees through that world."""
    recording: Positional[Path]
    """Of the same environment."""
    worlds: tuple[str, ...] = ()
    """Whose dreams (default: that of the agent)."""
    seed: int | None = None
    """Of the recording's parts, the one with this seed (default: all)."""
    leads: tuple[int, ...] = (0, 20)
    """Steps before the last reward."""
    cases: int = 60
    """Moments, at most."""
    dry: int = 50
    """Steps without a reward above 0 that are a halt."""
    steps: int = 110
    """That are looked at after the agent took over."""
    draws: int = 16
    """Dreams of each moment."""
    out: Path | None = None
    """A json file with the same numbers."""


def moments(recording: Recording, args: Args) -> list[tuple[int, int]]:
    """Episodes and the step of their last reward before their first halt, where that is no sooner than the leads."""
    found: list[tuple[int, int]] = []
    for i in range(len(recording)):
        number, row = recording.locate(i)
        shard = recording.shards[number]
        if args.seed is not None and shard.about.seed != args.seed:
            continue
        begin, length = int(shard.first_step[row]), int(recording.lengths[i])
        paid = np.flatnonzero(shard.rewards[begin : begin + length] > 0)
        last = paid[np.diff([*paid, length]) > args.dry]
        if len(last) and last[0] >= max(args.leads):
            found.append((i, int(last[0])))
    return [found[k] for k in np.random.default_rng(0).permutation(len(found))[: args.cases]]


def halted(rewards: NDArray[np.float64], over: bool, dry: int) -> bool:
    """Whether one row of rewards (T,) has a stretch of more than ``dry`` without one above 0, or is over."""
    gaps = np.diff(np.concatenate([[-1], np.flatnonzero(rewards > 0), [len(rewards)]]))
    return over or bool(gaps.max() > dry)


@torch.inference_mode()
def followed(model: Any, episode: Episode, until: int) -> State:
    """What a world knows after ``until`` recorded steps (1 stream)."""
    key, frames = stream_keys(torch.tensor([episode.index])), torch.from_numpy(episode.frames[: until + 1])
    draws = normals(key.repeat(until + 1), torch.arange(until + 1), model.noise_size)
    actions = torch.from_numpy(np.ascontiguousarray(episode.actions[:until]))
    state: State = model.start(frames[:1], draws[:1])
    for t in range(until):
        state = model.follow(state, actions[t : t + 1], frames[t + 1 : t + 2], draws[t + 1 : t + 2])
    return state


@torch.inference_mode()
def dreamed(model: Any, act: Any, state: State, args: Args) -> float:
    """The share of dreams that halt, of many that begin alike."""
    rows = args.draws
    states = {name: value.repeat(rows, *[1] * (value.dim() - 1)) for name, value in state.items()}
    keys, paid, over = stream_keys(torch.arange(rows)), np.zeros((rows, args.steps)), torch.zeros(rows).bool()
    for step in range(args.steps):
        draws = normals(keys, torch.full((rows,), step), model.noise_size)
        made = model.imagine(states, act(model.observe(states)), draws)
        states, paid[:, step] = made.state, made.reward.numpy()
        over |= made.terminated
    return float(np.mean([halted(row, end, args.dry) for row, end in zip(paid, over.tolist(), strict=True)]))


@torch.inference_mode()
def real(env: Any, model: Any, act: Any, moment: tuple[Episode, int, State], args: Args) -> bool:
    """Whether it halts in reality, after the recorded actions were played again up to ``until``."""
    episode, until, state = moment
    seen, _ = env.reset(seed=episode.seed)
    for action in episode.actions[:until]:
        seen, *_ = env.step(action)
    if not np.array_equal(seen, episode.frames[until]):
        raise BadInput(f"{episode.env_id} did not repeat what was recorded; its seed and actions do not decide all")
    key, paid = stream_keys(torch.tensor([episode.index])), []
    for step in range(until, until + args.steps):
        action = act(model.observe(state))
        seen, reward, terminated, truncated, _ = env.step(action[0].numpy())
        paid.append(float(reward))
        if terminated or truncated:
            return halted(np.array(paid), bool(terminated), args.dry)
        draw = normals(key, torch.tensor([step + 1]), model.noise_size)
        state = model.follow(state, action, torch.from_numpy(np.ascontiguousarray(seen))[None], draw)
    return halted(np.array(paid), False, args.dry)


def main(args: Args) -> None:
    """Every lead in every place."""
    check(args)
    agent, recording = load_agent(args.agent), Recording(args.recording)
    seat = agent.seat
    if seat is None or seat.world is None or agent.algo not in LINEAR:
        raise BadInput(f"{args.agent} is no linear controller that knows a world")
    eyes, about = open_world(seat.world).model, recording.shards[0].about
    if from_json(about.action_space) != eyes.action_space or tuple(about.frame_shape) != eyes.config.frame_shape:
        raise BadInput(f"{args.recording} is of {about.env_id}, which {args.agent} does not play")
    places: dict[str, Any] = {seat.world: eyes}
    if args.worlds:
        places = {name: Moved(eyes, worldsim.load(name).model) for name in args.worlds}
    chosen = moments(recording, args)
    if not chosen:
        raise BadInput(f"no episode of {args.recording} with seed {args.seed} halts for more than {args.dry} steps")
    layers = agent.model.layers(torch.from_numpy(agent.model.parameters)[None])
    warmth = float(seat.env_kwargs.get("temperature", 1.0)) if seat.dreamed else 1.0

    def act(features: Tensor) -> Tensor:
        action: Tensor = agent.model.act(layers, features)
        return action

    env, found = gym.make(about.env_id, **about.env_kwargs), []
    for lead in args.leads:
        counts: dict[str, list[float]] = {name: [] for name in ("reality", *places)}
        for index, last in chosen:
            episode, until = recording[index], last - lead
            known = followed(eyes, episode, until)
            counts["reality"].append(real(env, eyes, act, (episode, until, known), args))
            for name, model in places.items():
                state = known if model is eyes else followed(model, episode, until)
                counts[name].append(dreamed(model, act, state | {"temperature": state["temperature"] * warmth}, args))
        found.append({"lead": lead, "n": len(chosen)} | {name: float(np.mean(v)) for name, v in counts.items()})
        shares = ", ".join(f"{name} {found[-1][name]:.2f}" for name in counts)
        print(f"{lead} steps before the last reward, {len(chosen)} moments: halts in {shares}", flush=True)
    env.close()
    if args.out is not None:
        args.out.write_text(json.dumps({"agent": args.agent, "seed": args.seed, "found": found}, indent=1) + "\n")


def check(args: Args) -> None:
    """Refuse what could only fail later."""
    if min(args.cases, args.dry, args.draws) < 1 or min(args.leads, default=-1) < 0 or args.steps <= args.dry:
        raise BadInput(
            "--cases, --dry and --draws are at least 1, --leads at least 0, --steps above --dry, got "
            f"{args.cases}, {args.dry}, {args.draws}, {args.leads} and {args.steps}"
        )
    if args.out is not None and not args.out.parent.is_dir():
        raise BadInput(f"--out {args.out}: there is no folder {args.out.parent}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, KeyboardInterrupt) as error:
        raise SystemExit(f"brink: {str(error) or 'stopped'}") from None
