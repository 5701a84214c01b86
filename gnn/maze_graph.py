"""A grid game as a graph: its open cells are nodes, joined to their neighbours by edges of four kinds."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.envs.pacman.nodes import FEATURES, SIDES, neighbours, node_features
from worldsim.envs.pacman.types import PacManState
from worldsim.errors import BadInput

__all__ = ["FEATURES", "SIDES", "Graph", "Grid", "maze_graph"]


class Graph(NamedTuple):
    """Several graphs side by side: a disjoint union, as torch_geometric batches them."""

    x: Tensor  # (V, F) float32
    edge_index: Tensor  # (2, E) int64: from, to
    edge_type: Tensor  # (E,) int64: on which side of the receiver the sender lies: 0 left, 1 right, 2 up, 3 down
    batch: Tensor  # (V,) int64: to which graph a node belongs
    cell: Tensor  # (V, 2) int64: (row, col) of each node on its board

    def to(self, device: str | torch.device) -> Graph:
        """The same on another device."""
        return Graph(*(part.to(device) for part in self))


@runtime_checkable
class Grid(Protocol):
    """What a game on a grid must show to become a graph."""

    @property
    def open(self) -> NDArray[np.bool_]:
        """(B, H, W) bool: the cells where something can be."""

    @property
    def features(self) -> NDArray[np.float32]:
        """(B, H, W, F) float32: what each cell says of itself."""


def maze_graph(state: PacManState | Grid) -> Graph:
    """The graph of B boards, from the game's true state.

    Args:
        state: B games of Pac-Man (features: `FEATURES`), or of anything that has ``open`` (B, H, W) bool and
            ``features`` (B, H, W, F).

    Raises:
        BadInput: a board without an open cell, or features of another shape.

    Example:
        >>> import gymnasium, worldsim
        >>> env = gymnasium.make("WorldSim/PacManGraph-v0", rows=9, cols=9)
        >>> _ = env.reset(seed=0)
        >>> graph = maze_graph(env.unwrapped.state)
        >>> graph.x.shape[1] == len(FEATURES), int(graph.edge_type.max())
        (True, 3)
    """
    if isinstance(state, PacManState):
        open_cells, features = ~state.walls, node_features(state)
    else:
        open_cells, features = np.asarray(state.open, bool), np.asarray(state.features, np.float32)
    if open_cells.ndim != 3 or features.shape[:3] != open_cells.shape or features.ndim != 4:
        raise BadInput(
            f"expected open cells (B, H, W) and features (B, H, W, F), got {open_cells.shape} and {features.shape}"
        )
    sizes = open_cells.reshape(len(open_cells), -1).sum(1)
    if not sizes.all():
        raise BadInput(f"board {int(sizes.argmin())} has no open cell, so it is no graph; look at its walls")
    game, row, col = np.nonzero(open_cells)
    first = (np.cumsum(sizes) - sizes)[game]  # of each node's board
    beside = neighbours(open_cells)[game, row, col]  # (V, 4)
    to, side = np.nonzero(beside >= 0)
    return Graph(
        torch.from_numpy(features[game, row, col]),
        torch.from_numpy(np.stack([beside[to, side] + first[to], to])),
        torch.from_numpy(side),
        torch.from_numpy(game),
        torch.from_numpy(np.stack([row, col], -1)),
    )
