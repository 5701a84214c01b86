"""evaluate: an agent's score over episodes with known seeds, without favouring short ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.policy import Act, Function, Noop, Policy, Random, Trained
from worldsim.agents.progress import Bar
from worldsim.agents.score import Score
from worldsim.agents.seat import Seat, find_seat
from worldsim.errors import BadInput

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

EVALUATION_SEEDS = 3_000_000_000
"""Seed 0 of an evaluation. Training and recordings take seeds below 2**31, so no episode here was ever trained on."""
NAMED = ("random", "noop")
"""Agents that need no file."""


def evaluate(
    agent: str | Path | Agent | BaseAlgorithm | Act,
    env: str | VectorEnv | Seat | None = None,
    episodes: int = 1000,
    seed: int = 0,
    num_envs: int | None = None,
    env_kwargs: dict[str, Any] | None = None,
    deterministic: bool | None = None,
    max_episode_steps: int = 100_000,
    device: str = "cpu",
    progress: bool = False,
) -> Score:
    """Play ``episodes`` episodes and add up their rewards.

    Unbiased: exactly the episodes with seeds ``EVALUATION_SEEDS + seed + i`` for i < ``episodes`` are played, in
    rounds of ``num_envs``; a row whose episode ended waits for the round to end, so quick deaths are not counted more
    often than long lives. An agent that draws its actions draws them from torch's generator, which is seeded here and
    given back as it was: the same call gives the same score.

    Args:
        agent: ``"random"``, ``"noop"``, an agent's folder or a zip of Stable-Baselines3, an `Agent`, a model of
            Stable-Baselines3, or a function from observations (n, ...) to actions (n, ...).
        env: an id, a `Seat`, or a vector environment with same-step autoreset that shows what the agent knows. None:
            the real environment that the agent's world was recorded from. An agent that learned on a world's features
            sees an id, too, through that world.
        episodes: how many.
        seed: shifts the seeds.
        num_envs: rows; a good number if None.
        env_kwargs: for an environment given by id.
        deterministic: see `worldsim.agents.policy.Trained`.
        max_episode_steps: an episode is cut (and counted in `Score.cut`) here if the environment never ends it.
        device: where a world computes.
        progress: show how far it is, on stderr.
    """
    if episodes < 1 or (num_envs is not None and num_envs < 1) or max_episode_steps < 1 or seed < 0:
        raise BadInput(
            f"episodes, num_envs and max_episode_steps must be at least 1 and seed at least 0, got {episodes}, "
            f"{num_envs}, {max_episode_steps} and {seed}"
        )
    if isinstance(agent, str | Path) and str(agent) not in NAMED:
        agent = load_agent(agent, device)
    if isinstance(env, VectorEnv):
        venv, place = env, _name(env)
    else:
        seat = env if isinstance(env, Seat) else _seat(agent, env, env_kwargs)
        venv, place = seat.open(min(episodes, num_envs or seat.rows), device), str(seat)
    try:
        policy, name = seated(agent, venv, deterministic)
        with _torch_seeded(seed), Bar(f"{name} in {place}", episodes, "episodes", shown=progress) as bar:
            returns, lengths, cut = _play(policy, venv, episodes, EVALUATION_SEEDS + seed, max_episode_steps, bar)
    finally:
        if venv is not env:
            venv.close()
    return Score(name, place, returns, lengths, EVALUATION_SEEDS + seed, cut)


def seated(agent: Any, venv: VectorEnv, deterministic: bool | None = None) -> tuple[Policy, str]:
    """The policy of an agent and its name, after checking that it knows what the environment shows and takes."""
    space = venv.single_action_space
    if agent == "random":
        return Random(space), "random"
    if agent == "noop":
        return Noop(space), "noop"
    model, name = (agent.model, agent.name) if isinstance(agent, Agent) else (agent, "")
    if hasattr(model, "predict") and hasattr(model, "observation_space"):
        check_spaces(model, venv.single_observation_space, space, name or type(model).__name__)
        return Trained(model, deterministic), name or type(model).__name__
    if callable(agent):
        return Function(agent), getattr(agent, "__name__", type(agent).__name__)
    raise BadInput(f"expected random, noop, an agent's folder, a model or a function, got {agent!r}")


def check_spaces(model: BaseAlgorithm, shown: Space[Any], taken: Space[Any], name: str) -> None:
    """Refuse an environment whose observations or actions are not those that the model learned."""
    known = model.observation_space
    if shown != known and not _transposed(shown, known):
        raise BadInput(f"agent {name} knows observations {_brief(known)}, this environment shows {_brief(shown)}")
    if taken != model.action_space:
        raise BadInput(f"agent {name} knows actions {model.action_space}, this environment takes {taken}")


def _transposed(shown: Space[Any], known: Space[Any]) -> bool:
    """Whether an image is known channel-first, as Stable-Baselines3 turns it."""
    return (
        isinstance(shown, Box)
        and isinstance(known, Box)
        and shown.dtype == known.dtype == np.uint8
        and len(shown.shape) == 3
        and (shown.shape[2], *shown.shape[:2]) == known.shape
    )


def _brief(space: Space[Any]) -> str:
    """A space in one line, however large."""
    return f"{space.shape} {space.dtype}" if isinstance(space, Box) else str(space)


def _seat(agent: Any, env: str | None, env_kwargs: dict[str, Any] | None) -> Seat:
    """Where to evaluate: the agent's own eyes in reality, or the environment itself for who has none."""
    seat = agent.seat if isinstance(agent, Agent) else None
    if env is None and seat is None:
        raise BadInput("this agent does not say where it belongs; give the environment (--env ID)")
    if env is not None:
        found = find_seat(env, env_kwargs=env_kwargs)
        if seat is None or found.dreamed:
            return found
    assert seat is not None
    return seat.in_reality(env, env_kwargs)


def _name(venv: VectorEnv) -> str:
    return venv.spec.id if venv.spec is not None else type(venv.unwrapped).__name__


def _play(
    policy: Policy, venv: VectorEnv, episodes: int, first_seed: int, longest: int, bar: Bar
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Returns (n,), lengths (n,) and how many episodes were cut, in rounds of one episode per row."""
    if venv.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
        raise BadInput(
            f"expected a vector environment with AutoresetMode.SAME_STEP, got {venv.metadata.get('autoreset_mode')}"
        )
    returns, lengths, cut = np.zeros(episodes), np.zeros(episodes, np.int64), 0
    for start in range(0, episodes, venv.num_envs):
        seeds = first_seed + start + np.arange(venv.num_envs)
        observations, _ = venv.reset(seed=int(seeds[0]))
        policy.begin(seeds)
        playing = start + np.arange(venv.num_envs) < episodes  # the last round may have rows to spare
        score, age = np.zeros(venv.num_envs), np.zeros(venv.num_envs, np.int64)
        while playing.any():
            observations, rewards, terminated, truncated, _ = venv.step(policy.act(observations))
            score += np.where(playing, rewards, 0)
            age += playing
            over = playing & (terminated | truncated)
            late = playing & ~over & (age >= longest)
            cut += int(late.sum())
            playing &= ~(over | late)
            bar.advance(int((over | late).sum()))
        end = min(episodes, start + venv.num_envs)
        returns[start:end], lengths[start:end] = score[: end - start], age[: end - start]
    return returns, lengths, cut


@contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    """Torch's generator, from which Stable-Baselines3 draws actions, seeded for a while."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
