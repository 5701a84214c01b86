"""The picture: what each cell shows, what covers what, and that the symbolic grid says the same."""

from __future__ import annotations

import numpy as np
import pytest

from tests.envs.boards import board
from worldsim.envs.pacman import rules, tiles
from worldsim.envs.pacman.paint import CELL, SKINS, paint, paint_codes
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import TASKS
from worldsim.envs.pacman.tiles import NUM_TILES, PLANES, planes_of, tile_codes
from worldsim.envs.pacman.types import Action, Mode, Outcome

SCENE = """
#######
#.o#  #
#  # 0#
# #P# #
# F#1 #
#     #
#######
"""


def cut(pictures: np.ndarray) -> np.ndarray:
    """(N, 12, 12, 3): the cells of pictures."""
    count, height, width, _ = pictures.shape
    cells = pictures.reshape(count, height // CELL, CELL, width // CELL, CELL, 3)
    return cells.transpose(0, 1, 3, 2, 4, 5).reshape(-1, CELL, CELL, 3)


def played(task: str, steps: int = 60, count: int = 64):
    """States on the way of random games."""
    state = rules.begin(row_seeds(3, count), np.zeros(count, dtype=np.int64), TASKS[task])
    rng = np.random.default_rng(0)
    for step in range(steps):
        rules.advance(state, rng.integers(0, 5, count), TASKS[task])
        if step % 10 == 0:
            yield state


def test_a_scene_in_codes():
    codes = tile_codes(board(SCENE, headings="^>"), 7)[0]
    left, right, up, down = 1, 2, 4, 8
    wall = tiles.WALL
    assert codes[0, 0] == wall + right + down
    assert codes[0, 1] == wall + left + right
    assert codes[3, 2] == wall  # alone
    assert codes[2, 3] == wall + up
    assert codes[1, 3] == wall + up + down
    assert codes[6, 6] == wall + left + up
    assert codes[1, 1] == tiles.FOOD
    assert codes[1, 2] == tiles.PELLET
    assert codes[4, 2] == tiles.FLAG
    assert codes[2, 2] == tiles.EMPTY
    assert codes[2, 5] == tiles.GHOST + Action.UP - 1
    assert codes[4, 4] == tiles.GHOST + 4 + Action.RIGHT - 1
    assert codes[3, 3] == tiles.PLAYER + Action.LEFT - 1


def test_the_player_stays_in_the_middle_and_the_outside_is_black():
    state = board(SCENE, headings="^>")
    whole = tile_codes(state, 7)[0]
    state.player[0] = (1, 1)
    codes = tile_codes(state, 7)[0]
    assert codes[3, 3] == tiles.PLAYER
    assert (codes[:2] == tiles.VOID).all()
    assert (codes[:, :2] == tiles.VOID).all()
    changed = np.argwhere(codes[2:, 2:] != whole[:5, :5]).tolist()
    assert changed == [[1, 1], [3, 3]]  # the player left one cell for the other
    picture = paint(state, 7)[0]
    assert not picture[: 2 * CELL].any()


def test_what_covers_what():
    state = board(SCENE, headings="^>")
    state.ghosts[0] = [(1, 1), (1, 1)]  # on food, and the first above the second
    assert tile_codes(state, 7)[0, 1, 1] == tiles.GHOST + Action.UP - 1
    state.ghosts[0, 0] = (3, 3)
    assert tile_codes(state, 7)[0, 3, 3] == tiles.PLAYER
    state.outcome[:] = Outcome.CAUGHT
    assert tile_codes(state, 7)[0, 3, 3] == tiles.CAUGHT
    state.outcome[:] = Outcome.FLAG
    assert tile_codes(state, 7)[0, 3, 3] == tiles.ON_FLAG


@pytest.mark.parametrize(
    ("fright", "look"), [(30, "frightened"), (9, "frightened"), (8, "fright_ends"), (1, "fright_ends")]
)
def test_frightened_ghosts_turn_pale_in_the_last_8_steps(fright, look):
    state = board(SCENE, headings="^>", modes=(Mode.FRIGHTENED, Mode.EATEN), fright=fright)
    codes = tile_codes(state, 7)[0]
    assert codes[2, 5] == (tiles.FRIGHTENED if look == "frightened" else tiles.FRIGHT_ENDS)
    assert codes[4, 4] == tiles.EYES + Action.RIGHT - 1


@pytest.mark.parametrize("skin", list(SKINS))
def test_every_tile_has_a_picture_of_its_own(skin):
    pictures = paint_codes(np.arange(NUM_TILES, dtype=np.uint8)[None, None], skin)
    assert pictures.shape == (1, 12, 12 * NUM_TILES, 3)
    assert pictures.dtype == np.uint8
    same = {
        frozenset((i, j))
        for i, a in enumerate(cut(pictures))
        for j, b in enumerate(cut(pictures))
        if i < j and not (a != b).any()
    }
    # In the arcade's look the empty floor is as black as the outside.
    assert same == ({frozenset((tiles.VOID, tiles.EMPTY))} if skin == "arcade" else set())


def test_walls_join_without_a_break():
    """On both sides of the border between two joined walls lie the same pixels."""
    cells = cut(paint_codes(np.arange(tiles.WALL, tiles.WALL + 16, dtype=np.uint8)[None, None]))
    for mask in range(16):
        edges = {"left": cells[mask, :, 0], "right": cells[mask, :, -1], "up": cells[mask, 0], "down": cells[mask, -1]}
        for bit, (side, edge) in enumerate(edges.items()):
            if mask >> bit & 1:
                other = {"left": cells[2, :, -1], "right": cells[1, :, 0], "up": cells[8, -1], "down": cells[4, 0]}[
                    side
                ]
                np.testing.assert_array_equal(edge, other)
                assert edge.any()
            else:
                assert not edge.any()


@pytest.mark.parametrize("task", list(TASKS))
def test_pictures_are_made_of_the_tiles_that_the_codes_name(task):
    atlas = cut(paint_codes(np.arange(NUM_TILES, dtype=np.uint8)[None, None]))
    for state in played(task):
        codes = tile_codes(state, 7)
        pictures = paint(state)
        assert pictures.shape == (64, 84, 84, 3)
        np.testing.assert_array_equal(cut(pictures), atlas[codes.reshape(-1)])


@pytest.mark.parametrize("task", list(TASKS))
def test_the_window_is_cut_from_the_whole_board(task):
    for state in played(task, steps=20):
        whole = tile_codes(state, None)
        codes = tile_codes(state, 7)
        padded = np.pad(whole, ((0, 0), (3, 3), (3, 3)), constant_values=tiles.VOID)
        for game, (row, col) in enumerate(state.player):
            np.testing.assert_array_equal(codes[game], padded[game, row : row + 7, col : col + 7])


def test_each_tile_says_what_it_shows():
    said = {
        tile: {PLANES[plane] for plane in np.flatnonzero(row)}
        for tile, row in enumerate(planes_of(np.arange(NUM_TILES)))
    }
    assert said[tiles.VOID] == {"void"}
    assert said[tiles.EMPTY] == set()
    assert said[tiles.WALL] == {"wall"}
    assert said[tiles.WALL + 1 + 8] == {"wall", "wall_left", "wall_down"}
    assert said[tiles.GHOST + 4 * 2 + 3] == {"inky", "heading_down"}
    assert said[tiles.FRIGHT_ENDS] == {"frightened", "fright_ends"}
    assert said[tiles.EYES] == {"eyes", "heading_left"}
    assert said[tiles.PLAYER + 1] == {"player", "heading_right"}
    assert said[tiles.CAUGHT] == {"player", "caught"}
    assert said[tiles.ON_FLAG] == {"player", "flag"}
    assert len({frozenset(words) for words in said.values()}) == NUM_TILES  # no two tiles say the same


def test_few_tiles_are_in_use():
    seen = {int(code) for task in TASKS for state in played(task) for code in np.unique(tile_codes(state, 7))}
    assert 30 < len(seen) <= NUM_TILES <= 80


def test_other_window_sizes():
    state = board(SCENE)
    for view in (3, 5, 9):
        assert paint(state, view).shape == (1, 12 * view, 12 * view, 3)
    np.testing.assert_array_equal(tile_codes(state, 9)[:, 1:-1, 1:-1], tile_codes(state, 7))
