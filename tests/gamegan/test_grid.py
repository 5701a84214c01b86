"""The parts of the small GameGAN: what moves, what is chosen, what is remembered, what is drawn."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.gamegan.sizes import GRID
from worldsim.gamegan.grid.canvas import Canvas
from worldsim.gamegan.grid.choices import Choices, InView
from worldsim.gamegan.grid.kinds import NOTHING
from worldsim.gamegan.grid.movers import Movers, price
from worldsim.gamegan.grid.shift import Shift, shift
from worldsim.gamegan.grid.simulator import GridSimulator
from worldsim.gamegan.simulator import Layers
from worldsim.protocol import State

ALL = torch.ones(1, 1, 3, 3)


def kernel(row: int, col: int) -> Tensor:
    """Takes what lies (row, col) away."""
    out = torch.zeros(1, 9)
    out[0, 3 * (row + 1) + col + 1] = 1
    return out


def test_a_hard_kernel_moves_by_one_cell() -> None:
    grid = torch.randn(1, 2, 4, 5)
    for row, col in ((0, 0), (1, 0), (0, -1), (-1, 1)):
        moved = shift(grid, kernel(row, col))
        rolled = grid.roll((-row, -col), (2, 3))
        inner = moved[:, :, 1:-1, 1:-1]
        assert torch.equal(inner, rolled[:, :, 1:-1, 1:-1])
    assert torch.equal(shift(grid, kernel(0, 1))[:, :, :, -1], torch.zeros(1, 2, 4))  # nothing comes from outside


def test_both_ways_to_shift_are_one() -> None:
    grid, soft = torch.randn(3, 6, 4, 5), torch.randn(3, 9).softmax(1)
    torch.testing.assert_close(Shift(4, 5)(grid, soft), shift(grid, soft))


def test_what_left_the_view_is_found_again() -> None:
    torch.manual_seed(0)
    canvas = Canvas(3, 4, 2)
    with torch.no_grad():
        canvas.write_from.weight[:3] = 0
        canvas.write_from.bias[:3] = 50  # all is overwritten
    seen = torch.randn(1, 4, 3, 3)
    blank = canvas.empty(1, 3, 3, seen.device)
    board, view = canvas.step(blank, seen, kernel(0, 0), ALL)
    written = board[:, :-1, 2:5, 2:5]
    assert view.known.eq(1).all()
    assert not view.back.any()
    board, view = canvas.step(board, seen, kernel(0, 1), ALL)  # to the right: the left column goes out of view
    torch.testing.assert_close(view.held[..., :2], written[..., 1:])
    assert torch.equal(view.held[..., 2], torch.zeros(1, 3, 3))  # never seen
    assert view.known[0, 0].tolist() == [[1, 1, 0]] * 3
    assert not view.back.any()
    with torch.no_grad():
        canvas.write_from.bias[:3] = -50  # nothing is written any more
    _, view = canvas.step(board, seen, kernel(0, -1), ALL)
    torch.testing.assert_close(view.held, written)
    assert view.known.eq(1).all()
    assert view.back[0, 0].tolist() == [[1, 0, 0]] * 3


def test_a_mover_is_not_written_down() -> None:
    canvas = Canvas(3, 4, 2)
    kept = torch.ones(1, 1, 3, 3)
    kept[0, 0, 1, 2] = 0
    board, view = canvas.step(canvas.empty(1, 3, 3, kept.device), torch.randn(1, 4, 3, 3), kernel(0, 0), kept)
    assert not view.held[0, :, 1, 2].any()
    assert torch.equal(view.known, kept)
    _, view = canvas.step(board, torch.randn(1, 4, 3, 3), kernel(0, 0), ALL)
    assert view.known.eq(1).all()  # it has gone on


def test_the_map_is_never_smeared_and_its_move_has_a_gradient() -> None:
    canvas = Canvas(3, 4, 2)
    board = torch.randn(1, 4, 7, 7)
    board[:, 3] = 1
    with torch.no_grad():
        canvas.write_from.bias[:3] = -50  # nothing is written
    soft = (0.6 * kernel(1, 0) + 0.4 * kernel(0, 0)).requires_grad_()
    moved, _ = canvas.step(board, torch.randn(1, 4, 3, 3), soft, ALL)
    torch.testing.assert_close(moved[:, :, :-1], board[:, :, 1:])
    moved.square().sum().backward()
    assert soft.grad is not None
    assert (soft.grad != 0).all()


def choices(options: int = 3, rows: int = 2, cols: int = 2) -> Choices:
    torch.manual_seed(0)
    made = Choices(options, 4, 3, 4, 8, rows, cols)
    with torch.no_grad():
        made.prior_known.weight.normal_(std=0.1)
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def nobody(rows: int = 1, options: int = 3) -> InView:
    """No mover is anywhere."""
    return InView(torch.zeros(rows, options), torch.ones(rows, 1, 2, 2))


def test_what_is_never_together_with_what_is_in_view_does_not_come() -> None:
    """Kind 1 shuts out itself and 2; another mover's kind 2 is in view."""
    made, rows = choices(4), 64
    v, noise = torch.randn(rows, 4, 2, 2), torch.randn(rows, 4, generator=torch.Generator().manual_seed(1))

    def drawn(seen: InView) -> set[int]:
        return set(made.from_prior(v, seen, noise, None).weights.argmax(1).flatten().tolist())

    with torch.no_grad():
        made.prior_out.weight.zero_()
    there = nobody(rows, 4)
    assert {1, 2} <= drawn(there)
    made.apart[1, 2] = made.apart[2, 1] = made.apart[1, 1] = 1
    there.movers[:, 2] = 1
    assert 1 not in drawn(there)
    assert 2 in drawn(there)
    there.free[:] = 0  # in cells with a mover the alternatives say where it goes
    assert 1 in drawn(there)


def test_what_is_never_twice_is_not_drawn_twice_though_it_is_in_one_pass() -> None:
    made = choices(3, 5, 5)  # pass 0: nine cells
    with torch.no_grad():
        made.prior_out.bias[1] += 20
    v, noise = torch.randn(8, 4, 5, 5), torch.randn(8, 25, generator=torch.Generator().manual_seed(1))
    seen = InView(torch.zeros(8, 3), made.edge.expand(8, 1, 5, 5))
    count = made.from_prior(v, seen, noise, None).weights[:, 1].sum((1, 2))
    assert (count == 25).all()
    made.apart[1, 1] = 1
    weights = made.from_prior(v, seen, noise, None).weights
    assert ((weights[:, 1] * made.edge).sum((1, 2)) == 1).all()
    assert (weights.sum(1) == 1).all()
    assert (weights[:, NOTHING] * made.edge).sum() > 0


def test_a_run_from_before_kinds_shut_each_other_out_goes_on() -> None:
    made, old = choices(), choices().state_dict()
    del old["apart"]
    made.apart[1, 1] = 1
    made.load_state_dict(old)
    assert "apart" not in old


def test_neighbours_never_fall_into_one_pass() -> None:
    turn = choices(3, 5, 6).turn
    for row, col in itertools.product(range(4), range(5)):
        assert len(set(turn[row : row + 2, col : col + 2].flatten().tolist())) == 4


def test_the_prior_is_a_distribution_over_all_cells() -> None:
    """Its chain rule sums to 1 over every choice of 2 x 2 cells, and draws follow it."""
    prior = choices(2)
    v = torch.randn(1, 4, 2, 2)
    local = prior.local(v)
    every = torch.tensor(list(itertools.product(range(2), repeat=4)))
    one_hot = torch.nn.functional.one_hot(every, 2).float().view(16, 2, 2, 2).permute(0, 3, 1, 2)
    logs = prior.prior(local.expand(16, -1, -1, -1), nobody(1, 2), one_hot).log_softmax(1)
    p = (logs * one_hot).sum((1, 2, 3)).exp()
    assert float(p.sum().detach()) == pytest.approx(1, abs=1e-5)
    with torch.no_grad():
        noise = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0))
        drawn = prior.from_prior(v.expand(20_000, -1, -1, -1), nobody(20_000, 2), noise, None).weights
    code = (drawn.argmax(1).flatten(1) * torch.tensor([8, 4, 2, 1])).sum(1)
    share = torch.bincount(code, minlength=16) / 20_000
    torch.testing.assert_close(share, p.detach(), atol=0.015, rtol=0)


def test_a_draw_is_one_hot_and_has_the_gradient_of_its_probabilities() -> None:
    made = choices()
    v, after = torch.randn(5, 4, 2, 2), torch.randn(5, 4, 2, 2)
    chosen = made.from_frame(v, nobody(5), after, torch.randn(5, 4))
    assert set(chosen.weights.detach().round(decimals=5).unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(chosen.weights.sum(1), torch.ones(5, 2, 2))
    (chosen.weights * torch.randn(5, 3, 2, 2)).sum().backward()
    assert float(made.posterior_out.weight.grad.abs().sum()) > 0


def test_the_posterior_pays_for_what_the_prior_did_not_expect() -> None:
    made = choices()
    v, after, noise = torch.randn(5, 4, 2, 2), torch.randn(5, 4, 2, 2), torch.randn(5, 4)
    nats = made.from_frame(v, nobody(5), after, noise).nats
    assert (nats >= 0).all()
    torch.testing.assert_close(nats[:, 0] / 0.8, nats[:, 1] / 0.2)
    with torch.no_grad():
        made.prior_known.weight.zero_()
        for layer in (made.posterior_out, made.prior_out):
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
    # One in two thousand of the posterior is uniform: a little above 0.
    assert float(made.from_frame(v, nobody(5), after, noise).nats.sum((1, 2, 3)).max().detach()) < 2e-3
    with torch.no_grad():
        made.posterior_out.bias.copy_(torch.tensor([-50.0, -50.0, 50.0]))
    q = torch.tensor([0.0005 / 3, 0.0005 / 3, 0.9995 + 0.0005 / 3])
    p = torch.tensor([0.5, 0.0, -1.0]).log_softmax(0)
    expected = 4 * (q * (q.log() - p)).sum()
    nats = made.from_frame(v, nobody(5), after, noise).nats
    torch.testing.assert_close(nats.sum((1, 2, 3)), expected.expand(5))


def test_cold_choices_are_the_likeliest() -> None:
    made = choices()
    v = torch.randn(1, 4, 2, 2).expand(50, -1, -1, -1)
    cold = made.from_prior(v, nobody(50), torch.randn(50, 4), torch.full((50,), 1e-4)).weights
    assert torch.equal(cold, cold[:1].expand_as(cold))


def test_what_is_in_view_weighs_on_the_logits_of_the_outermost_cells() -> None:
    prior = choices(rows=4, cols=3)
    lifted = torch.zeros(1, 3, 4, 3)
    lifted[0, 1, 2, 1] = 1
    looks = prior.looks_like(lifted)
    torch.testing.assert_close(looks.exp().sum(1), torch.ones(1, 4, 3))
    rest = torch.ones(1, 1, 4, 3)
    alone = prior.in_view(looks, rest)
    assert not alone.movers.any()
    assert torch.equal(alone.free[0, 0], prior.edge)
    rest[0, 0, 2, 1] = rest[0, 0, 0, 0] = 0
    seen = prior.in_view(looks, rest)
    torch.testing.assert_close(seen.movers, torch.maximum(looks[..., 2, 1], looks[..., 0, 0]).exp())
    assert not seen.movers.requires_grad
    local, weights = torch.zeros(1, 8, 4, 3), torch.zeros(1, 3, 4, 3)
    more = prior.prior(local, seen, weights) - prior.prior(local, alone, weights)
    expected = 16 * seen.movers @ prior.prior_known.weight.T
    torch.testing.assert_close(more[0], expected[0, :, None, None] * prior.edge * rest[0])  # a mover goes where it will


def test_what_was_drawn_in_a_free_outermost_cell_is_in_view_for_the_next() -> None:
    prior = choices(rows=4, cols=4)
    with torch.no_grad():
        prior.prior_near.weight.zero_()
        prior.prior_drawn.weight.zero_()
    local, weights = torch.zeros(1, 8, 4, 4), torch.zeros(1, 3, 4, 4)
    weights[0, 1, 0, 0] = 1  # the first pass
    seen = InView(torch.zeros(1, 3), prior.edge.expand(1, 1, -1, -1).clone())
    more = prior.prior(local, seen, weights) - prior.prior(local, seen, 0 * weights)
    later = prior.edge * (prior.turn > 0)
    torch.testing.assert_close(more[0], 16 * prior.prior_known.weight[:, 1, None, None] * later)
    seen.free[0, 0, 0, 0] = 0  # a mover is there: what was drawn says where it goes
    assert torch.equal(prior.prior(local, seen, weights), prior.prior(local, seen, 0 * weights))


def simulator(**changes: object) -> GridSimulator:
    torch.manual_seed(0)
    return GridSimulator(replace(GRID, **changes), 3, 5).eval()  # type: ignore[arg-type]


def carriers() -> Movers:
    """Alternative k goes way k, for certain; contents are the hyperbolic tangents of what they are given."""
    made = Movers(2, 2, 9)
    with torch.no_grad():
        made.content.weight.copy_(torch.eye(2)[:, :, None, None])
        made.content.bias.zero_()
        made.turn.weight.zero_()
        made.presence.weight.zero_()
        made.presence.bias.fill_(50)
    return made


def way(number: int, rows: int = 4, cols: int = 5) -> Tensor:
    """The same choice everywhere."""
    return torch.eye(9)[number].view(1, 9, 1, 1).expand(1, -1, rows, cols)


def test_movers_arrive_once_where_the_choice_says() -> None:
    x = torch.zeros(1, 2, 4, 5)
    x[0, :, 2, 3] = torch.tensor([1.0, 3.0])
    for number in range(9):
        row, col = 2 + number // 3 - 1, 3 + number % 3 - 1
        made = carriers()
        presence = made.presence_of(x)
        arrived, count = made(made.lift(x, presence), presence, way(number))
        expected = x[0, :, 2, 3].tanh()
        torch.testing.assert_close(arrived[0, :, row, col], expected)
        torch.testing.assert_close(arrived.sum(), expected.sum())
        assert presence.shape == (1, 4, 5)
        rows, cols = (4 - abs(row - 2), 5 - abs(col - 3))
        assert int(count.sum()) == rows * cols  # every cell holds one, and those that leave the picture are gone
    corner = torch.zeros(1, 2, 4, 5)
    corner[0, :, 0, 0] = 1
    presence = made.presence_of(corner)
    arrived, _ = made(made.lift(corner, presence), presence, way(0))
    assert float(arrived.sum().detach()) == pytest.approx(0)  # it left the picture


def test_the_ways_of_alternatives_are_summed() -> None:
    q = torch.rand(2, 21, 3, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    ways = Movers(2, 3, 21).log_ways(q.log()).exp()
    torch.testing.assert_close(ways[:, 2], q[:, 2] + q[:, 11] + q[:, 20])
    torch.testing.assert_close(ways.sum(1), torch.ones(2, 3, 3))


def test_where_nothing_is_nothing_arises() -> None:
    torch.manual_seed(0)
    made = Movers(2, 3, 9)
    with torch.no_grad():
        made.presence.weight.zero_()
        made.presence.bias.fill_(-0.1)
    z = torch.eye(9)[torch.randint(0, 9, (1, 4, 5))].permute(0, 3, 1, 2)
    x = torch.randn(1, 2, 4, 5)
    presence = made.presence_of(x)
    arrived, count = made(made.lift(x, presence), presence, z)
    assert not arrived.any()
    assert not count.any()
    held = price(presence)
    assert held.tolist() == [0]
    held.sum().backward()
    slope = torch.sigmoid(torch.tensor(-0.1)) * torch.sigmoid(torch.tensor(0.1))
    torch.testing.assert_close(made.presence.bias.grad, 20 * slope[None])  # the price of the soft one still counts


def test_only_in_the_outermost_cells_a_choice_draws_something() -> None:
    """Where the movers carry nothing, choices further inside leave the picture as it is."""
    model = simulator(memory=0)
    with torch.no_grad():
        model.movers.presence.bias.fill_(-1e3)
    seen = torch.randn(40, GRID.seen, 4, 5)[:1].expand(40, -1, -1, -1)
    noise = torch.randn(40, model.noise_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        step = model.step(model.begin(seen, seen), seen, torch.eye(5)[[1] * 40], noise)
    differs = ((step.image - step.image[:1]).abs() > 1e-4).any(0).any(0)
    assert not differs[8:24, 8:32].any()
    assert differs[:8].any()
    assert differs[24:].any()


def test_nothing_comes_to_the_static_layer_from_another_cell() -> None:
    model = simulator(memory=0)
    with torch.no_grad():
        model.kernel.weight.zero_()
        model.kernel.bias.fill_(-50)[4] = 50  # the view stays
    seen = torch.randn(1, GRID.seen, 4, 5)
    other = seen.clone()
    other[0, :, 2, 2] += 1
    carried = model.begin(seen, seen)
    action = torch.eye(5)[:1]
    noise = torch.zeros(1, model.noise_size)
    with torch.no_grad():
        model.choices.prior_known.weight.zero_()
        model.choices.prior_out.weight.zero_()  # the choices do not depend on what is seen
        one, two = (model.step(carried, s, action, noise).layers for s in (seen, other))
    assert one is not None
    assert two is not None
    differs = (one.pictures != two.pictures).any(2)[0]  # (2, H, W)
    still = differs[0].nonzero()
    assert (still.min(0).values // GRID.cell).tolist() == (still.max(0).values // GRID.cell).tolist() == [2, 2]
    assert differs[1][:8].any() or differs[1][8:16].any()  # the dynamic layer sees its neighbours


def test_what_moves_leaves_nothing_where_it_was() -> None:
    """A mover goes up; the picture of its old cell is the same whatever it was, in both layers."""
    model = simulator()
    with torch.no_grad():
        model.kernel.weight.zero_()
        model.kernel.bias.fill_(-50)[4] = 50  # the view stays
        model.context.weight.zero_()  # nothing knows the whole picture
        model.choices.prior_known.weight.zero_()
        model.choices.prior_out.weight.zero_()
        model.choices.prior_out.bias.fill_(-50)[1] = 50  # everything goes up
    seen = torch.randn(1, GRID.seen, 4, 5)
    other = seen.clone()
    other[0, :, 2, 2] = torch.randn(GRID.seen)

    def drawn(s: Tensor, logit: float) -> Tensor:
        with torch.no_grad():
            model.movers.presence.weight.zero_()
            model.movers.presence.bias.fill_(logit)
            carried = model.begin(s, s)
            step = model.step(carried, s, torch.eye(5)[:1], torch.zeros(1, model.noise_size))
        cell = GRID.cell
        return step.image[0, :, 2 * cell : 3 * cell, 2 * cell : 3 * cell]

    torch.testing.assert_close(drawn(seen, 50.0), drawn(other, 50.0))
    assert not torch.allclose(drawn(seen, -50.0), drawn(other, -50.0))


def drawn_for(model: GridSimulator, carried: State, seen: Tensor, options: tuple[int, int] = (0, 2)) -> list[Layers]:
    """The layers under two alternatives that every cell chooses."""
    found = []
    for option in options:
        with torch.no_grad():
            model.choices.prior_known.weight.zero_()
            model.choices.prior_out.weight.zero_()
            model.choices.prior_out.bias.fill_(-50)[option] = 50
            step = model.step(carried, seen, torch.eye(5)[:1], torch.zeros(1, model.noise_size))
        assert step.layers is not None
        found.append(step.layers)
    return found


def test_where_a_mover_left_or_came_no_choice_draws() -> None:
    """One goes up into the outermost row, by two alternatives that lead there."""
    model = simulator(options=11)
    seen = torch.randn(1, GRID.seen, 4, 5)
    seen[:, 0] = 0
    seen[0, 0, 1, 2] = 1
    with torch.no_grad():
        model.kernel.weight.zero_()
        model.kernel.bias.fill_(-50)[4] = 50  # the view stays
        model.movers.presence.weight.zero_()[0, 0] = 100
        model.movers.presence.bias.fill_(-50)
        model.movers.turn.weight.zero_()
    one, two = drawn_for(model, model.begin(seen, seen), seen, (1, 10))
    cell = GRID.cell
    dynamic = one.masks[0, 1, 0].unfold(0, cell, cell).unfold(1, cell, cell).amax((2, 3))  # (4, 5)
    assert (dynamic == 0).nonzero().tolist() == [[1, 2]]  # where it was nothing is drawn that moves
    differs = (one.pictures != two.pictures).any(2)[0].unfold(1, cell, cell).unfold(2, cell, cell).any(4).any(3)
    assert not differs[1, 0, 2]  # it came there: no choice may draw another
    assert differs[1, 0, [0, 1, 3, 4]].all()
    assert differs[0, 1, 2]  # what it stood on was never seen, and is chosen
    assert not differs[0, 1, [0, 1, 3]].any()


def test_what_the_canvas_knows_no_choice_can_change() -> None:
    """Two choices at the edge, after a step that showed it: only the dynamic layer hears them."""
    for memory in (3, 0):
        model = simulator(memory=memory)
        with torch.no_grad():
            model.movers.presence.bias.fill_(-50)
            model.kernel.weight.zero_()
            model.kernel.bias.fill_(-50)[4] = 50  # the view stays
        seen = torch.randn(1, GRID.seen, 4, 5)
        one, two = drawn_for(model, model.begin(seen, seen), seen)
        assert torch.equal(one.pictures[:, 0], two.pictures[:, 0]) == bool(memory)
        assert not torch.equal(one.pictures[:, 1], two.pictures[:, 1])


def test_where_the_board_comes_back_into_view_only_what_moves_can_have_come() -> None:
    """To the right and back: the leftmost column is as it was, unless a choice draws something over it."""
    model = simulator()
    seen = torch.randn(1, GRID.seen, 4, 5)
    with torch.no_grad():
        model.movers.presence.weight.zero_()
        model.movers.presence.bias.fill_(-50)  # nothing moves by itself
        model.kernel.weight.zero_()
        model.kernel.bias.fill_(-50)[5] = 50  # what lies to the right comes
        away = model.step(model.begin(seen, seen), seen, torch.eye(5)[:1], torch.zeros(1, model.noise_size)).carried
        model.kernel.bias.fill_(-50)[3] = 50
    one, two = drawn_for(model, away, seen, (NOTHING, 2))
    differs = (one.pictures != two.pictures).any(2)[0]  # (2, H, W)
    assert not differs[0].any()
    assert differs[1, :, : GRID.cell].any()
    assert not one.masks[0, 1, 0, :, : GRID.cell].any()  # nothing is drawn over what the canvas held
    assert one.masks[0, 1, 0, :, GRID.cell :].all()
    assert two.masks[0, 1, 0].all()
    with torch.no_grad():
        mute = model.step(away, seen, torch.eye(5)[:1], None).layers
    assert mute is not None
    assert not mute.masks[0, 1, 0, :, : GRID.cell].any()


def test_the_mask_weighs_the_layers() -> None:
    model = simulator()
    seen = torch.randn(2, GRID.seen, 4, 5)
    step = model.step(model.begin(seen, seen), seen, torch.eye(5)[:2], torch.randn(2, model.noise_size))
    assert step.layers is not None
    torch.testing.assert_close(step.image, (step.layers.pictures * step.layers.masks).sum(1))
    assert torch.allclose(step.layers.masks.sum(1), torch.ones(2, 1, 32, 40))


def test_the_first_rows_may_take_their_choices_from_the_next_frame() -> None:
    model = simulator()
    seen, after = torch.randn(3, GRID.seen, 4, 5), torch.randn(2, GRID.seen, 4, 5)
    noise, action = torch.randn(3, model.noise_size), torch.eye(5)[:3]
    begin = model.begin(seen, seen)
    own, given = (model.step(begin, seen, action, noise, None, a) for a in (None, after))
    assert given.nats.shape == (2, 2, 4, 5)
    assert own.nats.shape == (0,)
    assert not torch.allclose(own.image[:2], given.image[:2])
    torch.testing.assert_close(own.image[2], given.image[2])
