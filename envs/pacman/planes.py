"""The whole truth of a game as a stack of planes over its board, and back: what graph worlds learn from."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.maze import UNREACHED, steps_from
from worldsim.envs.pacman.types import Bools, Bytes, PacManState

PLANES: tuple[str, ...] = (
    *("cell", "food", "pellet", "flag", "player"),
    *("ghost_0", "ghost_1", "ghost_2", "ghost_3", "home_0", "home_1", "home_2", "home_3"),
    *("fright", "streak", "clock", "age", "outcome"),
)
"""What the planes of a board say, in order:

- cell: 0 outside the board, 1 wall, 2 open
- food, pellet, flag: 1 where there is one
- player: his heading (1 to 4) where he is
- ghost_g: heading + 4 * mode (1 to 12) where ghost g is; nowhere if there is no such ghost
- home_g: 1 + steps to the home of ghost g, at most 255
- fright, streak, clock, age, outcome: one number, on every cell. A clock above 255 stays there (all phases are over by
  then). An age above 255 goes on as 248 to 255, which keeps the beat of the ghosts' rests.
"""
CELL, FOOD, PELLET, FLAG, PLAYER, GHOST, HOME = 0, 1, 2, 3, 4, 5, 9
FRIGHT, STREAK, CLOCK, AGE, OUTCOME = 13, 14, 15, 16, 17
OUTSIDE, WALL, OPEN = 0, 1, 2  # of the plane "cell"
NUM_GHOSTS = 4


def board_planes(state: PacManState, shape: tuple[int, int] | None = None) -> Bytes:
    """The planes of B games.

    Args:
        state: B games of H rows and W columns, with the ways home (see `with_ways_home`).
        shape: rows and columns of the result, where boards of several sizes are to lie in frames of one; the rest is
            outside.

    Returns:
        (B, H, W, len(PLANES)) uint8.
    """
    count, height, width = state.walls.shape
    planes = np.zeros((count, *(shape or (height, width)), len(PLANES)), dtype=np.uint8)
    board = planes[:, :height, :width]
    games = np.arange(count)
    board[..., CELL] = np.where(state.walls, WALL, OPEN)
    board[..., FOOD], board[..., PELLET] = state.food, state.pellets
    flags = state.flag[:, 0] >= 0
    board[games[flags], state.flag[flags, 0], state.flag[flags, 1], FLAG] = 1
    board[games, state.player[:, 0], state.player[:, 1], PLAYER] = state.heading
    for ghost in range(state.ghosts.shape[1]):
        rows, cols = state.ghosts[:, ghost, 0], state.ghosts[:, ghost, 1]
        board[games, rows, cols, GHOST + ghost] = state.ghost_headings[:, ghost] + 4 * state.ghost_modes[:, ghost]
        steps = state.home_steps[:, ghost]
        board[..., HOME + ghost] = np.where(steps < UNREACHED, steps.astype(np.int64) + 1, 0)
    counters = {
        FRIGHT: state.fright,
        STREAK: state.streak,
        CLOCK: np.minimum(state.clock, 255),
        AGE: np.where(state.age > 255, 248 + state.age % 8, state.age),
        OUTCOME: state.outcome,
    }
    for plane, value in counters.items():
        board[..., plane] = value[:, None, None]
    return planes


def with_ways_home(state: PacManState) -> PacManState:
    """The same games, told the steps to every ghost's home also where the rules do not need them (no pellets)."""
    unknown = ~state.home_steps.any((-2, -1))
    if not unknown.any():
        return state
    state = state.copy()
    game, ghost = np.nonzero(unknown)
    state.home_steps[game, ghost] = steps_from(state.homes[game, ghost], state.walls[game])
    return state


def outside(planes: Bytes) -> Bools:
    """(B, H, W) bool: cells of a frame that no board reaches."""
    return planes[..., CELL] == OUTSIDE


def state_of(planes: Bytes) -> PacManState:
    """The games that planes (B, H, W, len(PLANES)) tell of; the seed, the episode and the score are not told, and 0.

    Cells outside a board become walls. All games must have the same number of ghosts.
    """
    count, height, width, _ = planes.shape
    walls = planes[..., CELL] != OPEN
    flat = planes.reshape(count, height * width, len(PLANES)).astype(np.int64)
    games = np.arange(count)

    def place(plane: int) -> tuple[np.ndarray, np.ndarray]:
        """(B, 2) cell and (B,) value of the one cell where the plane is not 0."""
        cell = flat[..., plane].argmax(1)
        return np.stack([cell // width, cell % width], -1), flat[games, cell, plane]

    number = int((flat[..., GHOST : GHOST + NUM_GHOSTS] > 0).any(1).sum(1).max()) if count else 0
    player, heading = place(PLAYER)
    ghosts = [place(GHOST + ghost) for ghost in range(number)]
    flag, there = place(FLAG)
    codes = np.stack([value for _, value in ghosts], 1) if ghosts else np.zeros((count, 0), dtype=np.int64)
    home = flat[..., HOME : HOME + number].transpose(0, 2, 1)  # (B, G, V)
    homes = (home == 1).argmax(-1)
    steps = np.where(home > 0, home - 1, UNREACHED)
    return PacManState(
        seed=np.zeros(count, dtype=np.uint64),
        episode=np.zeros(count, dtype=np.int64),
        age=flat[:, 0, AGE],
        walls=walls,
        food=planes[..., FOOD] > 0,
        pellets=planes[..., PELLET] > 0,
        flag=np.where(there[:, None] > 0, flag, -1),
        player=player,
        heading=heading,
        ghosts=np.stack([cell for cell, _ in ghosts], 1) if ghosts else np.zeros((count, 0, 2), dtype=np.int64),
        ghost_headings=(codes - 1) % 4 + 1,
        ghost_modes=(codes - 1) // 4,
        homes=np.stack([homes // width, homes % width], -1),
        home_steps=steps.reshape(count, number, height, width).astype(np.uint8),
        fright=flat[:, 0, FRIGHT],
        streak=flat[:, 0, STREAK],
        clock=flat[:, 0, CLOCK],
        score=np.zeros(count),
        outcome=flat[:, 0, OUTCOME],
    )
