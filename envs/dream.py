"""DreamEnv and DreamVectorEnv: a `worldsim.Dream` as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from worldsim.arithmetic import Precision
from worldsim.checkpoint import World, load
from worldsim.dream import Dream, Snapshot
from worldsim.errors import BadInput
from worldsim.noise import stream_keys
from worldsim.surprise import surprise

_OBSERVATIONS = ("features", "pixels")


@lru_cache(maxsize=4)
def _cached(model: str, device: str) -> World:
    return load(model, device)


def open_world(model: str | World, device: str, **board: Any) -> World:
    """The world itself, or the loaded one; a name is loaded once a process, because models hold no state.

    Args:
        model: a name, a folder or a world.
        device: where it runs.
        board: of a world that plays on any board, see `worldsim.World.on_board`.
    """
    world = model if isinstance(model, World) else _cached(str(model), device)
    return world.on_board(**board) if board else world


def seed_after(seed: int) -> int:
    """The seed of the episode that follows an episode with ``seed``, when nobody gives one."""
    return int(stream_keys(torch.tensor([seed])).item()) & ((1 << 62) - 1)


class DreamVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """Batched episodes inside a learned world; the single environment is the batch of one.

    **Description** Each episode begins where a short stretch of real play (an opening) ended and is imagined from
    there. Row i of ``reset(seed=s)`` runs as the single environment with seed s + i, up to floating-point rounding.

    **Action space** of the environment that was learned. **Observation space** ``observation="features"``: what the
    model gives the agent, float32; ``"pixels"``: the drawn frame, uint8 (H, W, C).

    **Rewards** as learned, in the real environment's unit. **Episode end** terminated as learned; truncated after
    ``horizon`` imagined steps. SAME_STEP autoreset.

    Args:
        num_envs: rows.
        model: a bundled name, a world folder, ``hf:owner/name``, or a loaded `worldsim.World`.
        temperature: of sampling, 1 is as learned.
        horizon: steps after which an episode is truncated; None leaves it to ``max_episode_steps``, then to the world
            (``provenance["horizon"]``), which may set none.
        observation: ``"features"`` or ``"pixels"``.
        device: where the model runs.
        max_episode_steps: what `gymnasium.make_vec` passes; the same as ``horizon``.
        render_mode: ``"rgb_array"`` or None.
        precision: ``"fp32"``, or ``"bf16"`` for multiplications in bfloat16: about 1.5 times as fast for many rows on a
            CPU with AVX512-BF16 or AMX, and on GPUs.
        compiled: compile the step; pays for long runs, as the first step then takes a quarter of a minute.
        curiosity: so much of the world's own `worldsim.surprise.surprise` is added to each reward (of many rows;
            the single environment has none).
        patience: steps in a row without a reward above 0 after which an episode is terminated, for dreams that are too
            kind to who has left the road; 0 waits for ever. Counted anew after ``set_state``.
        board: ``rows``, ``cols``, ``task``, ``ghosts``, ``pellets``, ``count`` of openings and ``boards_seed``, for
            worlds that play on any board, see `worldsim.World.on_board`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 8, "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        model: str | World = "",
        temperature: float = 1.0,
        horizon: int | None = None,
        observation: str = "features",
        device: str = "cpu",
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        precision: Precision = "fp32",
        compiled: bool = False,
        curiosity: float = 0.0,
        patience: int = 0,
        **board: Any,
    ) -> None:
        if not model:
            raise BadInput('a dream needs a world: gym.make("WorldSim/Dream-v0", model="<folder or bundled name>")')
        if observation not in _OBSERVATIONS:
            raise BadInput(f"observation must be one of {', '.join(_OBSERVATIONS)}, got {observation!r}")
        if num_envs < 1 or (horizon is not None and horizon < 1):
            raise BadInput(f"num_envs and horizon must be at least 1, got {num_envs} and {horizon}")
        for name, value in (("curiosity", curiosity), ("patience", patience)):
            if value < 0:
                raise BadInput(f"{name} must be at least 0, got {value}")
        self.curiosity, self.patience = curiosity, patience
        self._unpaid = np.zeros(num_envs, np.int64)  # steps since the last reward above 0
        self.world = open_world(model, device, **board)
        self.dream = Dream(self.world, num_envs, temperature, device, precision, compiled)
        self.num_envs, self.observation, self.render_mode = num_envs, observation, render_mode
        given = horizon if horizon is not None else max_episode_steps
        self.horizon = given if given is not None else self.world.provenance.get("horizon")
        self.metadata = {**self.metadata, "render_fps": int(self.world.provenance.get("render_fps", 8))}
        config = self.world.model.config
        shape = tuple(getattr(config, "picture_shape", config.frame_shape))
        pixels = Box(0, 255, shape, np.uint8)
        self.single_observation_space = self.world.model.observation_space if observation == "features" else pixels
        self.single_action_space = self.world.model.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._seeds = np.zeros(num_envs, np.int64)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin every row; ``options={"opening": i}`` (or one per row) chooses where."""
        seeds = self._choose_seeds(seed)
        openings = None
        if options and options.get("opening") is not None:
            openings = torch.as_tensor(options["opening"], dtype=torch.int64).expand(self.num_envs).clone()
        self._seeds = seeds
        self._unpaid[:] = 0
        self.dream.reset(torch.arange(self.num_envs), torch.from_numpy(seeds), openings)
        return self._observe(), {"opening": self.dream.opening.cpu().numpy().copy()}

    def _choose_seeds(self, seed: int | Sequence[int | None] | None) -> NDArray[np.int64]:
        if seed is None and self._np_random is not None and self.dream.state:
            return np.array([seed_after(s) for s in self._seeds.tolist()], np.int64)
        if seed is None:
            return self.np_random.integers(0, 1 << 31, self.num_envs, dtype=np.int64)
        if isinstance(seed, (int, np.integer)):
            super().reset(seed=int(seed))
            return np.arange(int(seed), int(seed) + self.num_envs, dtype=np.int64)
        if len(seed) != self.num_envs:
            raise BadInput(f"expected {self.num_envs} seeds, got {len(seed)}")
        drawn = self.np_random.integers(0, 1 << 31, self.num_envs, dtype=np.int64)
        return np.array([d if s is None else s for s, d in zip(seed, drawn.tolist(), strict=True)], np.int64)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One imagined step of every row; rows that ended begin anew in the same step."""
        actions = np.asarray(actions)
        self._check(actions)
        action, before = torch.from_numpy(np.ascontiguousarray(actions)), self.dream.get_state()
        imagined = self.dream.step(action)
        rewards = imagined.reward
        if self.curiosity:
            places = (before.state, action.to(rewards.device), before.key, before.age, imagined.state)
            rewards = rewards + self.curiosity * surprise(self.world.model, *places)
        terminated = imagined.terminated.cpu().numpy() | self._waited(imagined.reward)
        truncated = np.zeros(self.num_envs, bool)
        if self.horizon is not None:
            truncated = (self.dream.age >= self.horizon).cpu().numpy() & ~terminated
        observations, info = self._observe(), {}
        done = np.flatnonzero(terminated | truncated)
        if len(done):
            info = self._restart(done, observations)
            observations = self._observe()
        return observations, rewards.cpu().numpy().astype(np.float32), terminated.copy(), truncated, info

    def _waited(self, rewards: torch.Tensor) -> NDArray[np.bool_]:
        """Whose patience is over with this step."""
        if not self.patience:
            return np.zeros(self.num_envs, bool)
        self._unpaid = np.where(rewards.cpu().numpy() > 0, 0, self._unpaid + 1)
        return self._unpaid >= self.patience

    def _restart(self, rows: NDArray[np.int64], observations: NDArray[Any]) -> dict[str, Any]:
        """Begin finished rows; the info of the SAME_STEP convention."""
        final = np.empty(self.num_envs, object)
        over = np.zeros(self.num_envs, bool)
        for row in rows:
            final[row], over[row] = observations[row], True
        self._seeds[rows] = [seed_after(s) for s in self._seeds[rows].tolist()]
        self._unpaid[rows] = 0
        self.dream.reset(torch.from_numpy(rows), torch.from_numpy(self._seeds[rows]))
        old = {"opening": np.zeros(self.num_envs, np.int64), "_opening": over.copy()}
        new = self.dream.opening.cpu().numpy().copy()
        return {"final_obs": final, "_final_obs": over, "final_info": old, "_final_info": over.copy(), "opening": new}

    def _check(self, actions: NDArray[Any]) -> None:
        """Actions of the wrong shape or out of range are the caller's mistake; a model would take them quietly."""
        space = self.action_space
        if actions.shape != space.shape:
            raise BadInput(f"expected actions of shape {space.shape}, got {actions.shape}; one for each row")
        if not space.contains(actions.astype(space.dtype, copy=False)):
            raise BadInput(
                f"expected actions in {self.single_action_space}, got values from {actions.min()} to {actions.max()}"
            )

    def _observe(self) -> NDArray[Any]:
        seen = self.dream.observe() if self.observation == "features" else self.dream.render()
        return seen.cpu().numpy().copy()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One frame per row."""
        return None if self.render_mode is None else tuple(self.dream.render().cpu().numpy())

    def get_state(self) -> Snapshot:
        """Where every row is, to branch from."""
        return self.dream.get_state()

    def set_state(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot (also one of another environment of this world)."""
        self._unpaid[:] = 0
        self.dream.set_state(snapshot)


class DreamEnv(gym.Env[Any, Any]):
    """One episode at a time inside a learned world; see `DreamVectorEnv`, of which this is the batch of one."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 8}

    def __init__(
        self,
        model: str | World = "",
        temperature: float = 1.0,
        horizon: int | None = None,
        observation: str = "features",
        device: str = "cpu",
        render_mode: str | None = None,
        precision: Precision = "fp32",
        compiled: bool = False,
        patience: int = 0,
        **board: Any,
    ) -> None:
        options: dict[str, Any] = {"precision": precision, "compiled": compiled, "patience": patience, **board}
        self._batch = DreamVectorEnv(1, model, temperature, horizon, observation, device, **options)
        self.world, self.dream = self._batch.world, self._batch.dream
        self.metadata = {**self.metadata, "render_fps": self._batch.metadata["render_fps"]}
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self.render_mode = render_mode
        self._seed: int | None = None

    @property
    def num_openings(self) -> int:
        """How many openings ``reset(options={"opening": i})`` can choose from."""
        return len(self.world.openings)

    @property
    def temperature(self) -> float:
        """Of sampling; may be set at any time."""
        return self.dream.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self.dream.temperature = value

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin; ``options={"opening": i}`` chooses where."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(1 << 31)) if self._seed is None else seed_after(self._seed)
        self._seed = seed
        observations, info = self._batch.reset(seed=[seed], options=options)
        return observations[0], {"opening": int(info["opening"][0])}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One imagined step."""
        self._batch._check(np.asarray(action)[None])
        imagined = self.dream.step(torch.as_tensor(np.asarray(action))[None])
        terminated = bool(imagined.terminated[0]) or bool(self._batch._waited(imagined.reward)[0])
        horizon = self._batch.horizon
        truncated = not terminated and horizon is not None and int(self.dream.age[0]) >= horizon
        return self._batch._observe()[0], float(imagined.reward[0]), terminated, truncated, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The frame as a person sees it."""
        return None if self.render_mode is None else self.dream.render()[0].cpu().numpy()

    def get_state(self) -> Snapshot:
        """Where the dream is, to branch from."""
        return self.dream.get_state()

    def set_state(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot."""
        self._batch.set_state(snapshot)
