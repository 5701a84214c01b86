"""The rules on boards drawn by hand, and how games begin over many seeds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.envs.boards import board
from worldsim.envs.pacman import rules
from worldsim.envs.pacman.maze import steps_from
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import TASKS, make_task
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Action, Mode, Outcome
from worldsim.errors import BadInput

ARCADE, FLAG, MAZE = TASKS["arcade"], TASKS["flag"], TASKS["maze"]
ROOM = """
#########
#       #
# . P o #
#      .#
#########
"""


def act(state, action, task=ARCADE):
    return float(rules.advance(state, np.array([int(action)]), task)[0])


def begin(task, count=300):
    return rules.begin(row_seeds(0, count), np.zeros(count, dtype=np.int64), task)


def test_the_action_table():
    assert [action.name for action in Action] == ["STAY", "LEFT", "RIGHT", "UP", "DOWN"]
    assert MOVES.tolist() == [[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]]
    np.testing.assert_array_equal(MOVES + MOVES[OPPOSITE], 0)


@pytest.mark.parametrize("action", list(Action))
def test_the_player_moves_by_one_cell(action):
    state = board(ROOM, heading="<")
    act(state, action)
    assert state.player[0].tolist() == (np.array([2, 4]) + MOVES[action]).tolist()
    assert state.heading[0] == (action or Action.LEFT)


def test_a_move_into_a_wall_is_a_stay_and_does_not_turn_the_player():
    state = board("#####\n#.P.#\n#####", heading="<")
    assert act(state, Action.UP) == 0
    assert (state.player[0].tolist(), state.heading[0], state.age[0]) == ([1, 2], Action.LEFT, 1)


def test_food_and_pellets_are_eaten_once():
    state = board(ROOM)
    assert [act(state, move) for move in (Action.LEFT, Action.LEFT, Action.LEFT, Action.RIGHT)] == [0, 10, 0, 0]
    assert [act(state, Action.RIGHT) for _ in range(5)] == [0, 0, 0, 50, 0]
    assert state.score[0] == 60
    assert (state.food.sum(), state.pellets.sum()) == (1, 0)
    assert [act(state, move, FLAG) for move in (Action.DOWN,)] == [0.5]


def test_clearing_the_board_ends_the_arcade_task_only():
    for task, outcome in ((ARCADE, Outcome.CLEARED), (FLAG, Outcome.RUNNING), (MAZE, Outcome.RUNNING)):
        state = board("#####\n#.P #\n#####")
        act(state, Action.STAY, task)
        assert state.outcome[0] == Outcome.RUNNING
        act(state, Action.LEFT, task)
        assert state.outcome[0] == outcome


def test_the_flag_ends_the_episode():
    state = board("#####\n#FP.#\n#####")
    assert act(state, Action.LEFT, FLAG) == 1
    assert state.outcome[0] == Outcome.FLAG
    assert act(state, Action.RIGHT, FLAG) == 0  # a game that is over stands still
    assert (state.player[0].tolist(), state.age[0], state.score[0]) == ([1, 1], 1, 1)


def test_the_40th_step_ends_the_flag_task_unless_the_flag_is_reached_in_it():
    late, last = board("#####\n#FP.#\n#####", age=38), board("#####\n#FP.#\n#####", age=39)
    assert (act(late, Action.STAY, FLAG), late.outcome[0]) == (0, Outcome.RUNNING)
    assert (act(late, Action.STAY, FLAG), late.outcome[0], late.age[0]) == (-1, Outcome.LATE, 40)
    assert (act(last, Action.LEFT, FLAG), last.outcome[0]) == (1, Outcome.FLAG)


@pytest.mark.parametrize(("task", "points"), [(ARCADE, 0), (FLAG, -1)])
def test_running_into_a_ghost_catches_the_player_so_nobody_swaps(task, points):
    state = board("########\n#  P0 .#\n########", headings="<")
    assert act(state, Action.RIGHT, task) == points
    assert (state.outcome[0], state.player[0].tolist(), state.ghosts[0, 0].tolist()) == (
        Outcome.CAUGHT,
        [1, 4],
        [1, 4],
    )


def test_a_ghost_catches_where_it_arrives():
    state = board("########\n#  P0 .#\n########", headings="<")
    act(state, Action.STAY)
    assert (state.outcome[0], state.ghosts[0, 0].tolist()) == (Outcome.CAUGHT, [1, 3])


def test_whoever_is_caught_on_food_or_on_the_flag_has_not_eaten():
    state = board("########\n#  PF .#\n########")
    state.ghosts = np.array([[[1, 4]]])
    state.ghost_headings, state.ghost_modes = np.array([[1]]), np.array([[0]])
    state.homes, state.home_steps = np.array([[[1, 1]]]), np.zeros((1, 1, 3, 8), dtype=np.uint8)
    state.food[0, 1, 4] = True
    assert act(state, Action.RIGHT, FLAG) == -1
    assert (state.outcome[0], state.food[0, 1, 4]) == (Outcome.CAUGHT, True)


def test_food_is_eaten_before_a_ghost_arrives():
    state = board("########\n# P.0 .#\n########", headings="<")
    assert act(state, Action.RIGHT, FLAG) == 0.5 - 1  # in a corridor the ghost has only one way
    assert state.outcome[0] == Outcome.CAUGHT


def test_frightened_ghosts_are_worth_200_400_800_1600_and_a_pellet_begins_anew():
    state = board("###########\n#P0123   .#\n#        .#\n###########", modes=(Mode.FRIGHTENED,) * 4, fright=25, age=1)
    gains = []
    for ghost in range(4):
        state.age[:] = 1  # an odd age: frightened ghosts stand still
        gains.append(act(state, Action.RIGHT))
        assert state.ghost_modes[0, ghost] == Mode.EATEN
    assert gains == [200, 400, 800, 1600]
    assert state.streak[0] == 4
    state.pellets[0, 2, 5] = True
    assert act(state, Action.DOWN) == 50
    assert state.streak[0] == 0


def test_two_ghosts_eaten_in_one_step():
    state = board("#########\n#P 0   .#\n#########", modes=(Mode.FRIGHTENED,) * 2, fright=9, age=1)
    state.ghosts = np.array([[[1, 2], [1, 2]]])
    state.ghost_headings, state.ghost_modes = np.array([[1, 1]]), np.full((1, 2), int(Mode.FRIGHTENED))
    state.homes = np.array([[[1, 7], [1, 7]]])
    state.home_steps = np.repeat(state.home_steps, 2, 1)
    assert act(state, Action.RIGHT) == 600


def test_a_pellet_eaten_under_a_ghosts_nose_makes_it_food():
    state = board("########\n#P o0 .#\n########", headings="<")
    state.player[0] = (1, 2)
    assert act(state, Action.RIGHT) == 50
    assert state.outcome[0] == Outcome.RUNNING
    assert state.ghost_modes[0, 0] == Mode.FRIGHTENED


def test_arcade_games_begin_as_promised():
    state = begin(ARCADE)
    assert state.ghosts.shape == (300, 4, 2)
    corners = [[1, 12], [1, 1], [12, 12], [12, 1]]
    assert (state.ghosts == corners).all()
    assert (state.pellets.sum((1, 2)) == 4).all()
    for rows in (slice(0, 7), slice(7, 14)):
        for cols in (slice(0, 7), slice(7, 14)):
            assert (state.pellets[:, rows, cols].sum((1, 2)) == 1).all()
    games = np.arange(300)
    expected = ~state.walls & ~state.pellets
    expected[games, state.player[:, 0], state.player[:, 1]] = False
    np.testing.assert_array_equal(state.food, expected)
    assert ((state.player >= 5) & (state.player <= 8)).all()
    assert (state.flag == -1).all()
    assert np.ptp(state.player, axis=0).min() == 3


def test_flag_games_begin_as_promised():
    state = begin(FLAG, 1000)
    games = np.arange(1000)
    steps = steps_from(state.player, state.walls)
    far = steps[games, state.flag[:, 0], state.flag[:, 1]]
    assert (far.min(), far.max()) == (4, 24)
    near = steps[games[:, None], state.ghosts[..., 0], state.ghosts[..., 1]]
    assert near.shape == (1000, 3)
    assert near.min() == 5
    assert near.max() < 255
    assert not state.pellets.any()
    assert not state.food[games, state.player[:, 0], state.player[:, 1]].any()
    assert not state.food[games, state.flag[:, 0], state.flag[:, 1]].any()
    free = (~state.walls).sum() - 2 * 1000
    assert abs(state.food.sum() / free - 0.5) < 0.01
    apart = np.sort(state.ghosts[..., 0] * 14 + state.ghosts[..., 1], axis=1)
    assert (np.diff(apart, axis=1) > 0).all()  # no two ghosts on one cell
    assert not (state.ghosts == state.flag[:, None]).all(-1).any()


def test_maze_games_hold_walls_and_the_player_only():
    state = begin(MAZE)
    assert not (state.food | state.pellets).any()
    assert state.ghosts.shape == (300, 0, 2)
    assert (state.flag == -1).all()
    rewards = rules.advance(state, np.ones(300, dtype=np.int64), MAZE)
    assert not rewards.any()


@pytest.mark.parametrize("task", list(TASKS.values()), ids=list(TASKS))
def test_nobody_begins_in_a_wall_and_everybody_faces_a_free_cell(task):
    state = begin(task)
    games = np.arange(300)
    assert not state.walls[games, state.player[:, 0], state.player[:, 1]].any()
    ahead = state.player + MOVES[state.heading]
    assert not state.walls[games, ahead[:, 0], ahead[:, 1]].any()
    for ghost in range(task.ghosts):
        ahead = state.ghosts[:, ghost] + MOVES[state.ghost_headings[:, ghost]]
        assert not state.walls[games, state.ghosts[:, ghost, 0], state.ghosts[:, ghost, 1]].any()
        assert not state.walls[games, ahead[:, 0], ahead[:, 1]].any()


@pytest.mark.parametrize("size", [8, 9, 13, 20])
@pytest.mark.parametrize("name", list(TASKS))
def test_other_sizes_play_without_anyone_walking_through_walls(name, size):
    task = make_task(name, board=size, ghosts=4, pellets=4)
    state = begin(task, 60)
    rng = np.random.default_rng(0)
    games = np.arange(60)
    for _ in range(60):
        player, ghosts = state.player.copy(), state.ghosts.copy()
        rules.advance(state, rng.integers(0, 5, 60), task)
        assert np.abs(state.player - player).sum(1).max() <= 1
        assert np.abs(state.ghosts - ghosts).sum(2).max() <= 1
        assert not state.walls[games, state.player[:, 0], state.player[:, 1]].any()
        assert not state.walls[games[:, None], state.ghosts[..., 0], state.ghosts[..., 1]].any()


def test_score_is_the_sum_of_rewards():
    state = begin(ARCADE, 100)
    rng = np.random.default_rng(0)
    total = sum(rules.advance(state, rng.integers(0, 5, 100), ARCADE) for _ in range(80))
    np.testing.assert_array_equal(state.score, total)
    assert total.max() > 100


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"name": "tetris"}, "expected task 'arcade'"),
        ({"board": 7}, "8 to 40"),
        ({"board": 41}, "8 to 40"),
        ({"ghosts": 5}, "0 to 4 ghosts"),
        ({"pellets": -1}, "0 to 4 power pellets"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes, said):
    with pytest.raises(BadInput, match=said):
        make_task(**{"name": "flag", **sizes})
