"""How forgiving a dream is: the same moments before a halt, gone on from in reality and in the dream.

    python scripts/brink.py runs/carracing/agent-7 runs/carracing/recording --seed 8 --worlds runs/carracing/world-8

Of each recorded episode of --seed the first long stretch without a reward above 0 is looked up (a car that has left the
road). So many steps before its last reward (--leads) the agent takes over, in reality, where the recorded actions are
played again up to there, and in the dream of each world, which has followed the recorded frames. A line for each lead:
the share that halts after all (an episode that ends counts). An environment is needed whose seed and actions decide
everything.
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
from worldsim.agents.agent import load_agent
from worldsim.data.episode import Episode
from worldsim.data.recording import Recording
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State


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


Moment = tuple[Episode, int]
"""An episode, and the step of its last reward before a halt."""


def moments(recording: Recording, args: Args) -> list[Moment]:
    """The first halt of each episode that has one, far enough from its ends."""
    found: list[Moment] = []
    for i in range(len(recording)):
        shard, _ = recording.locate(i)
        if args.seed is not None and recording.shards[shard].about.seed != args.seed:
            continue
        episode = recording[i]
        paid = np.flatnonzero(episode.rewards > 0)
        last = paid[:-1][np.diff(paid) > args.dry]
        last = last[(last >= max(args.leads)) & (last + args.dry < len(episode))]
        found += [(episode, int(last[0]))] if len(last) else []
    return [found[k] for k in np.random.default_rng(0).permutation(len(found))[: args.cases]]


def halted(rewards: NDArray[np.float64], dry: int) -> bool:
    """Whether one row of rewards (T,) has a stretch of more than ``dry`` without one above 0."""
    return bool(np.diff(np.concatenate([[-1], np.flatnonzero(rewards > 0), [len(rewards)]])).max() > dry)


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
def dreamed(model: Any, act: Any, state: State, rows: int, steps: int) -> NDArray[np.float64]:
    """Rewards (rows, steps) of dreams that begin alike."""
    states = {name: value.repeat(rows, *[1] * (value.dim() - 1)) for name, value in state.items()}
    keys, paid, playing = stream_keys(torch.arange(rows)), np.zeros((rows, steps)), torch.ones(rows, dtype=torch.bool)
    for step in range(steps):
        draws = normals(keys, torch.full((rows,), step), model.noise_size)
        made = model.imagine(states, act(model.observe(states)), draws)
        states, paid[:, step] = made.state, torch.where(playing, made.reward, 0).numpy()
        playing &= ~made.terminated
    return paid


@torch.inference_mode()
def real(env: Any, model: Any, act: Any, moment: tuple[Episode, int, State], steps: int) -> NDArray[np.float64]:
    """Rewards (steps,) after the recorded actions were played again up to ``until``."""
    episode, until, state = moment
    seen, _ = env.reset(seed=episode.seed)
    for action in episode.actions[:until]:
        seen, *_ = env.step(action)
    if not np.array_equal(seen, episode.frames[until]):
        raise BadInput(f"{episode.env_id} did not repeat what was recorded; its seed and actions do not decide all")
    key, paid = stream_keys(torch.tensor([episode.index])), np.zeros(steps)
    for step in range(steps):
        action = act(model.observe(state))
        seen, reward, terminated, truncated, _ = env.step(action[0].numpy())
        paid[step] = reward
        if terminated or truncated:
            break
        draw = normals(key, torch.tensor([until + step + 1]), model.noise_size)
        state = model.follow(state, action, torch.from_numpy(np.ascontiguousarray(seen))[None], draw)
    return paid


def main(args: Args) -> None:
    """Every lead in every place."""
    agent, recording = load_agent(args.agent), Recording(args.recording)
    if agent.seat is None or agent.seat.world is None or agent.algo != "cma":
        raise BadInput(f"{args.agent} is no linear controller that knows a world")
    if min(args.cases, args.dry, args.steps, args.draws) < 1 or min(args.leads, default=-1) < 0:
        raise BadInput("--cases, --dry, --steps and --draws are at least 1, --leads at least 0")
    places = {name: worldsim.load(name).model for name in (args.worlds or (agent.seat.world,))}
    eyes, chosen = worldsim.load(agent.seat.world).model, moments(recording, args)
    if not chosen:
        raise BadInput(f"no episode of {args.recording} with seed {args.seed} has a halt of more than {args.dry} steps")
    layers = agent.model.layers(torch.from_numpy(agent.model.parameters)[None])

    def act(features: Tensor) -> Tensor:
        action: Tensor = agent.model.act(layers, features)
        return action

    about = recording.shards[0].about
    env, found = gym.make(about.env_id, **about.env_kwargs), []
    for lead in args.leads:
        counts: dict[str, list[float]] = {name: [] for name in ("reality", *places)}
        for episode, last in chosen:
            until = last - lead
            state = followed(eyes, episode, until)
            counts["reality"].append(halted(real(env, eyes, act, (episode, until, state), args.steps), args.dry))
            for name, model in places.items():
                rows = dreamed(model, act, followed(model, episode, until), args.draws, args.steps)
                counts[name].append(float(np.mean([halted(row, args.dry) for row in rows])))
        found.append({"lead": lead, "n": len(chosen)} | {name: float(np.mean(v)) for name, v in counts.items()})
        shares = ", ".join(f"{name} {found[-1][name]:.2f}" for name in counts)
        print(f"{lead} steps before the last reward, {len(chosen)} moments: halts in {shares}", flush=True)
    env.close()
    if args.out is not None:
        args.out.write_text(json.dumps({"agent": args.agent, "seed": args.seed, "found": found}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"brink: {error}") from None
