"""WorldSim/PacManGraph-v0: planes tell the whole truth, rows are single games, games may begin anywhere."""

from __future__ import annotations

from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import worldsim  # noqa: F401  (registers the ids)
from worldsim.envs.pacman.graph import PacManGraphEnv, PacManGraphVectorEnv
from worldsim.envs.pacman.planes import board_planes, outside, state_of
from worldsim.envs.pacman.rules import advance
from worldsim.envs.pacman.types import MOVES, Mode
from worldsim.errors import BadInput
from worldsim.testing import check_vector_env

TRUTH = (
    *("walls", "food", "pellets", "flag", "player", "heading", "ghosts", "ghost_headings", "ghost_modes", "homes"),
    *("home_steps", "fright", "streak", "outcome"),
)


@pytest.mark.parametrize("task", ["arcade", "flag", "maze"])
@pytest.mark.parametrize("anywhere", [False, True])
def test_planes_tell_the_whole_truth(task: str, anywhere: bool) -> None:
    envs = PacManGraphVectorEnv(30, task, 9, 12, observation="board", anywhere=anywhere, max_episode_steps=60)
    planes, rng = envs.reset(seed=3)[0], np.random.default_rng(0)
    for _ in range(70):
        told, truth = state_of(planes), envs.state
        for name in TRUTH:
            np.testing.assert_array_equal(getattr(told, name), getattr(truth, name), err_msg=name)
        np.testing.assert_array_equal(told.clock, np.minimum(truth.clock, 255))
        np.testing.assert_array_equal(told.age[truth.age < 256], truth.age[truth.age < 256])
        planes = envs.step(rng.integers(0, 5, 30))[0]


def test_a_padded_board_goes_on_as_it_would_without() -> None:
    """Far into a game, where clock and age no longer fit into a byte."""
    envs = PacManGraphVectorEnv(200, "arcade", 9, 9, pellets=0, observation="board")
    envs.reset(seed=0)
    truth = envs.state
    truth.age[:], truth.clock[:] = 301, 300
    planes = board_planes(truth, (11, 14))
    assert outside(planes).sum() == 200 * (11 * 14 - 81)
    told = state_of(planes)
    actions = np.arange(200) % 5
    for _ in range(9):
        np.testing.assert_array_equal(advance(told, actions, envs.game.task), advance(truth, actions, envs.game.task))
        np.testing.assert_array_equal(told.ghosts, truth.ghosts)  # no chance without a pellet


def test_gymnasium_accepts_it() -> None:
    for observation in ("graph", "board"):
        check_env(PacManGraphEnv(rows=9, cols=10, observation=observation), skip_render_check=True)
        made = partial(PacManGraphVectorEnv, rows=9, cols=8, observation=observation)
        check_vector_env(made(4), made, steps=120)


def test_final_observations_show_the_end() -> None:
    envs = PacManGraphVectorEnv(64, rows=8, cols=8, observation="board")
    envs.reset(seed=0)
    ends = []
    for _ in range(30):
        before = envs.state
        _, _, terminated, _, info = envs.step(np.full(64, 2))
        for row in np.flatnonzero(terminated):
            ends.append(int(state_of(info["final_obs"][row][None]).outcome[0]))
            assert (info["final_obs"][row][..., 0] == 2).sum() == (~before.walls[row]).sum()
        assert (envs.state.outcome == 0).all()
    assert len(ends) > 20
    assert min(ends) > 0


def test_games_begin_anywhere() -> None:
    envs = PacManGraphVectorEnv(400, rows=9, cols=11, anywhere=True)
    envs.reset(seed=0)
    state, games = envs.state, np.arange(400)
    for ghost in range(4):
        cell = state.ghosts[:, ghost]
        assert not state.walls[games, cell[:, 0], cell[:, 1]].any()
        ahead = cell + MOVES[state.ghost_headings[:, ghost]]
        assert not state.walls[games, ahead[:, 0], ahead[:, 1]].any()
        assert (abs(cell - state.player).sum(1) > 1).all()
    assert set(np.unique(state.ghost_modes)) == {int(mode) for mode in Mode}
    assert not (state.ghost_modes == Mode.FRIGHTENED)[state.fright == 0].any()
    assert {0, 3} <= set(np.unique(state.streak))
    assert np.histogram(state.clock, 5)[0].min() > 40
    assert (state.streak <= (state.ghost_modes == Mode.EATEN).sum(1)).all()
    envs.reset(seed=0)
    np.testing.assert_array_equal(envs.state.ghosts, state.ghosts)


def test_arguments_out_of_range_are_one_line() -> None:
    for arguments, match in [
        ({"rows": 7}, "8 to 40"),
        ({"observation": "pixels"}, "'graph' or 'board'"),
        ({"pad": (9, 9)}, "at least the board's"),
        ({"nodes": 5}, "may have 108 nodes"),
    ]:
        with pytest.raises(BadInput, match=match):
            gym.make("WorldSim/PacManGraph-v0", **arguments)
