"""What a cell of the Pac-Man view can hold, coarser than the game's tiles: what a picture must show to be right."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.types import Bools, Bytes

NOTHING, WALL, FOOD, PELLET, FLAG = range(5)
GHOST = 5  # + which of four
FRIGHTENED, EYES, PLAYER, CAUGHT = range(9, 13)
NUM_KINDS = 13
NAMES = (
    *("nothing", "wall", "food", "pellet", "flag", "blinky", "pinky", "inky", "clyde"),
    *("frightened", "eyes", "player", "caught"),
)


def _table() -> Bytes:
    """(NUM_TILES,) the kind of each tile; outside the board is as black as an empty cell, so both are nothing."""
    kinds = np.full(tiles.NUM_TILES, NOTHING, np.uint8)
    kinds[tiles.WALL : tiles.EMPTY] = WALL
    kinds[[tiles.FOOD, tiles.PELLET, tiles.FLAG]] = FOOD, PELLET, FLAG
    for ghost in range(4):
        kinds[tiles.GHOST + 4 * ghost : tiles.GHOST + 4 * ghost + 4] = GHOST + ghost
    kinds[[tiles.FRIGHTENED, tiles.FRIGHT_ENDS]] = FRIGHTENED
    kinds[tiles.EYES : tiles.PLAYER] = EYES
    kinds[tiles.PLAYER :] = PLAYER
    kinds[tiles.CAUGHT] = CAUGHT
    return kinds


KIND_OF_TILE = _table()


def of_codes(codes: Bytes) -> Bytes:
    """The kinds of tile codes of any shape."""
    return KIND_OF_TILE[codes]


def ghosts(kinds: Bytes) -> Bools:
    """Cells with a ghost in any mood but eaten."""
    return (kinds >= GHOST) & (kinds <= FRIGHTENED)


def moving(kinds: Bytes) -> Bools:
    """Cells whose content moves, so that what lies below it is hidden."""
    return kinds >= GHOST
