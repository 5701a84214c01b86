"""Who plays while recording: policies for many rows at once, whose chance is given to them.

A policy sees a `Turn` and answers with one action per row. Its random numbers come with the turn, a function of the
episode and the step alone, so an episode does not depend on which other episodes are played beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import Space

from worldsim.data.cauchy import CauchyPolicy
from worldsim.data.held import HeldPolicy
from worldsim.data.turn import Array, Policy, Turn, checked, sample, size
from worldsim.errors import BadInput

Act = Callable[[Any, np.random.Generator], Array]
"""What a caller may pass as a policy: (observations of n rows, generator) -> n actions."""

STICK = 0.85
"""Probability that `sticky` repeats its last action: 1 / (1 - 0.85) = 6.7 steps in one direction on average."""


class RandomPolicy:
    """Every action alike."""

    name, blind = "random", True
    observation_space: Space[Any] | None = None

    def __init__(self, space: Space[Any]) -> None:
        self._space = checked(space)

    def act(self, turn: Turn) -> Array:
        return sample(self._space, turn.chances(1 + size(self._space))[:, 1:])


class StickyPolicy:
    """Random, but it repeats its last action with probability `STICK`: it gets further than a random walk."""

    name, blind = "sticky", True
    observation_space: Space[Any] | None = None

    def __init__(self, space: Space[Any]) -> None:
        self._space = checked(space)

    def act(self, turn: Turn) -> Array:
        chances = turn.chances(1 + size(self._space))
        fresh = sample(self._space, chances[:, 1:])
        repeat = (chances[:, 0] < STICK) & (turn.ages > 0)
        return np.where(repeat.reshape(-1, *[1] * (fresh.ndim - 1)), turn.previous, fresh)


class CallablePolicy:
    """A function of the caller's; it draws from one generator, so its episodes depend on what is played beside them."""

    blind = False
    observation_space: Space[Any] | None = None

    def __init__(self, act: Act, seed: int) -> None:
        self._act = act
        self.name = getattr(act, "__name__", type(act).__name__)
        self._rng = np.random.default_rng(seed)

    def act(self, turn: Turn) -> Array:
        return np.asarray(self._act(turn.observations, self._rng))


def make_policies(specs: Sequence[str | Act], actions: Space[Any], seed: int) -> list[Policy]:
    """Policies from their names ("random", "sticky", "held:K", "cauchy:S", "sb3:PATH", "agent:PATH") or functions."""
    policies: list[Policy] = []
    for spec in specs:
        if not isinstance(spec, str):
            policies.append(CallablePolicy(spec, seed))
        elif spec == "random":
            policies.append(RandomPolicy(actions))
        elif spec == "sticky":
            policies.append(StickyPolicy(actions))
        elif spec.split(":")[0] in ("held", "cauchy"):
            policies.append(_explorer(spec, actions))
        elif spec.startswith("sb3:"):
            from worldsim.data.sb3_policy import SB3Policy  # it needs torch

            policies.append(SB3Policy(spec.removeprefix("sb3:"), actions))
        elif spec.startswith("agent:"):
            from worldsim.agents.explorer import Explorer  # so does it

            policies.append(Explorer(spec.removeprefix("agent:"), actions))
        else:
            raise BadInput(
                'a policy is "random", "sticky", "held:K", "cauchy:S", "sb3:PATH", "agent:PATH" or "human", '
                f"got {spec!r}"
            )
    return policies


def _explorer(spec: str, actions: Space[Any]) -> Policy:
    """The two of World Models."""
    kind, _, number = spec.partition(":")
    try:
        if kind == "held":
            return HeldPolicy(actions, int(number or 10))
        return CauchyPolicy(actions, float(number or 0.01))
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"expected a number after {kind}:, as in held:10 or cauchy:0.01, got {spec!r}") from None
