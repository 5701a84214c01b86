"""Block pushing: five shapes on a 5 x 5 grid, drawn by code, of which one is pushed by a cell in every step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

SIDE, SHAPES, PIXELS = 5, 5, 10
STEPS: Ints = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
COLOURS: Bytes = np.array(
    [(210, 60, 60), (70, 180, 80), (70, 100, 220), (220, 190, 60), (170, 80, 200)], dtype=np.uint8
)


class Pushed(NamedTuple):
    """E episodes of T random pushes."""

    cells: Ints  # (E, T + 1, 5) int64: where each shape lies, row * 5 + col
    actions: Ints  # (E, T) int64: shape * 4 + direction (up, right, down, left)

    @property
    def episodes(self) -> int:
        """E."""
        return len(self.cells)


def push(cells: Ints, actions: Ints) -> Ints:
    """One step: a shape moves by one cell, unless the edge or another shape is in its way.

    Args:
        cells: (B, 5).
        actions: (B,).
    """
    rows = np.arange(len(cells))
    shape = actions // 4
    to = np.stack(np.divmod(cells[rows, shape], SIDE), -1) + STEPS[actions % 4]
    goal = to[:, 0] * SIDE + to[:, 1]
    free = ((to >= 0) & (to < SIDE)).all(1) & ~(cells == goal[:, None]).any(1)
    after = cells.copy()
    after[rows[free], shape[free]] = goal[free]
    return after


def random_episodes(episodes: int, steps: int, seed: int) -> Pushed:
    """Episodes from random places with random pushes."""
    rng = np.random.default_rng(seed)
    cells = [rng.random((episodes, SIDE * SIDE)).argsort(1)[:, :SHAPES]]
    actions = rng.integers(0, 4 * SHAPES, (steps, episodes))
    for action in actions:
        cells.append(push(cells[-1], action))
    return Pushed(np.stack(cells, 1), actions.T.copy())


def draw(cells: Ints) -> Bytes:
    """Pictures (B, 50, 50, 3) uint8 of places (B, 5)."""
    frames = np.zeros((len(cells), SIDE * PIXELS, SIDE * PIXELS, 3), np.uint8)
    view = frames.reshape(-1, SIDE, PIXELS, SIDE, PIXELS, 3)
    rows = np.arange(len(cells))
    for shape, mask in enumerate(_masks()):
        row, col = np.divmod(cells[:, shape], SIDE)
        view[rows, row, :, col] = mask[..., None] * COLOURS[shape]
    return frames


def _masks() -> list[NDArray[np.bool_]]:
    """What each shape fills of a cell: disc, square, triangle, cross, ring."""
    y, x = np.mgrid[:PIXELS, :PIXELS] - (PIXELS - 1) / 2
    far = np.hypot(x, y)
    inner = np.maximum(abs(x), abs(y)) < 4
    return [
        far < 4.5,
        inner,
        inner & (abs(x) < (y + 4.5) / 2),
        inner & (np.minimum(abs(x), abs(y)) < 1.5),
        (far < 4.8) & (far > 2.4),
    ]
