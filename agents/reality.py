"""RealPlayer: one real environment that plays whole episodes, one after another; and scores made by many of them."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldsim.agents.agent import Agent, agent_folder, load_agent
from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.agents.played import Played
from worldsim.agents.policy import Random
from worldsim.agents.progress import Bar
from worldsim.agents.score import Score
from worldsim.agents.seat import Seat, digest, fingerprint, open_world
from worldsim.agents.workers import Alone, Workers


class RealEpisode(NamedTuple):
    """What an episode came to."""

    total: float
    steps: int


class RealPlayer:
    """Called with (parameters, seed) it plays that episode, at random without parameters; made in each worker process.

    Args:
        seat: where, and through which world.
        config: of the controllers.
        horizon: steps after which an episode is cut, if the environment does not end it first.
        patience: steps in a row without a reward above 0 after which it is cut too; 0 waits for ever.
        agent: folder of an agent of Stable-Baselines3, which then plays, with its likeliest actions.
    """

    def __init__(
        self,
        seat: Seat,
        config: LinearConfig,
        horizon: int = 100_000,
        patience: int = 0,
        agent: str | Path | None = None,
    ) -> None:
        import torch

        torch.set_num_threads(1)
        assert seat.env_id is not None
        kwargs: dict[str, Any] = dict(seat.env_kwargs)
        if seat.world is not None and open_world(seat.world).openings.shard.about.frames_from == "render":
            kwargs["render_mode"] = "rgb_array"
        self.env = seat.look(gym.make(seat.env_id, disable_env_checker=True, **kwargs))
        self.horizon, self.config, self.patience = horizon, config, patience
        self.learned = None if agent is None else load_agent(agent).model

    def __call__(self, parameters: NDArray[np.floating] | None, seed: int) -> RealEpisode:
        """One episode."""
        env, chance = self.env, Random(self.env.action_space)
        chance.begin(np.array([seed]))
        controller = self.learned
        if parameters is not None:
            controller = LinearController(env.observation_space, env.action_space, self.config, parameters)
        seen, _ = env.reset(seed=seed)
        total, steps, paid, over = 0.0, 0, 0, False
        while not over and steps < self.horizon:
            action = (
                chance.act(seen[None])[0] if controller is None else controller.predict(seen, deterministic=True)[0]
            )
            seen, reward, terminated, truncated, _ = env.step(action)
            total, steps, over = total + float(reward), steps + 1, terminated or truncated
            paid = steps if float(reward) > 0 else paid
            over |= 0 < self.patience <= steps - paid
        return RealEpisode(total, steps)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def score_in_reality(
    agent: Agent | str | Path | None,
    seat: Seat,
    episodes: int,
    workers: int = 1,
    seed: int = 0,
    name: str = "",
    kept: Path | None = None,
    progress: bool = False,
) -> Score:
    """The score of an agent (None: of random play) over the seeds that `worldsim.agents.evaluate` plays.

    For real environments that are slow and whose episodes differ much in length: each worker plays its own episodes,
    and none waits for another's.

    Args:
        agent: with a `LinearController`, or the folder of any, which takes its likeliest actions.
        seat: a real one.
        episodes: how many.
        workers: processes.
        seed: shifts the seeds.
        name: of the agent in the score.
        kept: file that keeps each game as it ends; the same call goes on from there.
        progress: show a bar.
    """
    model: LinearController | Any = agent.model if isinstance(agent, Agent) else None
    config = LinearConfig() if model is None else model.config
    parameters = None if model is None else model.parameters
    known = "random" if agent is None else agent.name if isinstance(agent, Agent) else Path(agent).name
    seeds = [EVALUATION_SEEDS + seed + i for i in range(episodes)]
    place = asdict(seat) | {"world": seat.world and fingerprint(seat.world)}
    games = Played(kept, {"player": _player(agent), "seat": place})
    todo = [seed for seed in seeds if seed not in games.games]
    make = partial(RealPlayer, seat, config, agent=None if isinstance(agent, Agent) else agent)
    what = f"{name or known} in {seat}"
    with Bar(what, episodes, "games", done=episodes - len(todo), shown=progress) as bar:

        def told(number: int, episode: RealEpisode) -> None:
            games.add(todo[number], *episode)
            bar.advance(1)

        if todo:
            pool: Any = Alone(make) if workers == 1 else Workers(workers, make)
            try:
                pool.map([(parameters, seed) for seed in todo], told)
            finally:
                pool.close()
    returns, lengths = (np.array(column) for column in zip(*(games.games[seed] for seed in seeds), strict=True))
    return Score(
        name or known, str(seat), returns.astype(np.float64), lengths.astype(np.int64), EVALUATION_SEEDS + seed
    )


def _player(agent: Agent | str | Path | None) -> str:
    """Who it is, by what it does: its file or its parameters."""
    if agent is None:
        return "random"
    if isinstance(agent, Agent):
        controller: LinearController | Any = agent.model
        return digest(np.asarray(controller.parameters).tobytes())
    place = agent_folder(agent)
    return digest((place if place.is_file() else place / "agent.zip").read_bytes())
