"""Many copies of an environment to record from: frames, seeded restarts, and each episode's true last frame."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, Literal, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import Space
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.spaces import Box, Dict
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from worldsim.data.views import View, find_view, fits
from worldsim.errors import BadInput, WorkerDied

Frames = NDArray[np.uint8]
NATIVE_ENVS, SYNC_ENVS = 256, 8
"""Rows by default: where the environment is vectorised itself, and where single ones are stepped in turn."""


class RenderedFrames(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose observation is not an image: the observation gets the rendered picture at its side."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        env.reset(seed=0)
        self._shape = self._render().shape
        self.observation_space = Dict(
            {"frame": Box(0, 255, self._shape, np.uint8), "observation": env.observation_space}
        )

    def _render(self) -> Frames:
        frame = self.env.render()
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3:
            raise BadInput(f"render() must give a uint8 (H, W, C) array, got {type(frame).__name__}")
        return frame

    def _observe(self, observation: Any) -> dict[str, Any]:
        frame = self._render()
        if frame.shape != self._shape:
            raise BadInput(f"all frames of a recording have one size: got {frame.shape} after {self._shape}")
        return {"frame": frame, "observation": observation}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._observe(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._observe(observation), reward, terminated, truncated, info


class Played(NamedTuple):
    """One step of all rows. Where an episode ended, ``last_frames`` ends it if ``observations`` begins the next one."""

    observations: Any
    frames: Frames  # (n, H, W, C)
    last_frames: dict[int, Frames]  # row -> (H, W, C), the last frame where `frames` holds the next episode's first
    rewards: NDArray[Any]  # (n,)
    terminated: NDArray[np.bool_]  # (n,)
    truncated: NDArray[np.bool_]  # (n,)


class Source:
    """A vector environment, seen as a source of frames.

    Args:
        venv: the rows. Where they are seeded, autoreset DISABLED saves what SAME_STEP would begin with another seed.
        rendered: its observations are those of `RenderedFrames`.
        seeded: ``reset(seed=[...], options={"reset_mask": ...})`` restarts some rows with seeds of their own.
        env_id: its id.
        env_kwargs: what it was made with.
    """

    def __init__(
        self, venv: VectorEnv[Any, Any, Any], rendered: bool, seeded: bool, env_id: str, env_kwargs: dict[str, Any]
    ) -> None:
        mode = venv.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP and not (seeded and mode == AutoresetMode.DISABLED):
            raise BadInput(f"recording needs a vector environment with AutoresetMode.SAME_STEP, got {mode}")
        space = venv.single_observation_space
        if rendered:
            assert isinstance(space, Dict)
            self.observation_space, space = space["observation"], space["frame"]
        else:
            self.observation_space = space
        if not is_image(space) and venv.metadata.get("frames") != "observation":
            raise BadInput(f"expected uint8 image observations (H, W, 1 or 3), got {space}; give the environment's id")
        self.venv, self.rendered, self.seeded = venv, rendered, seeded
        self.env_id, self.env_kwargs, self.num_envs = env_id, env_kwargs, venv.num_envs
        self.action_space = venv.single_action_space
        height, width, channels = space.shape or ()
        self.frame_shape = (height, width, channels)

    def frames(self, observations: Any) -> Frames:
        """(n, H, W, C) of what a reset or a step returned."""
        return np.asarray(observations["frame"] if self.rendered else observations)

    def show(self, wanted: Space[Any] | None) -> View | Literal["frames"] | None:
        """How to show the games to a policy that wants to see this: None for the observations as they are."""
        if wanted is None or fits(wanted, self.observation_space):
            return None
        if wanted.shape == self.frame_shape and wanted.dtype == np.uint8:
            return "frames"
        return find_view(self.venv, self.env_id, self.env_kwargs, wanted)

    def seen(self, observations: Any, rows: NDArray[np.int64], view: View | Literal["frames"] | None) -> Any:
        """What a policy sees of some rows."""
        if view == "frames":
            return self.frames(observations)[rows]
        if isinstance(view, View):
            return view.observe()[rows]
        return _rows(observations["observation"] if self.rendered else observations, rows)

    def reset(self, seeds: list[int] | int) -> Any:
        """Begin all rows, each with a seed of its own or all from one."""
        with self._watched():
            return self.venv.reset(seed=seeds)[0]  # type: ignore[arg-type]  # lists are accepted where `seeded`

    def restart(self, rows: NDArray[np.int64], seeds: list[int]) -> Any:
        """Begin some rows again, with these seeds; the others stay as they are."""
        mask = np.zeros(self.num_envs, bool)
        mask[rows] = True
        every = [0] * self.num_envs
        for row, seed in zip(rows.tolist(), seeds, strict=True):
            every[row] = seed
        with self._watched():
            return self.venv.reset(seed=every, options={"reset_mask": mask})[0]  # type: ignore[arg-type]

    def step(self, actions: NDArray[Any]) -> Played:
        """Play one step in every row."""
        with self._watched():
            observations, rewards, terminated, truncated, infos = self.venv.step(actions)
        frames = self.frames(observations)
        if frames.shape[1:] != self.frame_shape or frames.dtype != np.uint8:
            raise BadInput(f"expected uint8 frames {self.frame_shape}, got {frames.dtype} {frames.shape[1:]}")
        last: dict[int, Frames] = {}
        same_step = self.venv.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
        for row in np.flatnonzero(same_step & (terminated | truncated)).tolist():
            final = infos["final_obs"][row]
            last[row] = final["frame"] if self.rendered else final
        return Played(observations, frames, last, rewards, terminated, truncated)

    def close(self) -> None:
        """End the games; processes that are gone already, as after a SIGTERM to all of them, do not matter."""
        try:
            self.venv.close()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            if not isinstance(self.venv, AsyncVectorEnv):
                raise
            self._end(self.venv)

    def _end(self, venv: AsyncVectorEnv) -> None:
        for process in venv.processes:
            process.terminate()
        venv.closed = True  # its own close() would wait for the dead ones

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """A process that went away is named; without processes this does nothing."""
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            if not isinstance(self.venv, AsyncVectorEnv):
                raise
            for process in self.venv.processes:
                process.join(1.0 if process.exitcode is None else 0)
            codes = [process.exitcode for process in self.venv.processes]
            dead = next((i for i, code in enumerate(codes) if code is not None), 0)
            self._end(self.venv)
            raise WorkerDied(
                f"process {dead} of {len(codes)} that play {self.env_id} died (exit code {codes[dead]}); finished "
                "episodes are kept, the same command goes on from there"
            ) from None


def _rows(observations: Any, rows: NDArray[np.int64]) -> Any:
    if isinstance(observations, dict):
        return {name: _rows(value, rows) for name, value in observations.items()}
    if isinstance(observations, tuple):
        return tuple(observations[row] for row in rows) if len(observations) > int(rows.max()) else observations
    return observations[rows]


def is_image(space: Space[Any]) -> bool:
    """Whether observations of this space are uint8 (H, W, 1 or 3)."""
    return isinstance(space, Box) and space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] in (1, 3)


def make_source(env_id: str, num_envs: int | None, env_kwargs: dict[str, Any], most: int, processes: int = 1) -> Source:
    """Rows of a registered environment: native where it is vectorised itself and shows images, else one by one.

    Args:
        env_id: any id of Gymnasium's registry.
        num_envs: how many rows, or None for a good number.
        env_kwargs: for the environment.
        most: more rows than this would be of no use.
        processes: above 1, so many rows, each in a process of its own.
    """
    if processes < 1:
        raise BadInput(f"expected --processes of at least 1, got {processes}")
    env_id = env_id.removeprefix("worldsim:")  # "worldsim:WorldSim/PacMan-v0" is the same environment
    if num_envs is not None and num_envs < 1:
        raise BadInput(f"expected --num-envs of at least 1, got {num_envs}")
    try:
        probe = gym.make(env_id, **env_kwargs)
    except TypeError as error:
        raise BadInput(f"{env_id} does not take the arguments {env_kwargs}: {error}") from None
    except gym.error.UnregisteredEnv as error:
        raise BadInput(
            f"no environment {env_id!r} ({error}); worldsim list shows ours, MODULE:ID imports one first"
        ) from None
    spec, space = probe.spec, probe.observation_space
    modes = probe.metadata.get("render_modes") or []
    # An environment may say that its observations are what to record, though they are no pictures.
    told = probe.metadata.get("frames") == "observation" and isinstance(space, Box) and len(space.shape) == 3
    probe.close()
    rendered = not is_image(space) and not told
    if rendered and "rgb_array" not in modes:
        raise BadInput(f"{env_id} neither shows uint8 images (its observations are {space}) nor renders rgb_array")
    if processes == 1 and not rendered and spec is not None and restarts_rows(spec):
        rows = max(1, min(num_envs or NATIVE_ENVS, most))
        waiting = {"autoreset_mode": AutoresetMode.DISABLED} if "autoreset_mode" in arguments(spec) else {}
        venv = gym.make_vec(env_id, num_envs=rows, **{**env_kwargs, **waiting})
        if venv.single_observation_space == space:
            return Source(venv, False, True, env_id, env_kwargs)
        venv.close()

    def make() -> gym.Env[Any, Any]:
        if multiprocessing.parent_process() is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes
        if not rendered:
            return gym.make(env_id, disable_env_checker=True, **env_kwargs)
        return RenderedFrames(gym.make(env_id, render_mode="rgb_array", disable_env_checker=True, **env_kwargs))

    if processes > 1:
        return Source(_in_processes([make] * max(1, min(processes, most))), rendered, True, env_id, env_kwargs)
    count = max(1, min(num_envs or SYNC_ENVS, most))
    venv = SyncVectorEnv([make] * count, autoreset_mode=AutoresetMode.DISABLED)
    return Source(venv, rendered, True, env_id, env_kwargs)


def _in_processes(makers: list[Any]) -> AsyncVectorEnv:
    return AsyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)


def restarts_rows(spec: EnvSpec) -> bool:
    """Whether an environment is vectorised itself in the way that recording needs; nothing is made to find out."""
    metadata = getattr(_vector_creator(spec), "metadata", {})
    return metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP and bool(metadata.get("reset_mask"))


def arguments(spec: EnvSpec) -> frozenset[str]:
    """The arguments that an environment's own vector form names."""
    creator = _vector_creator(spec)
    return frozenset() if creator is None else frozenset(signature(creator).parameters)


def _vector_creator(spec: EnvSpec) -> Any:
    entry = spec.vector_entry_point
    return load_env_creator(entry) if isinstance(entry, str) else entry
