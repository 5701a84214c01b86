"""Stretches of real games as C-SWM learns and is tested on them: pictures, actions, and which pictures are the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldsim.gnn.cswm.shapes import Bytes, Ints

STAY_WITH = 0.7
"""How often a player repeats his last action, so that he gets somewhere."""


class Stretches(NamedTuple):
    """E stretches of T steps, none of which ends a game."""

    frames: Bytes  # (E, T + 1, H, W, C) uint8
    actions: Ints  # (E, T) int64

    def numbers(self, t: int) -> NDArray[np.int64]:
        """(E,) int64: equal where the pictures after t steps are equal in every pixel."""
        flat = np.ascontiguousarray(self.frames[:, t]).reshape(len(self.frames), -1)
        return np.unique(flat, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def stretches(env_id: str, count: int, steps: int, seed: int, **options: Any) -> Stretches:
    """Play at random, each action mostly repeated, and keep ``count`` stretches.

    Args:
        env_id: of a game with pictures and a discrete action, registered with `gymnasium`.
        count: E.
        steps: T.
        seed: of games and player.
        options: of the environment.
    """
    envs = gym.make_vec(env_id, num_envs=min(64, count), **options)
    rng = np.random.default_rng(seed)
    space: Any = envs.single_action_space
    seen, _ = envs.reset(seed=seed)
    action = rng.integers(0, space.n, envs.num_envs)
    frames: list[Bytes] = []
    actions: list[Ints] = []
    found = 0
    while found < count:
        shown, done, whole = [seen], [], np.ones(envs.num_envs, bool)
        for _ in range(steps):
            again = rng.random(envs.num_envs) < STAY_WITH
            action = np.where(again, action, rng.integers(0, space.n, envs.num_envs))
            seen, _, terminated, truncated, _ = envs.step(action)
            whole &= ~(terminated | truncated)
            shown.append(seen)
            done.append(action)
        frames.append(np.stack(shown, 1)[whole])
        actions.append(np.stack(done, 1)[whole].astype(np.int64))
        found += int(whole.sum())
    return Stretches(np.concatenate(frames)[:count], np.concatenate(actions)[:count])
