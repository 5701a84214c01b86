"""Another view of the recorded games, for a policy that was trained on other observations than are recorded."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv

from worldsim.errors import BadInput

KINDS = ("grid", "pixels", "features")
"""Values of an environment's ``observation`` argument that are tried."""


class View:
    """The games of one vector environment, observed by another that is set to the same state before each look.

    Asks of the environment: ``state`` and ``set_state(state) -> observations`` of the unwrapped vector environment,
    and an argument ``observation`` that chooses what it shows.
    """

    def __init__(self, venv: VectorEnv[Any, Any, Any], twin: VectorEnv[Any, Any, Any]) -> None:
        self._games: Any = venv.unwrapped
        self._twin: Any = twin.unwrapped

    def observe(self) -> Any:
        """(n, ...) observations of all rows."""
        return self._twin.set_state(self._games.state)


def find_view(venv: VectorEnv[Any, Any, Any], env_id: str, env_kwargs: dict[str, Any], wanted: Space[Any]) -> View:
    """The view of ``venv``'s games that shows ``wanted``, or a line that says there is none."""
    if _has_state(venv):
        for kind in KINDS:
            try:
                twin = gym.make_vec(env_id, num_envs=venv.num_envs, **(env_kwargs | {"observation": kind}))
            except (BadInput, TypeError):
                continue
            if fits(wanted, twin.single_observation_space) and _has_state(twin):
                return View(venv, twin)
            twin.close()
    raise BadInput(
        f"the policy was trained on {wanted}, {env_id} shows {venv.single_observation_space}, and offers no other view "
        "of its games; train the policy on this environment's observations"
    )


def _has_state(venv: VectorEnv[Any, Any, Any]) -> bool:
    """Whether games can be moved (asked of the class: before the first reset there is no state to look at)."""
    return all(hasattr(type(venv.unwrapped), name) for name in ("state", "set_state"))


def fits(wanted: Space[Any], shown: Space[Any]) -> bool:
    """Whether observations of one space can be given to a policy for the other (SB3 turns images to (C, H, W))."""
    if not (isinstance(wanted, Box) and isinstance(shown, Box) and wanted.dtype == shown.dtype):
        return wanted == shown
    turned = (*shown.shape[2:], *shown.shape[:2]) if len(shown.shape) == 3 and shown.dtype == np.uint8 else shown.shape
    return wanted.shape in (shown.shape, turned)
