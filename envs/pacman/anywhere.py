"""Exploring starts: games that begin in the midst of things, so that a few short episodes show all that can happen."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.maze import steps_from
from worldsim.envs.pacman.rules import draw_cell, open_heading
from worldsim.envs.pacman.streams import episode_keys, integers, uniforms
from worldsim.envs.pacman.task import FRIGHT, PHASES, Task
from worldsim.envs.pacman.types import Mode, PacManState

_PLAYER, _GHOST, _HEADING, _MODE, _COUNTERS, _FOOD = 40, 41, 46, 48, 50, 56  # purposes of random numbers


def begin_anywhere(state: PacManState, task: Task) -> PacManState:
    """Fresh games, moved on to a random moment: a function of each game's seed and episode.

    The player and the ghosts stand on random cells (no ghost within a step of him) and face random open sides. The
    clock stands anywhere in the phases, or beyond; the age anywhere below the time limit. In games with pellets fright
    lasts in every second one, and each ghost then is normal, frightened or eaten. A random share of the food is gone.
    """
    state = state.copy()
    keys, count, ghosts = episode_keys(state.seed, state.episode), len(state), state.ghosts.shape[1]
    games, taken = np.arange(count), state.walls.copy()
    there = state.flag[:, 0] >= 0
    taken[games[there], state.flag[there, 0], state.flag[there, 1]] = True
    state.player = draw_cell(keys, _PLAYER, ~taken)
    near = steps_from(state.player, state.walls, limit=1) <= 1
    for ghost in range(ghosts):
        state.ghosts[:, ghost] = draw_cell(keys, _GHOST + ghost, ~state.walls & ~near)
    state.heading = open_heading(keys, state.player[:, None], state.walls, _HEADING)[:, 0]
    state.ghost_headings = open_heading(keys, state.ghosts, state.walls, _HEADING + 1)
    state.age = integers(keys, _COUNTERS, 256 if task.time_limit is None else task.time_limit - 1)
    if task.arcade_ghosts:
        state.clock = integers(keys, _COUNTERS + 1, sum(PHASES) + 10)
    left = uniforms(keys, _FOOD, state.walls[0].size).reshape(state.walls.shape)
    state.food &= left < uniforms(keys, _FOOD + 1, 1)[:, :, None]
    if task.pellets:
        scared = uniforms(keys, _COUNTERS + 2, 1)[:, 0] < 0.5
        state.fright = np.where(scared, 1 + integers(keys, _COUNTERS + 3, FRIGHT), 0)
        drawn = uniforms(keys, _MODE, ghosts)
        eaten = drawn < 0.25
        state.ghost_modes[eaten] = Mode.EATEN
        state.ghost_modes[(drawn > 0.4) & scared[:, None]] = Mode.FRIGHTENED
        state.streak = integers(keys, _COUNTERS + 4, 1_000_000) % (1 + eaten.sum(1))
    # A board that is empty already would end in the first step without a reason.
    bare = ~(state.food | state.pellets).reshape(count, -1).any(1) & task.clearing_ends
    cell = draw_cell(keys, _FOOD + 2, ~taken & ~near)
    state.food[games[bare], cell[bare, 0], cell[bare, 1]] = True
    state.food[games, state.player[:, 0], state.player[:, 1]] = False
    return state
