"""FrameEnv: any environment with pictures, cut, shrunk and slowed down until it is fit for recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from worldsim.data.source import is_image
from worldsim.envs.shrink import shrink
from worldsim.errors import BadInput

Frame = NDArray[np.uint8]


class FrameEnv(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose observation is one small uint8 picture (H, W, C).

    The picture is the environment's observation where that is one (H, W, 1 or 3, uint8), else what it renders. Parts
    of it are cut off (``rows``, ``columns``), the rest is averaged down to ``size``; an action is held for
    ``frame_skip`` steps, whose rewards add up, and the last picture of them is seen. ``render()`` shows the whole,
    uncut picture where the environment was made with ``render_mode="rgb_array"``.

    Registered as ``WorldSim/Frame-v0``, so that the command line and a recording can name it:

        worldsim record WorldSim/Frame-v0 --env-kwargs '{"env": "ALE/MsPacman-v5", "rows": [0, 172], "size": 84}'

    Args:
        env: an environment, or the id of one.
        rows: first row kept and the one after the last.
        columns: the same of columns.
        size: height and width of the observation, or one number for both; None keeps what is left after cutting.
        frame_skip: steps of ``env`` for one step here (an ALE game has a ``frameskip`` of its own already).
        render_mode: of ``env``, if it is an id.
        kwargs: further arguments of ``env``, if it is an id.

    Raises:
        BadInput: the environment shows no pictures, or nothing is left of them.

    Example:
        >>> import gymnasium, worldsim
        >>> env = worldsim.envs.FrameEnv("WorldSim/PacMan-v0", rows=(0, 60), size=(30, 42), frame_skip=2)
        >>> env.reset(seed=0)[0].shape
        (30, 42, 3)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | str,
        rows: Sequence[int] | None = None,
        columns: Sequence[int] | None = None,
        size: int | Sequence[int] | None = None,
        frame_skip: int = 1,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        if frame_skip < 1:
            raise BadInput(f"frame_skip must be at least 1, got {frame_skip}")
        if isinstance(env, str):
            env = _make(env, render_mode, kwargs)
        super().__init__(env)
        self._frame_skip, self._last = frame_skip, np.zeros(0, np.uint8)
        self._seen = is_image(env.observation_space)
        if self._seen:
            whole = env.observation_space.shape or ()
        elif env.render_mode == "rgb_array":
            env.reset(seed=0)
            whole = _picture(env).shape
        else:
            raise BadInput(
                f"{env} shows no uint8 pictures (H, W, 1 or 3) but {env.observation_space}; make it with "
                'render_mode="rgb_array"'
            )
        self._rows = _cut("rows", rows, whole[0])
        self._columns = _cut("columns", columns, whole[1])
        left = (self._rows.stop - self._rows.start, self._columns.stop - self._columns.start)
        given = left if size is None else (size, size) if isinstance(size, int) else tuple(size)
        if len(given) != 2 or min(given) < 1:
            raise BadInput(f"size is a height and a width of at least 1, or one number for both, got {size}")
        self._size = (int(given[0]), int(given[1]))
        self.observation_space = Box(0, 255, (*self._size, whole[2]), np.uint8)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._look(observation), info

    def step(self, action: Any) -> tuple[Frame, SupportsFloat, bool, bool, dict[str, Any]]:
        total = 0.0
        for _ in range(self._frame_skip):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return self._look(observation), total, terminated, truncated, info

    def get_keys_to_action(self) -> dict[Any, Any]:
        """The environment's keys, for a person at play."""
        say = getattr(self.env.unwrapped, "get_keys_to_action", None)
        return dict(say()) if callable(say) else {}

    def _look(self, observation: Any) -> Frame:
        whole = np.asarray(observation) if self._seen else _picture(self.env)
        return shrink(np.ascontiguousarray(whole[self._rows, self._columns]), *self._size)


def _make(env_id: str, render_mode: str | None, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    if env_id.startswith("ALE/"):
        _ale()
    env = gym.make(env_id, render_mode=render_mode, disable_env_checker=True, **kwargs)
    if render_mode is None and not is_image(env.observation_space):
        env.close()
        env = gym.make(env_id, render_mode="rgb_array", disable_env_checker=True, **kwargs)
    return env


def _ale() -> None:
    """Let ale_py register its games: Gymnasium finds it only once it is imported."""
    try:
        import ale_py
    except ImportError:
        raise gym.error.DependencyNotInstalled('Atari games need ale_py; run pip install "worldsim-rl[ale]"') from None
    gym.register_envs(ale_py)


def _picture(env: gym.Env[Any, Any]) -> Frame:
    frame: Any = env.render()
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3:
        raise BadInput(f"render() must give a uint8 (H, W, C) array, got {type(frame).__name__}")
    return frame


def _cut(what: str, given: Sequence[int] | None, whole: int) -> slice:
    first, end = (0, whole) if given is None else given
    if not 0 <= first < end <= whole:
        raise BadInput(f"{what} are the first and the one after the last of {whole}, got {given}")
    return slice(first, end)
