"""The plainest look: one flat colour for each kind of cell, a notch that shows a heading. Easy to decode."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.types import Bytes

_FLOOR = (236, 236, 236)
_WALL = (70, 80, 95)
_GHOSTS = [(214, 39, 40), (227, 119, 194), (23, 190, 207), (255, 127, 14)]
_NOTCHES = [np.s_[4:8, 0:4], np.s_[4:8, 8:12], np.s_[0:4, 4:8], np.s_[8:12, 4:8]]  # left, right, up, down


def draw(tile: int) -> Bytes:
    """One tile, (12, 12, 3) uint8."""
    picture = np.zeros((12, 12, 3), dtype=np.uint8)
    if tile == tiles.VOID:
        return picture
    picture[:] = _FLOOR
    if tiles.WALL <= tile < tiles.EMPTY:
        _wall(picture, tile - tiles.WALL)
    elif tile == tiles.FOOD:
        picture[5:7, 5:7] = (60, 60, 60)
    elif tile == tiles.PELLET:
        picture[3:9, 3:9] = (60, 60, 60)
    elif tile == tiles.FLAG:
        picture[2:10, 2:10] = (44, 160, 44)
    elif tiles.GHOST <= tile < tiles.FRIGHTENED:
        ghost, turn = divmod(tile - tiles.GHOST, 4)
        _block(picture, _GHOSTS[ghost], turn)
    elif tile == tiles.FRIGHTENED:
        _block(picture, (31, 60, 220))
    elif tile == tiles.FRIGHT_ENDS:
        _block(picture, (150, 170, 255))
    elif tiles.EYES <= tile < tiles.PLAYER:
        picture[_NOTCHES[tile - tiles.EYES]] = (31, 60, 220)
    elif tiles.PLAYER <= tile < tiles.CAUGHT:
        _block(picture, (240, 200, 0), tile - tiles.PLAYER)
    elif tile == tiles.CAUGHT:
        _block(picture, (90, 0, 0))
    elif tile == tiles.ON_FLAG:
        _block(picture, (240, 200, 0))
        picture[3:9, 3:9] = (44, 160, 44)
    return picture


def _block(picture: Bytes, colour: tuple[int, int, int], turn: int | None = None) -> None:
    """A square, with a notch on the side to which it heads."""
    picture[1:11, 1:11] = colour
    if turn is not None:
        picture[_NOTCHES[turn]] = _FLOOR


def _wall(picture: Bytes, mask: int) -> None:
    """A full cell with a thin light edge on the sides where the wall ends."""
    picture[:] = _WALL
    for bit, side in enumerate((picture[:, 0], picture[:, 11], picture[0], picture[11])):
        if not mask >> bit & 1:
            side[:] = (120, 132, 150)
