"""SavedAgent: a trained agent that plays in the window, with the eyes that it learned with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Env

from worldsim.errors import BadInput


class SavedAgent:
    """A function observation -> action that `worldsim.playing.play.play` can seat in reality and in dreams.

    It acts as in `worldsim.agents.evaluate`: an algorithm that learned a distribution draws from it, others take their
    best action. The draws of an episode follow from its seed.

    Args:
        path: what ``worldsim train-agent`` wrote, or a zip of Stable-Baselines3; "sb3:PATH" means the same.
    """

    def __init__(self, path: str | Path) -> None:
        """Load it."""
        from worldsim.agents.agent import load_agent
        from worldsim.agents.policy import Trained

        self.agent = load_agent(str(path).removeprefix("sb3:"))
        self.policy = Trained(self.agent.model)
        self._seed = self._age = 0

    @property
    def dream_observation(self) -> str:
        """What it wants to be shown in a dream."""
        seat = self.agent.seat
        if seat is not None and seat.observation != "own":
            return seat.observation
        return "pixels" if len(self.agent.model.observation_space.shape or ()) == 3 else "features"

    def env_kwargs(self, env_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Arguments for a real environment: in the one that it knows, those that it knows, then ``given``."""
        seat = self.agent.seat
        return given if seat is None else seat.in_reality(env_id, given).env_kwargs

    def look(self, env: Env[Any, Any]) -> Env[Any, Any]:
        """The environment as this agent sees it; refuses one that it does not know."""
        from worldsim.agents.evaluation import check_spaces
        from worldsim.agents.seat import fingerprint
        from worldsim.envs.dream import DreamEnv

        seat, inner = self.agent.seat, env.unwrapped
        dreamed = inner.world if isinstance(inner, DreamEnv) else None
        if seat is not None and dreamed is None:
            env = seat.look(env)
        elif seat is not None and seat.world is not None and dreamed is not None and seat.observation == "features":
            folder = dreamed.openings.shard.path.parent
            if fingerprint(str(folder)) != fingerprint(seat.world):
                raise BadInput(
                    f"agent {self.agent.name} knows the features of {seat.world}, not those of {folder}; "
                    f"let it play in its own dream or in reality"
                )
        check_spaces(self.agent.model, env.observation_space, env.action_space, self.agent.name)
        return env

    def begin(self, seed: int) -> None:
        """An episode begins."""
        self._seed, self._age = seed, 0
        self.policy.begin(np.array([seed]))

    def __call__(self, observation: Any) -> Any:
        """Its action."""
        import torch

        self._age += 1
        with torch.random.fork_rng(devices=[]):  # Stable-Baselines3 draws from the global generator
            torch.manual_seed(int(np.random.SeedSequence([self._seed, self._age]).generate_state(1, np.uint64)[0]))
            action = self.policy.act(observation)
        return action.item() if np.ndim(action) == 0 else action
