"""What the rules leave to chance: the exact distribution of the ghosts' moves, computed from the game's own code."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import ghosts, rules
from worldsim.envs.pacman.streams import episode_keys, step_keys
from worldsim.envs.pacman.task import CHASE_CHANCE, FRIGHTENED_PACE, Task
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Floats, Ints, Mode, Outcome, PacManState


def ghost_chances(state: PacManState, actions: Ints, task: Task) -> Floats:
    """How likely each ghost is to make each move in the step that these actions begin.

    Args:
        state: B games that are running.
        actions: (B,) the player's.
        task: the rules.

    Returns:
        (B, G, 5) float64, rows sum to 1; move 0 is to stay.
    """
    state = state.copy()
    games = np.arange(len(state))
    goal = state.player + MOVES[actions]
    moved = (actions > 0) & ~state.walls[games, goal[:, 0], goal[:, 1]]
    state.player[moved], state.heading[moved] = goal[moved], actions[moved]
    rules.meet(state, task, state.outcome == Outcome.RUNNING)
    rules.eat(state, task)
    keys = step_keys(episode_keys(state.seed, state.episode), state.age)
    certain = np.eye(5)[ghosts.moves(state, task, keys)]  # right wherever nothing is drawn
    around = state.ghosts[:, :, None] + MOVES[1:]  # (B, G, 4, 2)
    free = ~state.walls[games[:, None, None], around[..., 0], around[..., 1]]
    onward = free & (OPPOSITE[state.ghost_headings][..., None] != np.arange(1, 5))
    onward = np.where(onward.any(-1, keepdims=True), onward, free)
    wander = np.concatenate([np.zeros_like(onward[..., :1]), onward], -1) / onward.sum(-1, keepdims=True)
    frightened = state.ghost_modes == Mode.FRIGHTENED
    drawn = frightened & (state.age % FRIGHTENED_PACE == 0)[:, None]
    chances = np.where(drawn[..., None], wander, certain)
    if not task.arcade_ghosts:
        order = ghosts.TIE_ORDER
        cost = ((state.ghosts[:, :, None] + MOVES[order] - state.player[:, None, None]) ** 2).sum(-1)
        nearest = order[np.where(free[..., order - 1], cost, np.iinfo(np.int64).max).argmin(-1)]
        chances = np.where(
            frightened[..., None], chances, CHASE_CHANCE * np.eye(5)[nearest] + (1 - CHASE_CHANCE) * wander
        )
    still = np.eye(5)[np.zeros_like(state.ghost_headings)]
    return np.where((state.outcome == Outcome.RUNNING)[:, None, None], chances, still)


def entropy(chances: Floats) -> Floats:
    """Nats of distributions over their last axis."""
    return -(chances * np.log(np.where(chances > 0, chances, 1))).sum(-1)
