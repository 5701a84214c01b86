"""From a state to a picture: each cell is looked up in an atlas of small pictures, one for each tile code."""

from __future__ import annotations

from functools import cache

import numpy as np

from worldsim.envs.pacman import arcade_skin, plain_skin
from worldsim.envs.pacman.tiles import NUM_TILES, tile_codes
from worldsim.envs.pacman.types import Bytes, PacManState
from worldsim.errors import BadInput

CELL = 12  # pixels along a side of a cell
SKINS = {"arcade": arcade_skin.draw, "plain": plain_skin.draw}
"""How a tile looks: functions from a tile code to a (12, 12, 3) uint8 picture."""


def paint(state: PacManState, view: int | None = 7, skin: str = "arcade") -> Bytes:
    """The picture of every game.

    Args:
        state: B games.
        view: cells along a side of the view, the player in its middle; None paints the whole board.
        skin: one of SKINS.

    Returns:
        (B, 12 * view, 12 * view, 3) uint8, in fresh memory.
    """
    return paint_codes(tile_codes(state, view), skin)


def paint_codes(codes: Bytes, skin: str = "arcade") -> Bytes:
    """(B, 12 * rows, 12 * cols, 3) uint8 picture of the tile codes (B, rows, cols)."""
    count, rows, cols = codes.shape
    lines = _atlas(skin)
    # One item of the atlas is a line of 12 pixels of one tile: a picture is rows x 12 x cols of them.
    first = codes.astype(np.intp)[:, :, None, :] * CELL
    index = np.repeat(first, CELL, axis=2).reshape(count * rows, CELL * cols)  # long rows: numpy adds them faster
    index += np.repeat(np.arange(CELL), cols)
    return np.take(lines, index).view(np.uint8).reshape(count, rows * CELL, cols * CELL, 3)


@cache
def _atlas(skin: str) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """(NUM_TILES * 12,) items of 36 bytes."""
    if skin not in SKINS:
        raise BadInput(f"expected skin {' | '.join(map(repr, SKINS))}, got {skin!r}")
    pictures = np.stack([SKINS[skin](tile) for tile in range(NUM_TILES)])
    return pictures.reshape(NUM_TILES * CELL, CELL * 3).view(np.dtype((np.void, CELL * 3)))[:, 0]
