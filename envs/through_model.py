"""ThroughModel and ThroughModelEnv: a real environment seen through a world model's eyes and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from worldsim.checkpoint import World
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.protocol import State


class ThroughModel(gym.vector.VectorEnv[Any, Any, Any]):
    """A real vector environment whose observations are the features that an agent knows from the dream.

    Every real frame goes through the model's ``start`` or ``follow``, and `observe` gives the features; nothing is
    imagined. An agent trained in the dream sits down here without a change. Rewards, endings and infos are the real
    environment's; ``final_obs`` holds the features of the true last frame.

    Args:
        venv: a vector environment with SAME_STEP autoreset whose observations are the frames the world learned.
        world: from `worldsim.load`.
        device: where the model runs.

    Raises:
        BadInput: observations or actions are not those that the world learned.
    """

    def __init__(self, venv: gym.vector.VectorEnv[Any, Any, Any], world: World, device: str = "cpu") -> None:
        model, mode = world.model, venv.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise BadInput(
                f"expected a vector environment with SAME_STEP autoreset, got {mode}; make it with that mode"
            )
        check_frames(world, venv.single_observation_space, venv.single_action_space)
        self.venv, self.world, self.model, self.device = venv, world, model, torch.device(device)
        self.num_envs, self.metadata, self.spec = venv.num_envs, venv.metadata, venv.spec
        self.render_mode = venv.render_mode
        self.single_observation_space, self.single_action_space = model.observation_space, venv.single_action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = venv.action_space
        self.state: State = {}
        self._key = torch.zeros(self.num_envs, dtype=torch.int64, device=self.device)
        self._clock = 0

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Reset the real environment and look at its first frames; the model's noise follows the seed too."""
        frames, info = self.venv.reset(seed=cast(int | None, seed), options=options)
        first = seed if isinstance(seed, (int, np.integer)) else 0
        self._key = stream_keys(torch.arange(first, first + self.num_envs, device=self.device))
        self._clock = 0
        with torch.inference_mode():
            self.state = self.model.start(self._frames(frames), self._noise())
        return self._observe(self.state), info

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Act in reality; follow the frames that came, and begin anew where an episode ended."""
        frames, rewards, terminated, truncated, info = self.venv.step(actions)
        done = np.flatnonzero(terminated | truncated)
        with torch.inference_mode():
            action = torch.as_tensor(np.asarray(actions), device=self.device)
            if len(done) == 0:
                self.state = self.model.follow(self.state, action, self._frames(frames), self._noise())
                return self._observe(self.state), rewards, terminated, truncated, info
            last = frames.copy()
            for row in done:
                last[row] = info["final_obs"][row]
            state = self.model.follow(self.state, action, self._frames(last), self._noise())
            seen = self._observe(state)
            final = np.empty(self.num_envs, object)
            for row in done:
                final[row] = seen[row].copy()
            rows = torch.from_numpy(done).to(self.device)
            begun = self.model.start(self._frames(frames[done]), self._noise()[rows])
            self.state = {name: value.index_copy(0, rows, begun[name]) for name, value in state.items()}
            seen[done] = self._observe(begun)
        return seen, rewards, terminated, truncated, {**info, "final_obs": final}

    def _frames(self, frames: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(frames)).to(self.device)

    def _noise(self) -> Tensor:
        self._clock += 1
        return normals(self._key, torch.full_like(self._key, self._clock), self.model.noise_size)

    def _observe(self, state: State) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.array(self.model.observe(state).cpu().numpy())

    def render(self) -> Any:
        """The real environment's picture."""
        return self.venv.render()

    def close_extras(self, **kwargs: Any) -> None:
        """Close the real environment."""
        self.venv.close()


class ThroughModelEnv(gym.Wrapper[Any, Any, Any, Any]):
    """The same for a single environment that its user resets: it is row 0 of a `ThroughModel` of one row.

    Args:
        env: an environment whose observations are the frames the world learned.
        world: from `worldsim.load`.
        device: where the model runs.

    Raises:
        BadInput: observations or actions are not those that the world learned.
    """

    def __init__(self, env: gym.Env[Any, Any], world: World, device: str = "cpu") -> None:
        check_frames(world, env.observation_space, env.action_space)
        super().__init__(env)
        self.world, self.model, self.device = world, world.model, torch.device(device)
        self.observation_space = world.model.observation_space
        self.state: State = {}
        self._key = stream_keys(torch.zeros(1, dtype=torch.int64, device=self.device))
        self._clock = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Reset the real environment and look at its first frame; without a seed the noise goes on."""
        frame, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._key, self._clock = stream_keys(torch.tensor([seed], device=self.device)), 0
        with torch.inference_mode():
            self.state = self.model.start(self._frame(frame), self._noise())
            return self._observe(), info

    def step(self, action: Any) -> tuple[NDArray[np.float32], Any, bool, bool, dict[str, Any]]:
        """Act in reality and follow the frame that came."""
        frame, reward, terminated, truncated, info = self.env.step(action)
        with torch.inference_mode():
            taken = torch.as_tensor(np.asarray(action), device=self.device)[None]
            self.state = self.model.follow(self.state, taken, self._frame(frame), self._noise())
            return self._observe(), reward, terminated, truncated, info

    def _frame(self, frame: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(frame)).to(self.device)[None]

    def _noise(self) -> Tensor:
        self._clock += 1
        return normals(self._key, torch.full_like(self._key, self._clock), self.model.noise_size)

    def _observe(self) -> NDArray[np.float32]:
        return np.array(self.model.observe(self.state)[0].cpu().numpy())


def check_frames(world: World, shown: gym.Space[Any], taken: gym.Space[Any]) -> None:
    """Refuse an environment whose observations and actions are not the frames and actions that the world learned."""
    shape = tuple(world.model.config.frame_shape)
    if shown.shape != shape or shown.dtype != np.uint8:
        raise BadInput(
            f"world {world.name!r} learned frames {shape} uint8, this environment gives {shown}; "
            "make it with the arguments of the recording"
        )
    if taken != world.model.action_space:
        raise BadInput(
            f"world {world.name!r} learned actions {world.model.action_space}, this environment takes {taken}"
        )
