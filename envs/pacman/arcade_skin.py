"""How the arcade game looks, at 12 pixels a cell: sprites as character art, walls as rounded outlines."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.types import Bools, Bytes

_GHOST = """
............
....gggg....
..gggggggg..
.gggggggggg.
.gggggggggg.
.gggggggggg.
.gggggggggg.
.gggggggggg.
.gggggggggg.
.gggggggggg.
.gg.gggg.gg.
.g...gg...g.
"""
_EYES = [  # white (w) and pupil (b) for each heading: left, right, up, down
    """
............
............
............
..ww...ww...
.wwww.wwww..
.bbww.bbww..
.bbww.bbww..
..ww...ww...
""",
    """
............
............
............
...ww...ww..
..wwww.wwww.
..wwbb.wwbb.
..wwbb.wwbb.
...ww...ww..
""",
    """
............
..bb....bb..
.wbbw..wbbw.
.wwww..wwww.
.wwww..wwww.
..ww....ww..
""",
    """
............
............
............
............
..ww....ww..
.wwww..wwww.
.wwww..wwww.
.wbbw..wbbw.
..bb....bb..
""",
]
_SCARED_FACE = """
............
............
............
............
...ff..ff...
...ff..ff...
............
..ff.ff.ff..
.f..f..f..f.
............
............
............
"""
_FLAG = """
............
...p........
...pff......
...pffff....
...pffffff..
...pffff....
...pff......
...p........
...p........
...p........
..ppp.......
............
"""
_DYING = """
............
.o...yy...o.
..o..yy..o..
...o....o...
............
.yy..oo..yy.
.yy..oo..yy.
............
...o....o...
..o..yy..o..
.o...yy...o.
............
"""
_COLOURS = {
    "y": (255, 240, 0),
    "w": (255, 255, 255),
    "b": (33, 33, 222),
    "p": (222, 222, 255),
    "f": (0, 222, 100),
    "o": (255, 140, 0),
}
_GHOST_COLOURS = [(255, 0, 0), (255, 150, 206), (0, 240, 240), (255, 165, 60)]
_SCARED = [((33, 33, 255), (255, 200, 170)), ((235, 235, 255), (255, 0, 0))]  # body, face; then the last steps
_DOT = (255, 184, 174)
_WALL_LINE = (50, 70, 255)
_WALL_BODY = (4, 4, 56)


def draw(tile: int) -> Bytes:
    """One tile, (12, 12, 3) uint8."""
    picture = np.zeros((12, 12, 3), dtype=np.uint8)
    if tiles.WALL <= tile < tiles.EMPTY:
        return _wall(tile - tiles.WALL)
    if tile == tiles.FOOD:
        picture[5:7, 5:7] = _DOT
    elif tile == tiles.PELLET:
        picture[_disc(3.6)] = _DOT
    elif tile == tiles.FLAG:
        _stamp(picture, _FLAG, _COLOURS)
    elif tiles.GHOST <= tile < tiles.FRIGHTENED:
        ghost, turn = divmod(tile - tiles.GHOST, 4)
        _stamp(picture, _GHOST, {"g": _GHOST_COLOURS[ghost]})
        _stamp(picture, _EYES[turn], _COLOURS)
    elif tile in (tiles.FRIGHTENED, tiles.FRIGHT_ENDS):
        body, face = _SCARED[tile - tiles.FRIGHTENED]
        _stamp(picture, _GHOST, {"g": body})
        _stamp(picture, _SCARED_FACE, {"f": face})
    elif tiles.EYES <= tile < tiles.PLAYER:
        _stamp(picture, _EYES[tile - tiles.EYES], _COLOURS)
    elif tiles.PLAYER <= tile < tiles.CAUGHT:
        picture[_mouth(tile - tiles.PLAYER)] = _COLOURS["y"]
    elif tile == tiles.CAUGHT:
        _stamp(picture, _DYING, _COLOURS)
    elif tile == tiles.ON_FLAG:
        picture[_disc(5.3)] = _COLOURS["y"]
        _stamp(picture, _FLAG, _COLOURS)
    return picture


def _stamp(picture: Bytes, art: str, colours: dict[str, tuple[int, int, int]]) -> None:
    for row, line in enumerate(art.strip("\n").split("\n")):
        for col, letter in enumerate(line):
            if letter in colours:
                picture[row, col] = colours[letter]


def _disc(radius: float) -> Bools:
    at = np.arange(12) - 5.5
    return at[:, None] ** 2 + at**2 <= radius**2


def _mouth(turn: int) -> Bools:
    """A disc with a wedge cut out towards left, right, up or down."""
    at = np.arange(12) - 5.5
    rows, cols = np.meshgrid(at, at, indexing="ij")
    facing = [-cols, cols, -rows, rows][turn]
    aside = [rows, rows, cols, cols][turn]
    return _disc(5.3) & ~(facing > np.abs(aside) * 1.4 - 1.3)


def _wall(mask: int) -> Bytes:
    """A rounded bar that reaches to each neighbour that is a wall; outline and body."""
    left, right, up, down = (bool(mask >> bit & 1) for bit in range(4))
    scale = 8
    at = (np.arange(12 * scale) + 0.5) / scale - 6
    rows, cols = np.meshgrid(at, at, indexing="ij")
    # Distance to the skeleton: the centre, and the arms to the neighbours.
    distance = np.hypot(rows, cols)
    for arm, along, aside in ((left, -cols, rows), (right, cols, rows), (up, -rows, cols), (down, rows, cols)):
        if arm:
            distance = np.minimum(distance, np.where(along >= 0, np.abs(aside), np.inf))
    body = _shrink(distance < 3.5, scale)[..., None]
    line = _shrink((distance < 3.5) & (distance >= 2.2), scale)[..., None]
    inner = np.clip(body - line, 0, 1)
    return np.rint(line * np.array(_WALL_LINE) + inner * np.array(_WALL_BODY)).astype(np.uint8)


def _shrink(shape: Bools, scale: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(12, 12) float64: how much of each pixel the shape covers."""
    return shape.reshape(12, scale, 12, scale).mean((1, 3))
