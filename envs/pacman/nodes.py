"""A game as a graph: its open cells are nodes, their four neighbours are edges of four kinds. No torch here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldsim.envs.pacman.task import FRIGHT
from worldsim.envs.pacman.types import MOVES, Bools, Ints, Mode, PacManState

Float32s = NDArray[np.float32]

FEATURES: tuple[str, ...] = (
    *("open", "food", "pellet", "flag", "player"),
    *("ghost_left", "ghost_right", "ghost_up", "ghost_down", "frightened", "eyes", "fright"),
)
"""What a node says of its cell: 1 or 0, but for `ghost_*`, `frightened` and `eyes`, which count the ghosts there, and
`fright`, the share of the fright that is left (of a whole board). Nothing depends on how large the board is."""
SIDES = 4
"""Kinds of edges: left, right, up, down, as in `worldsim.envs.pacman.types.Action` less 1."""


class Nodes(NamedTuple):
    """B graphs, padded to V nodes each."""

    x: Float32s  # (B, V, F) float32, zeros where there is no node
    mask: Bools  # (B, V) bool
    edges: Ints  # (B, V, 4) int64: the node to the left, right, up and down, or V where there is none
    cells: Ints  # (B, V, 2) int64: (row, col) of each node, (0, 0) where there is none


def node_features(state: PacManState) -> Float32s:
    """(B, H, W, F) float32, see `FEATURES`."""
    x = np.zeros((*state.walls.shape, len(FEATURES)), dtype=np.float32)
    games = np.arange(len(state))
    x[..., 0], x[..., 1], x[..., 2] = ~state.walls, state.food, state.pellets
    flags = state.flag[:, 0] >= 0
    x[games[flags], state.flag[flags, 0], state.flag[flags, 1], 3] = 1
    x[games, state.player[:, 0], state.player[:, 1], 4] = 1
    which = np.where(state.ghost_modes == Mode.NORMAL, 4 + state.ghost_headings, 8 + state.ghost_modes)
    for ghost in range(state.ghosts.shape[1]):
        x[games, state.ghosts[:, ghost, 0], state.ghosts[:, ghost, 1], which[:, ghost]] += 1
    x[..., 11] = np.where(state.walls, 0, (state.fright / FRIGHT)[:, None, None])
    return x


def neighbours(open_cells: Bools) -> Ints:
    """(B, H, W, 4) int64: the number of the open neighbour on each side, or -1; open cells count up in each board."""
    count, height, width = open_cells.shape
    number = open_cells.reshape(count, -1).cumsum(1).reshape(count, height, width) - 1
    number = np.pad(np.where(open_cells, number, -1), ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    beside = [number[:, 1 + r : 1 + r + height, 1 + c : 1 + c + width] for r, c in MOVES[1:]]
    return np.where(open_cells[..., None], np.stack(beside, -1), -1)


def to_nodes(open_cells: Bools, features: Float32s, most: int | None = None) -> Nodes:
    """Boards as padded graphs.

    Args:
        open_cells: (B, H, W) bool.
        features: (B, H, W, F) float32.
        most: V; None takes as many as the largest of these boards has.
    """
    count = len(open_cells)
    sizes = open_cells.reshape(count, -1).sum(1)
    most = int(sizes.max()) if most is None else most
    game, row, col = np.nonzero(open_cells)
    node = np.arange(len(game)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    x = np.zeros((count, most, features.shape[-1]), dtype=np.float32)
    mask = np.zeros((count, most), dtype=bool)
    edges = np.full((count, most, SIDES), most, dtype=np.int64)
    cells = np.zeros((count, most, 2), dtype=np.int64)
    x[game, node], mask[game, node] = features[game, row, col], True
    beside = neighbours(open_cells)[game, row, col]
    edges[game, node] = np.where(beside >= 0, beside, most)
    cells[game, node] = np.stack([row, col], -1)
    return Nodes(x, mask, edges, cells)


def most_nodes(shape: tuple[int, int]) -> int:
    """An upper bound of the open cells of a maze with so many rows and columns.

    Rooms lie on every second cell and one gap each way may be a cell longer, so that at most three of four cells of a
    block are open, and walls surround the board.
    """
    rows, cols = shape[0] - 2, shape[1] - 2
    return rows * cols - (rows // 2) * (cols // 2)
