"""RealPlayer: one real environment that plays whole episodes of one controller after another."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.agents.seat import Seat, open_world


class RealEpisode(NamedTuple):
    """What an episode came to."""

    total: float
    steps: int


class RealPlayer:
    """Called with (parameters, seed) it plays that episode; made in each worker process.

    Args:
        seat: where, and through which world.
        config: of the controllers.
        horizon: steps after which an episode is cut, if the environment does not end it first.
    """

    def __init__(self, seat: Seat, config: LinearConfig, horizon: int = 100_000) -> None:
        import torch

        torch.set_num_threads(1)
        assert seat.env_id is not None
        kwargs: dict[str, Any] = dict(seat.env_kwargs)
        if seat.world is not None and open_world(seat.world).openings.shard.about.frames_from == "render":
            kwargs["render_mode"] = "rgb_array"
        self.env = seat.look(gym.make(seat.env_id, disable_env_checker=True, **kwargs))
        self.horizon, self.config = horizon, config

    def __call__(self, parameters: NDArray[np.floating], seed: int) -> RealEpisode:
        """One episode."""
        env = self.env
        controller = LinearController(env.observation_space, env.action_space, self.config, parameters)
        seen, _ = env.reset(seed=seed)
        total, steps, over = 0.0, 0, False
        while not over and steps < self.horizon:
            action, _ = controller.predict(seen)
            seen, reward, terminated, truncated, _ = env.step(action)
            total, steps, over = total + float(reward), steps + 1, terminated or truncated
        return RealEpisode(total, steps)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
