"""Real games for tests of graph worlds, and an untrained world that fits them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worldsim.envs.pacman.anywhere import begin_anywhere
from worldsim.envs.pacman.planes import board_planes, with_ways_home
from worldsim.envs.pacman.rules import advance, begin
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import make_task
from worldsim.envs.pacman.types import PacManState
from worldsim.gnn.transition import GraphConfig
from worldsim.gnn.world import GraphWorld

SMALL = GraphConfig(frame_shape=(12, 13, 18), outcomes=24, hidden=24, nodes=12, templates=4)


class Steps(NamedTuple):
    """B games, one real step of each."""

    truth: PacManState  # before
    before: Tensor  # (B, 12, 13, 18) uint8
    action: Tensor  # (B,)
    after: Tensor
    reward: Tensor  # (B,) float32


def games(task: str, count: int, shape: tuple[int, int] = (9, 11), seed: int = 0, **sizes: int) -> PacManState:
    """Games in the midst of things."""
    rules = make_task(task, shape, **sizes)
    fresh = begin(row_seeds(seed, count), np.zeros(count, dtype=np.int64), rules)
    return with_ways_home(begin_anywhere(fresh, rules))


@cache
def steps(task: str = "arcade", count: int = 200, shape: tuple[int, int] = (9, 11), seed: int = 0) -> Steps:
    """One step of many games, on boards smaller than their frames."""
    state = games(task, count, shape, seed)
    truth, before = state.copy(), board_planes(state, SMALL.frame_shape[:2])
    action = np.arange(count) % 5
    reward = advance(state, action, make_task(task, shape))
    after = board_planes(state, SMALL.frame_shape[:2])
    return Steps(
        truth,
        torch.from_numpy(before),
        torch.from_numpy(action),
        torch.from_numpy(after),
        torch.from_numpy(reward).float(),
    )


def untrained(boldness: float = 1.0) -> GraphWorld:
    """A small world with random weights, larger ones the bolder it is."""
    torch.manual_seed(0)
    model = GraphWorld(SMALL)
    model.transition.set_table(torch.arange(24).float(), torch.arange(24) // 20)
    for parameter in model.parameters():
        parameter.data.mul_(boldness)
    return model.eval().requires_grad_(False)
