"""Players that see the whole board: breadth-first search to the nearest food, with or without an eye for ghosts."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import planes
from worldsim.envs.pacman.types import MOVES, Bools, Bytes, Floats, Ints

FAR = 9999
_ALARM = np.array([1000, 500, 30, 5])  # cost of a cell 0, 1, 2, 3 steps from a ghost that can catch


def distances(sources: Bools, open_cells: Bools, limit: int = FAR) -> Ints:
    """Walking distance of every cell to the nearest source.

    Args:
        sources: (B, H, W) bool.
        open_cells: (B, H, W) bool.
        limit: where to stop looking.

    Returns:
        (B, H, W) int64, FAR where there is no way, or none within the limit.
    """
    steps = np.where(sources, 0, FAR)
    front, seen = sources, sources | ~open_cells
    for distance in range(1, limit + 1):
        grown = np.zeros_like(front)
        grown[:, :, 1:] |= front[:, :, :-1]
        grown[:, :, :-1] |= front[:, :, 1:]
        grown[:, 1:] |= front[:, :-1]
        grown[:, :-1] |= front[:, 1:]
        front = grown & ~seen
        if not front.any():
            break
        steps[front] = distance
        seen = seen | front
    return steps


def scores(board: Bytes, careful: bool) -> Floats:
    """What each action leads to: (B, 5) float64, the less the better; 1e6 for a move into a wall.

    Args:
        board: (B, H, W, 18) uint8, see `worldsim.envs.pacman.planes`.
        careful: mind the ghosts.
    """
    count, height, width, _ = board.shape
    open_cells = board[..., planes.CELL] == planes.OPEN
    lure = (board[..., planes.FOOD] | board[..., planes.PELLET] | board[..., planes.FLAG]) > 0
    toll = distances(lure, open_cells).astype(np.float64)
    if careful:
        ghosts = board[..., planes.GHOST : planes.GHOST + planes.NUM_GHOSTS]
        near = distances(np.asarray(((ghosts > 0) & (ghosts <= 4)).any(axis=-1)), open_cells, len(_ALARM) - 1)
        toll += np.where(near < len(_ALARM), _ALARM[near.clip(max=len(_ALARM) - 1)], 0)
    toll[~open_cells] = 1e6
    player = (board[..., planes.PLAYER].reshape(count, -1) > 0).argmax(1)
    rows = (player // width)[:, None] + MOVES[:, 0]
    cols = (player % width)[:, None] + MOVES[:, 1]
    return toll[np.arange(count)[:, None], rows.clip(0, height - 1), cols.clip(0, width - 1)]


def nearest_food(board: Bytes, rng: np.random.Generator) -> Ints:
    """Straight to the nearest food, pellet or flag; (B,) actions, ties at random."""
    toll = scores(board, careful=False)
    toll[:, 0] += 0.5  # to stand still leads nowhere
    return (toll + 0.1 * rng.random(toll.shape)).argmin(1)


def forager(board: Bytes, rng: np.random.Generator) -> Ints:
    """The same around the ghosts, and one action of ten at random: a player that lives long enough to see the game."""
    toll = scores(board, careful=True)
    chosen = (toll + 0.1 * rng.random(toll.shape)).argmin(1)
    return np.where(rng.random(len(board)) < 0.1, rng.integers(0, 5, len(board)), chosen)
