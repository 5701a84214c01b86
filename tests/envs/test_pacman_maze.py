"""Mazes: what is promised of every one of them, over many seeds and sizes; distances against a plain search."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from worldsim.envs.pacman.maze import UNREACHED, mazes, steps_from
from worldsim.envs.pacman.rules import begin
from worldsim.envs.pacman.streams import bits, episode_keys, row_seeds, step_keys, uniforms
from worldsim.envs.pacman.task import make_task


def keys(count: int):
    return episode_keys(row_seeds(0, count), np.zeros(count, dtype=np.int64))


def exits(free: np.ndarray) -> np.ndarray:
    """How many neighbours of each cell are free."""
    padded = np.pad(free, ((0, 0), (1, 1), (1, 1))).astype(int)
    return padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]


@pytest.mark.parametrize(("board", "count"), [(14, 400), (8, 300), (9, 300), (21, 40), (40, 4)])
def test_every_maze_is_connected_without_dead_ends_with_loops_and_narrow_corridors(board, count):
    free = ~mazes(keys(count), board)
    assert free.shape == (count, board, board)
    assert not free[:, [0, -1]].any()  # a border of walls
    assert not free[:, :, [0, -1]].any()
    assert (exits(free)[free] >= 2).all()  # no dead ends
    blocks = free[:, 1:, 1:] & free[:, :-1, 1:] & free[:, 1:, :-1] & free[:, :-1, :-1]
    assert not blocks.any()  # one cell wide
    steps = steps_from(np.ones((count, 2), dtype=int), ~free)
    assert ((steps < UNREACHED) == free).all()  # connected, and the corner (1, 1) is free
    passages = (free[:, 1:] & free[:, :-1]).sum((1, 2)) + (free[:, :, 1:] & free[:, :, :-1]).sum((1, 2))
    assert (passages >= free.sum((1, 2))).all()  # a tree would have one passage less than cells


def test_mazes_differ_and_reach_all_four_corners():
    walls = mazes(keys(300), 14)
    assert len({maze.tobytes() for maze in walls}) == 300
    for row in (1, 12):
        for col in (1, 12):
            assert not walls[:, row, col].any()
    # The long gap lies anywhere: of the 144 inner cells few are always a wall; a corner has two exits, always free.
    share = walls[:, 1:-1, 1:-1].mean(0)
    assert (share == 1).sum() <= 20
    assert (share == 0).sum() == 4 * 5


def test_a_maze_depends_on_its_own_key_alone():
    together = mazes(keys(50), 14)
    for row in (0, 7, 49):
        np.testing.assert_array_equal(mazes(keys(50)[row : row + 1], 14)[0], together[row])


def test_steps_from_agrees_with_a_breadth_first_search():
    walls = mazes(keys(5), 14)
    starts = np.array([np.argwhere(~maze)[3 * i] for i, maze in enumerate(walls)])
    for maze, start, steps in zip(walls, starts, steps_from(starts, walls), strict=True):
        expected = np.full(maze.shape, UNREACHED)
        expected[tuple(start)] = 0
        queue = deque([tuple(start)])
        while queue:
            row, col = queue.popleft()
            for cell in ((row, col - 1), (row, col + 1), (row - 1, col), (row + 1, col)):
                if not maze[cell] and expected[cell] == UNREACHED:
                    expected[cell] = expected[row, col] + 1
                    queue.append(cell)
        np.testing.assert_array_equal(steps, expected)


def test_steps_from_stops_at_its_limit():
    walls = mazes(keys(3), 14)
    start = np.ones((3, 2), dtype=int)
    full, near = steps_from(start, walls), steps_from(start, walls, limit=5)
    np.testing.assert_array_equal(near, np.where(full <= 5, full, UNREACHED))


def test_random_numbers_are_uniform_and_unrelated_between_rows_steps_and_purposes():
    first = step_keys(keys(2000), np.zeros(2000, dtype=int))
    next_step = step_keys(keys(2000), np.ones(2000, dtype=int))
    samples = [uniforms(first, 1, 8), uniforms(first, 2, 8), uniforms(next_step, 1, 8)]
    for sample in samples:
        assert sample.min() >= 0
        assert sample.max() < 1
        assert abs(sample.mean() - 0.5) < 0.01
        assert abs(sample.var() - 1 / 12) < 0.003
    flat = np.stack([sample.ravel() for sample in samples] + [np.roll(samples[0], 1, 0).ravel()])
    assert np.abs(np.corrcoef(flat) - np.eye(4)).max() < 0.03
    assert len(np.unique(bits(first, 3, 8))) == 16000


def test_seeds_of_any_size_name_a_stream():
    assert row_seeds(2**64 - 1, 2).tolist() == [2**64 - 1, 0]
    assert row_seeds(5, 3).tolist() == [5, 6, 7]


@pytest.mark.parametrize("shape", [(31, 28), (8, 13), (14, 9)])
def test_boards_may_be_longer_than_wide(shape):
    walls = mazes(keys(20), shape)
    assert walls.shape == (20, *shape)
    assert (exits(~walls)[~walls] >= 2).all()
    steps = steps_from(np.ones((20, 2), dtype=int), walls)
    assert ((steps < UNREACHED) == ~walls).all()
    # Turned over, there are as many corridors: no side is treated as if it were the other.
    assert abs(mazes(keys(200), shape).mean() - mazes(keys(200), shape[::-1]).mean()) < 0.01


@pytest.mark.parametrize("task", ["arcade", "flag"])
def test_a_game_on_a_board_longer_than_wide(task):
    games = begin(row_seeds(0, 50), np.zeros(50, dtype=np.int64), make_task(task, (31, 28)))
    assert games.walls.shape == (50, 31, 28)
    inside = ~games.walls[np.arange(50)[:, None], games.homes[..., 0], games.homes[..., 1]]
    assert inside.all()
    if task == "arcade":
        assert games.homes[0].tolist() == [[1, 26], [1, 1], [29, 26], [29, 1]]
        assert (abs(games.player - [15, 14]) <= 2).all()
        assert games.pellets.sum((1, 2)).tolist() == [4] * 50
