"""C-SWM: block pushing, its loss against the formula, ranks of known answers, the world's contract."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from worldsim.errors import BadInput
from worldsim.gnn.cswm.games import Stretches, stretches
from worldsim.gnn.cswm.model import CSWM, CSWMConfig
from worldsim.gnn.cswm.ranking import rank
from worldsim.gnn.cswm.shapes import SHAPES, SIDE, draw, push, random_episodes
from worldsim.gnn.cswm.world import CSWMWorld
from worldsim.testing import check_world_model

SMALL = CSWMConfig(hidden=16, bank=12)


def test_pushed_shapes_move_by_a_cell_and_stop_at_edges_and_at_each_other() -> None:
    cells = np.array([[0, 1, 12, 20, 24]])
    up, right, down, left = range(4)
    for shape, direction, goal in (
        (0, up, 0),
        (0, right, 0),
        (0, down, 5),
        (1, right, 2),
        (2, left, 11),
        (4, down, 24),
    ):
        assert push(cells, np.array([4 * shape + direction]))[0, shape] == goal
    data = random_episodes(40, 30, seed=0)
    assert all(len(set(row)) == SHAPES for row in data.cells.reshape(-1, SHAPES).tolist())
    moved = (data.cells[:, 1:] != data.cells[:, :-1]).sum(-1)
    assert set(moved.ravel().tolist()) == {0, 1}
    pushed = data.actions // 4
    others = np.arange(SHAPES) != pushed[..., None]
    assert (data.cells[:, 1:][others] == data.cells[:, :-1][others]).all()


def test_pictures_show_each_shape_in_its_cell() -> None:
    cells = np.array([[0, 6, 12, 18, 24], [24, 18, 12, 6, 0]])
    frames = draw(cells)
    assert frames.shape == (2, 50, 50, 3)
    lit = frames.reshape(2, SIDE, 10, SIDE, 10, 3).any((2, 4, 5)).reshape(2, -1)
    assert [np.flatnonzero(row).tolist() for row in lit] == [[0, 6, 12, 18, 24]] * 2
    first, last = frames[0, :10, :10], frames[1, 40:, 40:]
    assert (first == last).all()
    assert not (first == frames[1, :10, :10]).all()


def test_the_loss_is_the_formula() -> None:
    torch.manual_seed(0)
    model = CSWM(SMALL).eval()
    data = random_episodes(6, 1, seed=1)
    before, after = (torch.from_numpy(draw(data.cells[:, t])) for t in (0, 1))
    action, other = torch.from_numpy(data.actions[:, 0]), torch.tensor([1, 2, 3, 4, 5, 0])
    loss, _ = model.loss(before, action, after, other)
    z, then = model.encode(before), model.encode(after)
    near = ((model(z, action) - then) ** 2).sum((1, 2)) / SHAPES / (2 * 0.5**2)
    far = (1 - ((z[other] - then) ** 2).sum((1, 2)) / SHAPES / (2 * 0.5**2)).clamp(min=0)
    torch.testing.assert_close(loss, near.mean() + far.mean())


def test_slots_are_a_graph_without_an_order() -> None:
    """Exchange two slots and the action with them: the result is exchanged."""
    torch.manual_seed(0)
    model = CSWM(SMALL)
    z = torch.randn(3, 5, 2)
    swap = torch.tensor([0, 3, 2, 1, 4])
    action, swapped = torch.tensor([4, 13, 2]), torch.tensor([12, 5, 2])  # shape 1 <-> shape 3
    torch.testing.assert_close(model(z[:, swap], swapped), model(z, action)[:, swap], rtol=0, atol=1e-6)
    assert not torch.allclose(model(z, action), model(z, swapped), atol=1e-4)


def test_ranks_of_known_answers() -> None:
    real = torch.tensor([[0.0], [1.0], [2.0], [2.0]])
    state = torch.tensor([7, 8, 9, 9])
    perfect = rank(real, real, state)
    assert (perfect.hits, perfect.reciprocal, perfect.n, perfect.among) == (1.0, 1.0, 4, 3)  # doubles are one candidate
    off = rank(torch.tensor([[0.1], [1.9], [1.6], [0.0]]), real, state)
    assert off.hits == 0.5
    assert off.reciprocal == pytest.approx((1 + 1 / 2 + 1 + 1 / 3) / 4)
    tied = rank(torch.zeros(2, 1), torch.zeros(2, 1), torch.tensor([0, 1]))
    assert tied.hits == 0.0  # a model that maps everything to one point knows nothing


def test_stretches_are_real_play_that_no_ending_cuts() -> None:
    found = stretches("WorldSim/PacManMaze-v0", 5, 4, seed=0)
    assert found.frames.shape == (5, 5, 84, 84, 3)
    assert found.actions.shape == (5, 4)
    again = stretches("WorldSim/PacManMaze-v0", 5, 4, seed=0)
    assert (again.frames == found.frames).all()
    assert (stretches("WorldSim/PacManMaze-v0", 5, 4, seed=1).frames != found.frames).any()
    still = found.actions == 0
    unlike = (found.frames[:, 1:] != found.frames[:, :-1]).any((2, 3, 4))
    assert not unlike[still].any()  # a maze without ghosts: who stands still sees the same
    assert unlike[~still].any()


def test_pictures_have_one_number_where_they_are_equal() -> None:
    frames = np.zeros((4, 2, 3, 3, 3), np.uint8)
    frames[1, 1, 0, 0, 0] = frames[3, 1, 0, 0, 0] = 9
    number = Stretches(frames, np.zeros((4, 1), np.int64)).numbers(1)
    assert number[0] == number[2] != number[1] == number[3]


def test_it_keeps_the_contract_and_retrieves_frames_that_it_has() -> None:
    torch.manual_seed(0)
    world = CSWMWorld(SMALL).eval().requires_grad_(False)
    frames = torch.from_numpy(draw(random_episodes(12, 0, seed=3).cells[:, 0]))
    world.remember(frames)
    assert torch.equal(world.render(world.start(frames, torch.zeros(12, 0))), frames)
    check_world_model(world, frames)


def test_what_does_not_fit_is_one_line() -> None:
    with pytest.raises(BadInput, match="multiples of 10"):
        CSWM(CSWMConfig(frame_shape=(84, 84, 3)))
    with pytest.raises(BadInput, match="5 slots share alike"):
        CSWM(CSWMConfig(actions=7))
    with pytest.raises(BadInput, match="frames to keep"):
        CSWMWorld(SMALL).remember(torch.zeros(2, 50, 50, 3, dtype=torch.uint8))
