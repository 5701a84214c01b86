"""Ghosts on boards drawn by hand: targets, turns, paces and phases."""

from __future__ import annotations

import numpy as np
import pytest

from tests.envs.boards import board, many
from worldsim.envs.pacman import ghosts, rules
from worldsim.envs.pacman.task import PHASES, TASKS
from worldsim.envs.pacman.types import Action, Mode, Outcome

ARCADE, FLAG = TASKS["arcade"], TASKS["flag"]
OPEN = """
##############
#            #
#            #
# 0   P      #
#            #
#            #
#   1        #
#            #
#            #
#        2   #
#            #
#     3      #
#           .#
##############
"""


def play(state, task, steps=1, action=Action.STAY):
    for _ in range(steps):
        rules.advance(state, np.full(len(state), int(action)), task)
    return state


def moves(state, task=ARCADE):
    return ghosts.moves(state, task, np.zeros(len(state), dtype=np.uint64))


def test_the_four_targets():
    state = board(OPEN, heading=">")  # player (3, 6); ghosts (3, 2), (6, 4), (9, 9), (11, 6)
    blinky, pinky, inky, clyde = ghosts.targets(state)[0].tolist()
    assert blinky == [3, 6]
    assert pinky == [3, 8]  # 2 ahead
    assert inky == [3, 12]  # twice (3, 7) less Blinky's (3, 2)
    assert clyde == [3, 6]  # 8 away: like Blinky


@pytest.mark.parametrize(("row", "target"), [(8, [3, 6]), (7, [12, 1])])
def test_clyde_goes_home_from_4_cells(row, target):
    state = board(OPEN)
    state.ghosts[0, 3] = (row, 6)
    assert ghosts.targets(state)[0, 3].tolist() == target


def test_scatter_sends_each_ghost_to_its_own_corner():
    assert ghosts.targets(board(OPEN, clock=0))[0].tolist() == [[1, 12], [1, 1], [12, 12], [12, 1]]


def test_phases_alternate_and_end_in_chase():
    clock = np.arange(sum(PHASES) + 100)
    expected = np.concatenate(
        [np.full(length, phase % 2 == 0) for phase, length in enumerate(PHASES)] + [np.zeros(100, dtype=bool)]
    )
    np.testing.assert_array_equal(ghosts.scattering(clock), expected)


def test_ghosts_turn_back_when_the_phase_changes_and_only_then():
    state = board(CORRIDOR, headings=">", clock=18)
    play(state, ARCADE)
    assert state.ghosts[0, 0].tolist() == [1, 6]
    play(state, ARCADE)  # the clock reaches 20
    assert (state.ghosts[0, 0].tolist(), state.ghost_headings[0, 0]) == ([1, 7], Action.LEFT)
    play(state, ARCADE)
    assert state.ghosts[0, 0].tolist() == [1, 6]


CORRIDOR = """
##############
#    0       #
# ########## #
# #        # #
# # ###### # #
# # #    # # #
# # # P  # # #
# # #    # # #
# # ###### # #
# #        # #
# ########## #
#           .#
##############
"""


def test_a_ghost_does_not_turn_back_even_if_its_target_is_behind():
    state = board(CORRIDOR, headings=">")  # the player is one column to the right, far below
    for col in (6, 7, 8, 9):
        play(state, ARCADE)
        assert state.ghosts[0, 0].tolist() == [1, col]


def test_nearest_by_the_birds_eye_and_ties_go_up_left_down_right():
    text = """
#########
#       #
# ##### #
# #   # #
#   0   #
# #   # #
# ##### #
#   P   #
#########
"""
    # Down is a dead cell row: (5, 4) is free, nearer to the player at (7, 4).
    assert moves(board(text, headings=">"))[0, 0] == Action.DOWN
    state = board(text, headings="^")
    state.player[0] = (4, 4)  # all four neighbours are equally near
    assert moves(state)[0, 0] == Action.UP
    state.walls[0, 3, 4] = True
    assert moves(state)[0, 0] == Action.LEFT
    state.walls[0, 4, 3] = True
    state.ghost_headings[0, 0] = Action.DOWN
    assert moves(state)[0, 0] == Action.DOWN
    state.walls[0, 5, 4] = True
    assert moves(state)[0, 0] == Action.RIGHT


def test_arcade_ghosts_rest_on_every_8th_step():
    state = board(OPEN)
    rested = []
    for step in range(24):
        state.age[:] = step
        if (moves(state) == Action.STAY).all():
            rested.append(step)
    assert rested == [7, 15, 23]


def test_frightened_ghosts_move_on_every_second_step_and_spread_evenly_without_turning_back():
    state = many(board(OPEN, headings="^^^^", modes=(Mode.FRIGHTENED,) * 4, fright=20), 600)
    keys = np.arange(600, dtype=np.uint64)
    state.age[:] = 1
    assert (ghosts.moves(state, ARCADE, keys) == Action.STAY).all()
    state.age[:] = 2
    counts = np.bincount(ghosts.moves(state, ARCADE, keys).ravel(), minlength=5) / 2400
    assert counts[Action.STAY] == counts[Action.DOWN] == 0
    np.testing.assert_allclose(counts[[1, 2, 3]], 1 / 3, atol=0.04)


def test_a_pellet_turns_the_ghosts_back_and_lasts_30_steps():
    state = board(CORRIDOR.replace(" P ", " Po"), headings=">")
    play(state, ARCADE, action=Action.RIGHT)
    assert state.ghost_modes[0, 0] == Mode.FRIGHTENED
    assert state.ghosts[0, 0].tolist() == [1, 4]  # back, at age 0, a step on which frightened ghosts move
    clock = state.clock.copy()
    play(state, ARCADE, steps=29)
    assert state.ghost_modes[0, 0] == Mode.FRIGHTENED
    assert state.clock == clock  # phases stand still
    play(state, ARCADE)
    assert state.ghost_modes[0, 0] == Mode.NORMAL
    play(state, ARCADE)
    assert state.clock == clock + 1


def test_eyes_take_the_shortest_way_home_one_cell_a_step_and_come_back_to_life():
    state = board(CORRIDOR, headings="<", modes=(Mode.EATEN,), age=2)
    for col in range(6, 12):
        play(state, ARCADE)
        assert (state.ghosts[0, 0].tolist(), state.ghost_modes[0, 0]) == ([1, col], Mode.EATEN)
    play(state, ARCADE)  # the eighth step of the age was no rest for eyes
    assert (state.ghosts[0, 0].tolist(), state.ghost_modes[0, 0]) == ([1, 12], Mode.NORMAL)


def test_eyes_do_not_touch_the_player():
    state = board("#########\n#  0P  .#\n#########", modes=(Mode.EATEN,), headings=">")
    play(state, ARCADE)
    assert state.ghosts[0, 0].tolist() == [1, 4]
    assert state.outcome == Outcome.RUNNING


def test_flag_ghosts_take_the_nearest_cell_six_times_in_ten_and_wander_otherwise():
    state = many(board(OPEN, headings=">>>>"), 5000)
    state.ghosts[:] = (9, 6)  # straight below the player: up is nearest
    state = play(state, FLAG)
    counts = np.bincount(state.ghost_headings.ravel(), minlength=5) / 20000
    wander = 0.4 / 3  # up, right or down, never back to the left
    np.testing.assert_allclose(counts, [0, 0, wander, 0.6 + wander, wander], atol=0.012)


def test_flag_ghosts_turn_back_to_chase():
    state = many(board("###########\n#P  0     #\n###########", headings=">"), 2000)
    play(state, FLAG)
    assert abs((state.ghosts[:, 0, 1] == 3).mean() - 0.6) < 0.04


def test_flag_ghosts_move_in_every_step():
    state = board(OPEN)
    for step in range(16):
        state.age[:] = step
        assert (moves(state, FLAG) != Action.STAY).all()
