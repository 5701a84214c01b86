"""Every number that the environment's docstring states is true, and none is stated that is not looked at here."""

from __future__ import annotations

import re

import gymnasium as gym
import numpy as np

import worldsim  # noqa: F401  (registers the ids)
from worldsim.envs.pacman import maze, task
from worldsim.envs.pacman.env import PacManEnv
from worldsim.envs.pacman.paint import CELL
from worldsim.envs.pacman.types import Action, Outcome

TEXT = " ".join((PacManEnv.__doc__ or "").split())
ARCADE, FLAG, MAZE = (task.TASKS[name] for name in ("arcade", "flag", "maze"))
PHASES = task.PHASES
VIEW = PacManEnv("maze").observation_space.shape[0] // CELL
GRID = PacManEnv("maze", observation="grid").observation_space.shape

# Sentences of the docstring, with the numbers of the program in their places.
SENTENCES = [
    f"a new maze of {ARCADE.board} x {FLAG.board} cells",
    f"The player sees {VIEW} x {VIEW} cells",
    f"within {FLAG.time_limit} steps",
    f"the cell {task.PINKY_AHEAD} ahead of him",
    f"the cell {task.INKY_AHEAD} ahead of him",
    f"from more than {task.CLYDE_SHY} cells away",
    f"scatter to the own corner for {PHASES[0]} steps, chase {PHASES[1]}, scatter {PHASES[2]}, chase {PHASES[3]}, "
    f"scatter {PHASES[4]}, chase {PHASES[5]}, scatter {PHASES[6]}, then chase",
    f"rest on every {task.GHOST_REST}th step",
    f"frightens them for {task.FRIGHT} steps (in the last {task.FRIGHT_ENDING} they turn pale)",
    f"move on every {task.FRIGHTENED_PACE}nd step",
    "move 1 cell in every step",  # test_flag_ghosts_move_in_every_step
    f"with probability {task.CHASE_CHANCE} to the cell nearest",
    f"`Discrete({len(Action)})`: " + ", ".join(f"{action.value} {action.name.lower()}" for action in Action),
    f"`Box(0, 255, ({VIEW * CELL}, {VIEW * CELL}, 3), uint8)`, {CELL} x {CELL} pixels a cell",
    f"`Box(0, 1, {GRID}, uint8)`",
    "`outcome` (" + ", ".join(f"{outcome.value} {outcome.name.lower()}" for outcome in Outcome) + ")",
    "1 where it is true of the cell",  # test_each_tile_says_what_it_shows
    f"| food | {ARCADE.food_points:g} | {FLAG.food_points:g} | |",
    f"| power pellet | {ARCADE.pellet_points:g} | {FLAG.pellet_points:g} | |",
    f"| 1st to 4th ghost eaten after one pellet | {', '.join(f'{points:g}' for points in ARCADE.ghost_points)} | "
    f"{FLAG.ghost_points[0]:g} | |",
    f"| flag | | {FLAG.flag_points:g} | |",
    f"| caught | {ARCADE.caught_points:g} | {FLAG.caught_points:g} | |",
    f"| {FLAG.time_limit}th step | | {FLAG.late_points:g} | |",
    f"{ARCADE.pellets} power pellets, one in each quarter, {ARCADE.ghosts} ghosts in the corners",
    "on one of the 4 x 4 cells in the middle",  # test_arcade_games_begin_as_promised
    f"the flag {task.FLAG_DISTANCE[0]} to {task.FLAG_DISTANCE[1]} steps from the player",
    f"{FLAG.ghosts} ghosts at least {task.GHOST_DISTANCE} steps from him",
    f"the {FLAG.time_limit}th step of the flag task",
    f"after {gym.spec('WorldSim/PacMan-v0').max_episode_steps} steps of `WorldSim/PacMan-v0`, or "
    f"{gym.spec('WorldSim/PacManMaze-v0').max_episode_steps} of `WorldSim/PacManMaze-v0`",
    f"cells along a side of the board, {maze.MIN_BOARD} to {maze.MAX_BOARD}.",
    f"ghosts: 0 to {task.MAX_GHOSTS};",
    "power pellets, 0 to 4;",  # test_sizes_out_of_range_are_refused
    "what the paper reports for its own, -0.2",  # test_a_random_player_scores_like_gamegans
    "GameGAN's Table 1 (Kim et al. 2020, arXiv:2005.12126)",
]


def test_the_sentences_stand_in_the_docstring():
    for sentence in SENTENCES:
        assert sentence in TEXT, sentence


def test_no_number_stands_in_the_docstring_without_a_sentence_here():
    rest = TEXT
    for sentence in SENTENCES:
        rest = rest.replace(sentence, "")
    rest = re.sub(r"WorldSim/\w+-v0|v0: first version", "", rest)
    assert re.findall(r"\d[\d.]*", rest) == []


def test_the_flag_task_has_no_pellets_and_food_on_half_of_the_cells_and_the_maze_has_nothing():
    assert "food on half of the free cells, no pellets" in TEXT
    assert (FLAG.food_share, FLAG.pellets) == (0.5, 0)
    assert (MAZE.ghosts, MAZE.pellets, MAZE.food_share, MAZE.flag_points, MAZE.time_limit) == (0, 0, 0, None, None)


def test_a_random_player_scores_like_gamegans():
    env = gym.make_vec("WorldSim/PacManFlag-v0", num_envs=250, observation="grid")
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    scores: list[list[float]] = [[] for _ in range(250)]
    while min(map(len, scores)) < 4:  # the same number of episodes of every row: short ones are not favoured
        *_, info = env.step(rng.integers(0, 5, 250))
        for row in np.flatnonzero(info.get("_final_info", [])):
            scores[row].append(float(info["final_info"]["score"][row]))
    returns = np.array([row[:4] for row in scores])
    assert abs(returns.mean() - -0.2) < 0.15
    assert 0.5 < returns.std() < 1
