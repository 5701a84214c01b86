"""SB3VecEnv: any same-step Gymnasium vector environment, dreamed or real, as Stable-Baselines3's VecEnv."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from worldsim.errors import BadInput


class SB3VecEnv(VecEnv):
    """Stable-Baselines3's view of a `gymnasium.vector.VectorEnv`.

    SB3 needs same-step autoreset: the step that ends an episode returns the first observation of the next one, and
    the true last observation travels in ``infos[i]["terminal_observation"]``, with ``TimeLimit.truncated`` telling
    whether to bootstrap from it. Gymnasium's next-step autoreset cannot be converted without feeding the agent one
    dead transition per episode, so it is refused. Observations are fresh arrays after every call, because SB3 keeps
    the previous ones; only rows whose episode ended have a filled info (with the entries of ``final_info``).

    Wrap it in SB3's ``VecMonitor`` to see episode returns in its logs.

    Args:
        venv: A vector environment whose ``metadata["autoreset_mode"]`` is ``AutoresetMode.SAME_STEP``.

    Example:
        >>> import gymnasium as gym
        >>> from gymnasium.vector import AutoresetMode
        >>> same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
        >>> venv = SB3VecEnv(gym.make_vec("CartPole-v1", 3, vectorization_mode="sync", vector_kwargs=same_step))
        >>> venv.reset().shape
        (3, 4)
    """

    def __init__(self, venv: VectorEnv) -> None:
        if not isinstance(venv, VectorEnv):
            raise BadInput(f"SB3VecEnv wraps a gymnasium VectorEnv, got {type(venv).__name__}; use gymnasium.make_vec")
        mode = venv.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise BadInput(
                f"SB3 needs AutoresetMode.SAME_STEP, {type(venv.unwrapped).__name__} has {mode}; make it with "
                'gymnasium.make_vec(id, n, vectorization_mode="sync", '
                'vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP})'
            )
        self.venv = venv  # before super().__init__, which asks for render_mode
        self._actions: np.ndarray | None = None
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self.metadata = {**venv.metadata, **self.metadata}

    def reset(self) -> VecEnvObs:
        """Restart every row, with the seeds and options given to `seed` and `set_options` since the last reset."""
        options = self._options[0]
        if any(other != options for other in self._options[1:]):
            raise BadInput(
                "a Gymnasium vector environment takes the same reset options for all rows; got different ones"
            )
        # seed() numbers the rows seed, seed + 1, ...: just what a vector environment makes of one integer.
        seed = None if self._seeds[0] is None else int(self._seeds[0])
        observations, infos = self.venv.reset(seed=seed, options=options or None)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [_row(infos, i) for i in range(self.num_envs)]
        return _fresh(observations)

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions (num_envs, ...) until `step_wait`."""
        self._actions = np.asarray(actions, dtype=self.action_space.dtype)

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step; see the class for what ends up in the infos."""
        assert self._actions is not None, "step_wait() without step_async()"
        observations, rewards, terminated, truncated, info = self.venv.step(self._actions)
        self._actions = None
        dones = np.logical_or(terminated, truncated)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            last, last_info = info["final_obs"], info.get("final_info", {})
            for i in np.flatnonzero(dones).tolist():
                infos[i] = _row(last_info, i)
                infos[i]["terminal_observation"] = _fresh(last[i])
                infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return _fresh(observations), np.array(rewards, dtype=np.float32), dones, infos

    def close(self) -> None:
        """Close the wrapped environment."""
        self.venv.close()

    def get_images(self) -> list[np.ndarray | None]:
        """One frame (H, W, 3) uint8 per row, or None where the environment renders none."""
        frames = self.venv.render() if self.render_mode == "rgb_array" else None
        return [None] * self.num_envs if frames is None else [np.asarray(frame) for frame in frames]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of each row: of its own environment, or of the batch if the environment is one."""
        rows = self._get_indices(indices)
        if attr_name == "render_mode":
            return [self.venv.render_mode for _ in rows]
        if singles := self._singles():
            return [singles[i].get_wrapper_attr(attr_name) for i in rows]
        value = getattr(self._owner(attr_name), attr_name)
        return [value for _ in rows]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the rows' environments, or of the batch (then only for all rows at once)."""
        rows = list(self._get_indices(indices))
        if singles := self._singles():
            for i in rows:
                singles[i].set_wrapper_attr(attr_name, value)
            return
        if len(rows) != self.num_envs:
            raise BadInput(f"{self.venv} is one batch: {attr_name} can only be set for all rows, got rows {rows}")
        try:
            owner = self._owner(attr_name)
        except AttributeError:
            owner = self.venv.unwrapped  # a new attribute
        setattr(owner, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each row's environment; of a batch, call it once and give every row the result."""
        rows = self._get_indices(indices)
        if singles := self._singles():
            return [singles[i].get_wrapper_attr(method_name)(*method_args, **method_kwargs) for i in rows]
        method: Callable[..., Any] = getattr(self._owner(method_name), method_name)
        result = method(*method_args, **method_kwargs)
        return [result for _ in rows]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Whether each row's environment carries a wrapper; a native batch carries none."""
        singles = self._singles()
        return [bool(singles) and _is_wrapped(singles[i], wrapper_class) for i in self._get_indices(indices)]

    def _singles(self) -> list[gym.Env]:
        """The environments of the rows, if the vector environment is a list of single ones in this process."""
        return list(getattr(self.venv.unwrapped, "envs", []))

    def _owner(self, name: str) -> VectorEnv:
        """The outermost layer of the vector environment that has an attribute."""
        layer = self.venv
        while not hasattr(layer, name) and isinstance(layer, VectorWrapper):
            layer = layer.env
        return layer


def _fresh(observation: Any) -> Any:
    """A copy that later steps of the environment cannot reach."""
    if isinstance(observation, Mapping):
        return {name: _fresh(value) for name, value in observation.items()}
    if isinstance(observation, tuple):
        return tuple(_fresh(value) for value in observation)
    return np.array(observation)


def _row(infos: Mapping[str, Any], row: int) -> dict[str, Any]:
    """One row of Gymnasium's vector info: the arrays whose mask ``_name`` is true there, or that have no mask."""
    entries: dict[str, Any] = {}
    for name, value in infos.items():
        mask = infos.get(f"_{name}")
        if name.startswith("_") or (mask is not None and not mask[row]):
            continue
        if isinstance(value, Mapping):
            entries[name] = _row(value, row)
        elif isinstance(value, np.ndarray) and value.ndim:
            entries[name] = value[row]
    return entries


def _is_wrapped(env: gym.Env, wrapper_class: type[gym.Wrapper]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, wrapper_class):
            return True
        env = env.env
    return False
