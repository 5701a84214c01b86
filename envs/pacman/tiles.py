"""What each cell of the view shows: one code a cell. The picture and the symbolic grid are both read off it.

A code depends on the cell's own content and, for a wall, on which of its four neighbours are walls, so a whole game
is drawn from NUM_TILES small pictures. What covers what: the player lies above ghosts, ghosts above the rest.
"""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.task import FRIGHT_ENDING, MAX_GHOSTS
from worldsim.envs.pacman.types import Action, Bytes, Ints, Mode, Outcome, PacManState

VOID = 0  # outside the board
WALL = 1  # + 1 if the left neighbour is a wall, + 2 right, + 4 up, + 8 down
EMPTY = 17
FOOD = 18
PELLET = 19
FLAG = 20
GHOST = 21  # + 4 * which ghost + heading - 1
FRIGHTENED = 37
FRIGHT_ENDS = 38  # frightened, for its last steps
EYES = 39  # + heading - 1
PLAYER = 43  # + heading - 1
CAUGHT = 47  # the player, caught by a ghost
ON_FLAG = 48  # the player, having reached the flag
NUM_TILES = 49

PLANES: tuple[str, ...] = (
    *("void", "wall", "wall_left", "wall_right", "wall_up", "wall_down", "food", "pellet", "flag"),
    *("blinky", "pinky", "inky", "clyde", "frightened", "fright_ends", "eyes", "player", "caught"),
    *("heading_left", "heading_right", "heading_up", "heading_down"),
)
"""What the planes of the symbolic grid say of a cell, in order."""


def tile_codes(state: PacManState, view: int | None) -> Bytes:
    """What every cell of the view shows.

    Args:
        state: B games.
        view: cells along a side of the view, odd, with the player in its middle; None for the whole board.

    Returns:
        (B, view, view) uint8 codes, or (B, H, W).
    """
    count, height, width = state.walls.shape
    if view is None:
        rows = np.broadcast_to(np.arange(-1, height + 1), (count, height + 2))
        cols = np.broadcast_to(np.arange(-1, width + 1), (count, width + 2))
    else:
        reach = np.arange(-(view // 2) - 1, view // 2 + 2)  # one cell more on each side: walls look at neighbours
        rows, cols = state.player[:, :1] + reach, state.player[:, 1:] + reach
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None, :]
    start = np.arange(count)[:, None] * height
    cells = ((start + np.clip(rows, 0, height - 1)) * width)[:, :, None] + np.clip(cols, 0, width - 1)[:, None, :]

    wall = (state.walls.reshape(-1)[cells] & inside).view(np.uint8)
    joined = wall[:, 1:-1, :-2] + 2 * wall[:, 1:-1, 2:] + 4 * wall[:, :-2, 1:-1] + 8 * wall[:, 2:, 1:-1]
    inner = np.ascontiguousarray(cells[:, 1:-1, 1:-1])
    floor = EMPTY + state.food.reshape(-1)[inner] + 2 * state.pellets.reshape(-1)[inner].view(np.uint8)
    codes = np.where(wall[:, 1:-1, 1:-1] > 0, WALL + joined, floor.astype(np.uint8))
    codes[~inside[:, 1:-1, 1:-1]] = VOID

    games = np.arange(count)
    corner = np.stack([rows[:, 1], cols[:, 1]], -1)  # (B, 2): the cell in the upper left of the view
    flags = state.flag[:, 0] >= 0
    _lay(codes, games[flags], (state.flag - corner)[flags], np.full(flags.sum(), FLAG))
    looks = _ghost_codes(state)
    for ghost in reversed(range(looks.shape[1])):  # the first ghost lies on top
        _lay(codes, games, state.ghosts[:, ghost] - corner, looks[:, ghost])
    _lay(codes, games, state.player - corner, _player_codes(state))
    return codes


def planes_of(codes: Bytes) -> Bytes:
    """The symbolic grid: (..., len(PLANES)) uint8, 0 or 1, for codes of any shape."""
    return np.take(_PLANES_OF_TILE, codes, axis=0)


def _lay(codes: Bytes, games: Ints, places: Ints, looks: Ints) -> None:
    """Write one code for each of some games, where its place (row, col) lies in the view."""
    rows, cols = places[:, 0], places[:, 1]
    seen = (rows >= 0) & (rows < codes.shape[1]) & (cols >= 0) & (cols < codes.shape[2])
    codes[games[seen], rows[seen], cols[seen]] = looks[seen]


def _ghost_codes(state: PacManState) -> Ints:
    """(B, G) int64."""
    which = np.arange(state.ghosts.shape[1])
    normal = GHOST + 4 * which + state.ghost_headings - 1
    if not state.ghost_modes.any():
        return normal
    frightened = np.where(state.fright > FRIGHT_ENDING, FRIGHTENED, FRIGHT_ENDS)[:, None]
    codes = np.where(state.ghost_modes == Mode.FRIGHTENED, frightened, normal)
    return np.where(state.ghost_modes == Mode.EATEN, EYES + state.ghost_headings - 1, codes)


def _player_codes(state: PacManState) -> Ints:
    """(B,) int64."""
    codes = PLAYER + state.heading - 1
    codes = np.where(state.outcome == Outcome.CAUGHT, CAUGHT, codes)
    return np.where(state.outcome == Outcome.FLAG, ON_FLAG, codes)


def _table() -> Bytes:
    """(NUM_TILES, len(PLANES)) uint8: each tile in words."""
    words: list[tuple[str, ...]] = [()] * NUM_TILES
    headings = [f"heading_{Action(heading).name.lower()}" for heading in range(1, 5)]
    sides = ("wall_left", "wall_right", "wall_up", "wall_down")
    words[VOID] = ("void",)
    for mask in range(16):
        words[WALL + mask] = ("wall", *(side for bit, side in enumerate(sides) if mask >> bit & 1))
    words[FOOD], words[PELLET], words[FLAG] = ("food",), ("pellet",), ("flag",)
    words[FRIGHTENED], words[FRIGHT_ENDS] = ("frightened",), ("frightened", "fright_ends")
    words[CAUGHT], words[ON_FLAG] = ("player", "caught"), ("player", "flag")
    for turn, heading in enumerate(headings):
        words[EYES + turn], words[PLAYER + turn] = ("eyes", heading), ("player", heading)
        for ghost in range(MAX_GHOSTS):
            words[GHOST + 4 * ghost + turn] = (PLANES[PLANES.index("blinky") + ghost], heading)
    table = np.zeros((NUM_TILES, len(PLANES)), dtype=np.uint8)
    for tile, said in enumerate(words):
        table[tile, [PLANES.index(word) for word in said]] = 1
    return table


_PLANES_OF_TILE = _table()
