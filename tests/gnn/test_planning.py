"""Planning: plans that hold their actions, the best of them, and searches that see what a game would do."""

from __future__ import annotations

import numpy as np
import torch

from tests.envs.boards import board
from tests.gnn.graph_games import games, untrained
from worldsim.checkpoint import World
from worldsim.envs.pacman.planes import with_ways_home
from worldsim.envs.pacman.task import make_task
from worldsim.gnn.boards import on_board
from worldsim.gnn.planning import DreamPlanner, RulesPlanner, Shooting, play_out

SCENE = """
#########
#.  P   #
# # # # #
#      0#
#########
"""


def test_plans_hold_their_actions_and_never_stand_still() -> None:
    plans = Shooting(candidates=500, length=10, hold=0.7).plans(4, np.random.default_rng(0))
    assert plans.shape == (10, 2000)
    assert set(plans.ravel().tolist()) == {1, 2, 3, 4}
    held = (plans[1:] == plans[:-1]).mean()
    assert abs(held - (0.7 + 0.3 / 4)) < 0.02


def test_the_best_plan_earns_most_and_without_any_food_ends_nearest_to_it() -> None:
    state = with_ways_home(board(SCENE, headings=">"))
    shooting = Shooting(candidates=3, length=2)
    plans = np.array([[1, 2, 4], [1, 2, 4]])
    ends = np.array([[1, 2], [1, 6], [1, 4]])
    assert shooting.best(state, plans, np.array([0.0, 0.0, 0.0]), ends).tolist() == [1]
    assert shooting.best(state, plans, np.array([0.0, 0.0, 10.0]), ends).tolist() == [4]
    assert shooting.best(state, plans, np.array([-500.0, 0.0, -500.0]), ends).tolist() == [2]


def test_the_search_in_the_rules_goes_for_the_food_and_lives() -> None:
    task = make_task("arcade", (9, 9), 2)
    score, lived = play_out(RulesPlanner(task, Shooting(40, 8)), task, 6, 25)
    chance, dead = play_out(lambda state, rng: rng.integers(0, 5, len(state)), task, 6, 25)
    assert score.mean() > 2 * chance.mean()
    assert lived.mean() >= dead.mean()


def test_the_dream_is_put_where_the_game_is_and_the_game_stays() -> None:
    """On a board that the world has no opening of."""
    model = untrained()
    world = on_board(World("graph", model, None, {}, "graph"), 10, 12, count=1)  # type: ignore[arg-type]
    planner = DreamPlanner(world, 3, Shooting(candidates=5, length=2))
    state = games("arcade", 3, (10, 12), seed=4)
    before = state.copy()
    actions = planner(state, np.random.default_rng(0))
    assert set(actions.tolist()) <= {1, 2, 3, 4}
    for name in ("player", "ghosts", "food", "seed"):
        assert np.array_equal(getattr(state, name), getattr(before, name)), name
    dreamed = planner.dream.get_state().state
    assert dreamed["cell"].shape == (15, 10, 12)
    walls = torch.from_numpy(before.walls).repeat_interleave(5, 0)
    assert torch.equal(dreamed["cell"] == 1, walls)
    same = planner(before, np.random.default_rng(0))
    assert np.array_equal(same, actions)
