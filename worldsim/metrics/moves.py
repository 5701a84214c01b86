"""What two pictures of Pac-Man in a row say about the move between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from worldsim.envs.pacman.types import MOVES, Bools, Bytes, Ints
from worldsim.metrics import kinds as k

TELLS = 3
"""Cells by which the picture after a move must differ from that of standing still, or the move is a tie."""


class Moves(NamedTuple):
    """B moves."""

    went: Bools  # (B,) the walls lie as after the move, rather than as if nothing had moved
    tells: Bools  # (B,) it can be told: the two would differ in TELLS cells or more
    blocked: Bools  # (B,) the picture before shows a wall in the way
    shift: Ints  # (B, 2) by which the view should move


def seen(before: Bytes, action: Ints, after: Bytes) -> Moves:
    """Hold the walls of the picture before, moved as the action says and not moved, against those of the picture after.

    Args:
        before: (B, R, C) kinds.
        action: (B,).
        after: (B, R, C) kinds.
    """
    shift, walls, now = MOVES[action], before == k.WALL, after == k.WALL
    gone, inside = shifted(walls, shift), shifted(np.ones_like(walls), shift)
    blocked = target(before, action) == k.WALL
    return Moves(
        ((gone != now) & inside).sum((1, 2)) < ((walls != now) & inside).sum((1, 2)),
        (((gone != walls) & inside).sum((1, 2)) >= TELLS) & (action > 0),
        blocked,
        np.where(blocked[:, None], 0, shift),
    )


def target(kinds: Bytes, action: Ints) -> Bytes:
    """What lies where the player in the middle of the view (B, R, C) wants to go: (B,)."""
    rows, cols = kinds.shape[1] // 2 + MOVES[action, 0], kinds.shape[2] // 2 + MOVES[action, 1]
    return kinds[np.arange(len(kinds)), rows, cols]


def shifted(cells: Bools, moved: Ints) -> Bools:
    """Where the content of the view (B, R, C) lies after the player moved by (B, 2); false where nothing is known."""
    batch, height, width = cells.shape
    r = np.arange(height)[None, :, None] + moved[:, 0, None, None]
    c = np.arange(width)[None, None, :] + moved[:, 1, None, None]
    inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
    return cells[np.arange(batch)[:, None, None], r.clip(0, height - 1), c.clip(0, width - 1)] & inside


def grown(mask: Bools) -> Bools:
    """A mask (B, R, C) and its four neighbours."""
    out = mask.copy()
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    out[:, :, 1:] |= mask[:, :, :-1]
    out[:, :, :-1] |= mask[:, :, 1:]
    return out
