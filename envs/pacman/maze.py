"""Random mazes: connected, without dead ends, with loops, corridors one cell wide; and distances in them.

Rooms lie on every second cell. A random spanning tree joins them (Prim 1957 on random weights), then every room
with a single door gets a second one. On an even interior, such as 12 x 12, one gap between two columns of rooms and
one between two rows, drawn at random, is two cells long instead of one.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from worldsim.envs.pacman.streams import bits, integers
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Bools, Bytes, Ints, Keys

MIN_BOARD = 8
MAX_BOARD = 40
UNREACHED = 255
_DOORS, _GAP_ROW, _GAP_COL = 1, 2, 3  # purposes of random numbers
_NEVER = np.iinfo(np.int64).max


def mazes(keys: Keys, board: int | tuple[int, int]) -> Bools:
    """One maze for each key.

    Args:
        keys: (B,) uint64.
        board: cells along a side, or (rows, columns), the border of walls included.

    Returns:
        (B, rows, columns) bool, True where there is a wall.
    """
    height, width = (board, board) if isinstance(board, int) else board
    shape = _rooms(height), _rooms(width)
    doors = _doors(keys, shape)  # (B, V, 4)
    rows, cols = _room_lines(keys, _GAP_ROW, height), _room_lines(keys, _GAP_COL, width)  # (B, rooms) each
    walls = np.ones((len(keys), height, width), dtype=bool)
    games = np.arange(len(keys))[:, None, None]
    walls[games, rows[:, :, None], cols[:, None, :]] = False
    doors = doors.reshape(len(keys), *shape, 4)
    # A passage covers all cells between two rooms: those after the first room and before the second are the same
    # cell, or the two cells of the long gap.
    game, i, j = np.nonzero(doors[:, :, :-1, 1])  # to the right
    walls[game, rows[game, i], cols[game, j] + 1] = False
    walls[game, rows[game, i], cols[game, j + 1] - 1] = False
    game, i, j = np.nonzero(doors[:, :-1, :, 3])  # down
    walls[game, rows[game, i] + 1, cols[game, j]] = False
    walls[game, rows[game, i + 1] - 1, cols[game, j]] = False
    return walls


def steps_from(cells: Ints, walls: Bools, limit: int = UNREACHED - 1) -> Bytes:
    """Walking distances from one cell of each maze.

    Args:
        cells: (B, 2) int64, the cell at distance 0.
        walls: (B, H, W) bool, a border of walls included.
        limit: where to stop looking; farther cells are UNREACHED.

    Returns:
        (B, H, W) uint8, UNREACHED for walls.
    """
    count, height, width = walls.shape
    # One long line of cells for all mazes: the border walls keep a step from leaving its row or its maze.
    closed = walls.reshape(-1).copy()
    steps = np.full(closed.shape, UNREACHED, dtype=np.uint8)
    front = np.zeros(closed.shape, dtype=bool)
    start = (np.arange(count) * height + cells[:, 0]) * width + cells[:, 1]
    front[start] = True
    for distance in range(min(limit, UNREACHED - 1) + 1):
        steps[front] = distance
        closed |= front
        grown = np.zeros_like(front)
        grown[1:] = front[:-1]
        grown[:-1] |= front[1:]
        grown[width:] |= front[:-width]
        grown[:-width] |= front[width:]
        front = grown > closed
        if not front.any():
            break
    return steps.reshape(walls.shape)


def _rooms(side: int) -> int:
    return (side - 1) // 2


def _room_lines(keys: Keys, purpose: int, side: int) -> Ints:
    """(B, rooms) int64: the rows, or columns, on which the rooms lie."""
    rooms = _rooms(side)
    line = 1 + 2 * np.arange(rooms)
    if side % 2:
        return np.broadcast_to(line, (len(keys), rooms))
    gap = integers(keys, purpose, rooms - 1)
    return line + (np.arange(rooms) > gap[:, None])


@cache
def _neighbours(rooms: tuple[int, int]) -> tuple[Ints, Bools]:
    """(V, 4) int64 room beyond each door (left, right, up, down), and (V, 4) bool whether there is one."""
    places = np.stack(np.unravel_index(np.arange(rooms[0] * rooms[1]), rooms), -1)  # (V, 2)
    beyond = places[:, None] + MOVES[1:]  # (V, 4, 2)
    exists = np.all((beyond >= 0) & (beyond < rooms), axis=-1)
    return np.where(exists, beyond[..., 0] * rooms[1] + beyond[..., 1], 0), exists


def _doors(keys: Keys, rooms: tuple[int, int]) -> Bools:
    """(B, V, 4) bool: open doors of each room; both sides of a door agree."""
    neighbours, exists = _neighbours(rooms)
    count, nodes = len(keys), rooms[0] * rooms[1]
    game = np.arange(count)
    drawn = (bits(keys, _DOORS, 2 * nodes) >> np.uint64(1)).astype(np.int64).reshape(count, 2, nodes)
    # A door belongs to the room on its left, or above it; the other side sees the same weight.
    weights = np.stack([drawn[:, 0, neighbours[:, 0]], drawn[:, 0], drawn[:, 1, neighbours[:, 2]], drawn[:, 1]], -1)
    weights = np.where(exists, weights, _NEVER)  # (B, V, 4)

    doors = np.zeros((count, nodes, 4), dtype=bool)
    outside = np.ones((count, nodes), dtype=bool)
    cheapest = np.full((count, nodes), _NEVER)  # weight of the cheapest door between a room and the tree
    parent_door = np.zeros((count, nodes), dtype=np.int64)  # which door of the room that is
    back = OPPOSITE[1:] - 1  # (4,)
    room = np.zeros(count, dtype=np.int64)
    for _ in range(nodes - 1):
        outside[game, room] = False
        cheapest[game, room] = _NEVER
        near, weight = neighbours[room], weights[game, room]  # (B, 4) each
        row, door = np.nonzero((weight < cheapest[game[:, None], near]) & outside[game[:, None], near])
        cheapest[row, near[row, door]] = weight[row, door]
        parent_door[row, near[row, door]] = back[door]
        room = cheapest.argmin(1)
        door = parent_door[game, room]
        doors[game, room, door] = True
        doors[game, neighbours[room, door], back[door]] = True

    row, room = np.nonzero(doors.sum(-1) == 1)  # dead ends: open their cheapest closed door
    door = np.where(doors[row, room], _NEVER, weights[row, room]).argmin(-1)
    doors[row, room, door] = True
    doors[row, neighbours[room, door], back[door]] = True
    return doors
