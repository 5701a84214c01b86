"""Policy: how an agent acts on many rows at once; the random one, the idle one, and those of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numpy.typing import NDArray

from worldsim.data.chance import uniforms
from worldsim.data.turn import checked, sample, size

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

Act = Callable[[Any], Any]
"""What a caller may pass as an agent: observations of n rows -> n actions."""


class Policy(Protocol):
    """An agent that is about to play."""

    def begin(self, seeds: NDArray[np.int64]) -> None:
        """New episodes begin in all n rows, with these seeds (n,)."""

    def act(self, observations: Any) -> NDArray[Any]:
        """Actions (n, ...) for observations (n, ...)."""


class Random:
    """Every action alike; an episode's actions follow from its seed, whatever is played beside it."""

    def __init__(self, space: Space[Any]) -> None:
        self._space = checked(space)

    def begin(self, seeds: NDArray[np.int64]) -> None:
        self._keys, self._age = seeds.astype(np.uint64), 0

    def act(self, observations: Any) -> NDArray[Any]:
        self._age += 1
        return sample(self._space, uniforms(self._keys, np.full(len(self._keys), self._age), size(self._space)))


class Noop:
    """The zero action (the nearest one to it) in every step."""

    def __init__(self, space: Space[Any]) -> None:
        zero = np.zeros(space.shape or (), space.dtype)
        if isinstance(space, Discrete | MultiDiscrete):
            zero = zero + space.start
        elif isinstance(space, Box):
            zero = np.clip(zero, space.low, space.high)
        self._action = zero

    def begin(self, seeds: NDArray[np.int64]) -> None:
        self._rows = len(seeds)

    def act(self, observations: Any) -> NDArray[Any]:
        return np.repeat(self._action[None], self._rows, axis=0)


class Function:
    """A caller's function of the observations."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def begin(self, seeds: NDArray[np.int64]) -> None:
        pass

    def act(self, observations: Any) -> NDArray[Any]:
        return np.asarray(self._act(observations))


class Trained:
    """A model of Stable-Baselines3, recurrent ones included.

    Args:
        model: the model.
        deterministic: take the likeliest action instead of drawing one; None: draw where the algorithm learned a
            distribution to act by (PPO, A2C), take the best where exploring was only a means (DQN, SAC, TD3).
    """

    def __init__(self, model: BaseAlgorithm, deterministic: bool | None = None) -> None:
        from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

        self._model = model
        self._deterministic = not isinstance(model, OnPolicyAlgorithm) if deterministic is None else deterministic

    def begin(self, seeds: NDArray[np.int64]) -> None:
        self._memory: tuple[NDArray[Any], ...] | None = None
        self._starts = np.ones(len(seeds), bool)

    def act(self, observations: Any) -> NDArray[Any]:
        actions, self._memory = self._model.predict(observations, self._memory, self._starts, self._deterministic)
        self._starts = np.zeros_like(self._starts)
        return actions
