"""How ghosts move.

In the arcade game (after Pittman's "The Pac-Man Dossier", 2009) a ghost takes, of the cells around it, the one
nearest to its target as the crow flies, never turns back of its own accord, and breaks ties in the order up, left,
down, right. The four differ in their targets. In the flag task all ghosts chase the player, or wander.
"""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.streams import bits, uniforms
from worldsim.envs.pacman.task import (
    CHASE_CHANCE,
    CLYDE_SHY,
    FRIGHTENED_PACE,
    GHOST_REST,
    INKY_AHEAD,
    PHASES,
    PINKY_AHEAD,
    Task,
)
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Action, Bools, Ints, Keys, Mode, PacManState

TIE_ORDER: Ints = np.array([Action.UP, Action.LEFT, Action.DOWN, Action.RIGHT], dtype=np.int64)
_WANDER, _CHASE = 10, 11  # purposes of random numbers
_NEVER = np.iinfo(np.int64).max
_SHIFTS = np.array([0, 16, 32, 48], dtype=np.uint64)
_PHASE_ENDS = np.cumsum(PHASES)


def scattering(clock: Ints) -> Bools:
    """(B,) bool: whether the clock is in a scatter phase; phases alternate and scatter comes first."""
    phase = np.searchsorted(_PHASE_ENDS, clock, side="right")
    return (phase % 2 == 0) & (phase < len(PHASES))


def targets(state: PacManState) -> Ints:
    """The cells that Blinky, Pinky, Inky and Clyde want to reach, each by its own rule.

    Returns:
        (B, G, 2) int64; a target may lie in a wall or outside the board.
    """
    player = state.player[:, None]  # (B, 1, 2)
    ahead = MOVES[state.heading][:, None]  # (B, 1, 2)
    wanted = np.repeat(player, state.ghosts.shape[1], axis=1)  # (B, G, 2): Blinky goes to the player himself
    wanted[:, 1:2] += PINKY_AHEAD * ahead
    # Inky: as far beyond a point ahead of the player as Blinky is before it.
    wanted[:, 2:3] = 2 * (player + INKY_AHEAD * ahead) - state.ghosts[:, :1]
    # Clyde: like Blinky from afar, home when near.
    clyde = ((state.ghosts[:, 3:4] - player) ** 2).sum(-1) <= CLYDE_SHY**2  # (B, 0 or 1)
    wanted[:, 3:4] = np.where(clyde[..., None], state.homes[:, 3:4], wanted[:, 3:4])
    return np.where(scattering(state.clock)[:, None, None], state.homes, wanted)


def moves(state: PacManState, task: Task, keys: Keys) -> Ints:
    """The action of every ghost, (B, G) int64; STAY for a ghost that rests this step.

    Args:
        state: the games, the player already moved.
        task: decides between the arcade's ghosts and the flag task's.
        keys: (B,) uint64, random stream of this step.
    """
    games = np.arange(len(state))[:, None, None]
    around = state.ghosts[:, :, None] + MOVES[TIE_ORDER]  # (B, G, 4, 2)
    free = ~state.walls[games, around[..., 0], around[..., 1]]  # (B, G, 4)
    onward = free & (OPPOSITE[state.ghost_headings][..., None] != TIE_ORDER)
    onward = np.where(onward.any(-1, keepdims=True), onward, free)
    wander = (bits(keys, _WANDER, state.ghosts.shape[1])[..., None] >> _SHIFTS & np.uint64(0xFFFF)).astype(np.int64)
    frightened = state.ghost_modes == Mode.FRIGHTENED
    eaten = state.ghost_modes == Mode.EATEN
    if task.arcade_ghosts:
        goal, chasing, allowed = targets(state), ~frightened, onward
    else:
        goal = state.player[:, None]
        chasing = ~frightened & (uniforms(keys, _CHASE, state.ghosts.shape[1]) < CHASE_CHANCE)
        allowed = np.where(chasing[..., None], free, onward)
    cost = np.where(chasing[..., None], ((around - goal[:, :, None]) ** 2).sum(-1), wander)
    if eaten.any():  # eyes know the way
        steps = state.home_steps[games, np.arange(eaten.shape[1])[:, None], around[..., 0], around[..., 1]]
        cost = np.where(eaten[..., None], steps, cost)
        allowed = np.where(eaten[..., None], free, allowed)
    choice = TIE_ORDER[np.where(allowed, cost, _NEVER).argmin(-1)]  # (B, G)
    return np.where(_resting(state, task, frightened, eaten), Action.STAY, choice)


def _resting(state: PacManState, task: Task, frightened: Bools, eaten: Bools) -> Bools:
    """(B, G) bool: which ghosts stand still on this step."""
    age = state.age[:, None]
    rests = frightened & (age % FRIGHTENED_PACE != 0)
    if task.arcade_ghosts:
        rests |= ~frightened & ~eaten & (age % GHOST_REST == GHOST_REST - 1)
    return rests
