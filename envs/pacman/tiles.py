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
    margin = 1 if view is None else view // 2 + 1  # one cell more than is seen: walls look at their neighbours
    board = _content(state, margin)
    count, height, width = board.shape
    if view is None:
        seen, corner = board, np.zeros((count, 2), np.int64)
    else:
        corner = state.player - view // 2
        # One long line of cells for all games: a view is the same pattern of places after each game's first one.
        first = (np.arange(count) * height + state.player[:, 0]) * width + state.player[:, 1]
        pattern = (np.arange(view + 2)[:, None] * width + np.arange(view + 2)).ravel()
        seen = board.reshape(-1)[first[:, None] + pattern].reshape(count, view + 2, view + 2)
    codes = _still_codes(seen)

    games = np.arange(count)
    flags = state.flag[:, 0] >= 0
    _lay(codes, games[flags], (state.flag - corner)[flags], np.full(flags.sum(), FLAG))
    looks = _ghost_codes(state)
    for ghost in reversed(range(looks.shape[1])):  # the first ghost lies on top
        _lay(codes, games, state.ghosts[:, ghost] - corner, looks[:, ghost])
    _lay(codes, games, state.player - corner, _player_codes(state))
    return codes


def _content(state: PacManState, margin: int) -> Bytes:
    """(B, H + 2 margin, W + 2 margin) uint8 bits: 1 wall, 2 food, 4 pellet, 8 a cell of the board."""
    count, height, width = state.walls.shape
    board = np.zeros((count, height + 2 * margin, width + 2 * margin), np.uint8)
    content = state.walls + 2 * state.food.view(np.uint8) + 4 * state.pellets.view(np.uint8)
    board[:, margin:-margin, margin:-margin] = content + np.uint8(8)
    return board


def _still_codes(seen: Bytes) -> Bytes:
    """Codes (B, H - 2, W - 2) of what does not move, for content (B, H, W) with one cell more on each side."""
    _, height, width = seen.shape
    line = seen.reshape(-1)  # neighbours across an edge are wrong, and cut away at the end
    wall = line & 1
    joined = np.zeros_like(line)
    joined[1:] = wall[:-1]
    joined[:-1] += 2 * wall[1:]
    joined[width:] += 4 * wall[:-width]
    joined[:-width] += 8 * wall[width:]
    codes = np.take(_STILL, 16 * line.astype(np.intp) + joined).reshape(seen.shape)
    return np.ascontiguousarray(codes[:, 1:-1, 1:-1])


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


def _still_table() -> Bytes:
    """(16 * 16,) uint8: code of each content, bits as in `_content`, with each set of walls around it."""
    table = np.full((16, 16), VOID, dtype=np.uint8)
    table[8], table[10], table[12] = EMPTY, FOOD, PELLET
    table[9::2] = WALL + np.arange(16)
    return table.reshape(-1)


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
_STILL = _still_table()
