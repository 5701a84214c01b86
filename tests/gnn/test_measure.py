"""The ruler: chances against frequencies, a perfect model against itself, foragers against plain searches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.envs.boards import board
from tests.gnn.graph_games import games, steps, untrained
from worldsim.envs.pacman.planes import board_planes, with_ways_home
from worldsim.envs.pacman.rules import MOVES, advance
from worldsim.envs.pacman.task import make_task
from worldsim.gnn.baselines import BASELINES, Baseline, NodePredictor
from worldsim.gnn.board import decode
from worldsim.gnn.chance import entropy, ghost_chances
from worldsim.gnn.forager import FAR, distances, forager, nearest_food, scores
from worldsim.gnn.measure import channels, copied, likeliest, nats, one_step, play, roll_out
from worldsim.gnn.transitions import TransitionBatch
from worldsim.protocol import State


@pytest.mark.parametrize("task", ["arcade", "flag"])
def test_chances_are_frequencies(task: str) -> None:
    state, each = games(task, 30, (9, 9), seed=5), 1500
    actions = np.arange(30) % 5
    chances = ghost_chances(state, actions, make_task(task, 9))
    np.testing.assert_allclose(chances.sum(-1), 1)
    many = state.take(np.repeat(np.arange(30), each))
    many.seed = np.arange(len(many), dtype=np.uint64)
    before = many.ghosts.copy()
    advance(many, np.repeat(actions, each), make_task(task, 9))
    went = ((many.ghosts - before)[..., None, :] == MOVES).all(-1).argmax(-1).reshape(30, each, -1)
    for action in range(5):
        np.testing.assert_allclose((went == action).mean(1), chances[..., action], atol=0.06)
    assert ((chances.max(-1) < 1).mean() > 0.5) == (task == "flag")


def test_entropy_of_known_distributions() -> None:
    np.testing.assert_allclose(entropy(np.array([[1.0, 0, 0], [0.5, 0.5, 0]])), [0, np.log(2)])


def test_a_perfect_model_is_perfect_and_a_copy_is_not() -> None:
    played = play((8, 9), 30, 12, pellets=0)
    wrong = one_step(copied, played)
    frames = iter(played.planes[1:])

    def perfect(state: State, action: Tensor) -> State:
        return decode(torch.from_numpy(next(frames)))

    right = roll_out(perfect, played, (1, 5))
    assert [share for share, _ in right.values()] == [1.0, 1.0]
    assert [share for share, _ in roll_out(copied, played, (1, 5)).values()] == [0.0, 0.0]
    assert wrong["pellets"] == 1.0
    assert wrong["exact"] < 0.1
    assert wrong["exact_all"] == 0.0
    assert wrong["n"] == sum(running.sum() for running in played.running)  # nothing is left to chance


def test_one_wrong_ghost_is_seen() -> None:
    state = decode(steps().before)
    other = {**state, "ghost": state["ghost"].clone()}
    other["ghost"][3, 2] += 1
    right = channels(other, state)
    assert [name for name, value in right.items() if not value.all()] == ["ghost"]
    assert (~right["ghost"]).nonzero().tolist() == [[3]]


def test_nats_of_the_rules_are_their_entropy_on_average() -> None:
    found = nats(untrained().transition, play((9, 9), 60, 30, task="flag"))
    assert abs(found["rules"] - found["entropy"]) < 0.1 * found["entropy"]
    assert found["model"] > found["rules"] + 1  # it has learned nothing
    steps_of = likeliest(untrained().transition)
    assert one_step(steps_of, play((9, 9), 10, 3))["exact_all"] == 0.0


@pytest.mark.parametrize("kind", BASELINES)
def test_baselines_predict_states_and_learn(kind: Baseline) -> None:
    torch.manual_seed(0)
    played = steps("arcade", 40)
    before, after = decode(played.before), decode(played.after)
    net = NodePredictor(kind, (12, 13), hidden=16)
    batch = TransitionBatch(before, played.action, after, played.reward)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    first = None
    for _ in range(20):
        loss, _ = net.loss(batch, torch.Generator(), "model")
        first = first or float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.8 * first
    with torch.no_grad():
        guess = net.predict(before, played.action)
    assert {name: value.shape for name, value in guess.items()} == {n: v.shape for n, v in before.items()}
    assert channels(guess, after)["player"].shape == (40,)


SCENE = """
#########
#P .#  .#
# # # # #
#  0    #
#########
"""


def test_distances_and_foragers() -> None:
    state = with_ways_home(board(SCENE, headings=">"))
    planes = board_planes(state)
    open_cells = ~state.walls
    found = distances(state.food, open_cells)
    assert found[0, 1, 1] == 2
    assert found[0, 3, 4] == 3
    assert found[0, 0, 0] == FAR
    assert distances(state.food, open_cells, limit=1)[0, 1, 1] == FAR
    rng = np.random.default_rng(0)
    assert nearest_food(planes, rng).tolist() == [2]
    near = board("#######\n#.P 0.#\n#######")
    toll = scores(board_planes(with_ways_home(near)), careful=True)[0]
    assert toll[1] < toll[0] < toll[2]  # away from the ghost, not past it
    assert toll[3] == toll[4] == 1e6
    chosen = forager(np.repeat(planes, 2000, 0), rng)
    assert set(chosen.tolist()) == {0, 1, 2, 3, 4}  # one of ten is drawn
