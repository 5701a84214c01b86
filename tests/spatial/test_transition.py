"""The transition: the order of drawing, the chain rule, what a cell may see, learning to scroll."""

from __future__ import annotations

import itertools

import pytest
import torch

from worldsim.spatial.transition import Transition, TransitionConfig

SMALL = TransitionConfig(embedding=8, summary=4, hidden=16, gated=12, channels=12, drawn=24)


def made(codes: int = 5, rows: int = 7, cols: int = 7) -> Transition:
    torch.manual_seed(0)
    return Transition(SMALL, codes, rows, cols, 5).requires_grad_(False)


def reading(m: Transition, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    codes = torch.randint(0, m.codes, (batch, m.rows, m.cols))
    seen = m.seen(codes, m.summary(codes), torch.eye(5)[torch.arange(batch) % 5])
    return m.read(codes, seen, torch.randn(batch, 16)), codes


def test_a_cell_and_its_neighbours_are_drawn_in_different_passes() -> None:
    """So are any two places that a mover can reach from one place: they lie in one such plus-shaped neighbourhood."""
    order = made().order.reshape(7, 7)
    for r, c in itertools.product(range(1, 6), repeat=2):
        plus = [order[r, c], order[r - 1, c], order[r + 1, c], order[r, c - 1], order[r, c + 1]]
        assert len({int(x) for x in plus}) == 5


def test_a_cell_sees_only_what_was_drawn_before_it_near_or_in_number() -> None:
    m = made()
    with torch.no_grad():
        m.drawn_mix.weight.zero_()  # near alone
    read, after = reading(m, 1)
    logits = m.log_likelihood_logits(read, after)[0][0]
    for j in range(49):
        changed = after.clone()
        changed.view(-1)[j] = (changed.view(-1)[j] + 1) % m.codes
        moved = (m.log_likelihood_logits(read, changed)[0][0] - logits).abs().amax(-1) > 0
        apart = torch.tensor([abs(i // 7 - j // 7) + abs(i % 7 - j % 7) for i in range(49)])
        allowed = (apart > 0) & (apart <= 2) & (m.order > m.order[j])
        assert not (moved & ~allowed).any()
        assert (moved == allowed).float().mean() > 0.95  # a dead unit may hide one
    torch.nn.init.normal_(m.drawn_mix.weight)
    m.near_mix.weight.zero_()  # numbers alone
    logits = m.log_likelihood_logits(read, after)[0][0]
    for j in range(49):
        changed = after.clone()
        changed.view(-1)[j] = (changed.view(-1)[j] + 1) % m.codes
        moved = (m.log_likelihood_logits(read, changed)[0][0] - logits).abs().amax(-1) > 0
        assert not (moved & ~(m.order > m.order[j])).any()


def test_the_chain_rule_sums_to_one() -> None:
    """All 64 pictures of a 2x3 grid with two codes."""
    m = made(codes=2, rows=2, cols=3)
    read, _ = reading(m, 1)
    total = 0.0
    for picture in itertools.product(range(2), repeat=6):
        after = torch.tensor(picture).reshape(1, 2, 3)
        logp = m.log_likelihood_logits(read, after)[0].log_softmax(-1)[0]
        total += float(logp.gather(1, after.reshape(6, 1)).sum().exp())
    assert total == pytest.approx(1, abs=1e-5)


def test_draws_follow_the_likelihood() -> None:
    """The frequency of each of 16 pictures of a 2x2 grid against its probability."""
    m, n = made(codes=2, rows=2, cols=2), 20_000
    codes = torch.randint(0, 2, (1, 2, 2)).expand(n, 2, 2)
    seen = m.seen(codes, m.summary(codes), torch.eye(5)[torch.zeros(n, dtype=torch.long)])
    read = m.read(codes, seen, torch.zeros(n, 16))
    drawn = m.draw(read, torch.rand(n, 4, generator=torch.Generator().manual_seed(0)), torch.ones(n))
    index = (drawn.reshape(n, 4) * torch.tensor([8, 4, 2, 1])).sum(1)
    seen = torch.bincount(index, minlength=16) / n
    for number in range(16):
        after = torch.tensor([number >> k & 1 for k in (3, 2, 1, 0)]).reshape(1, 2, 2)
        logp = m.log_likelihood_logits(read[:1], after)[0].log_softmax(-1)[0]
        p = float(logp.gather(1, after.reshape(4, 1)).sum().exp())
        assert abs(float(seen[number]) - p) < 5 * (p * (1 - p) / n) ** 0.5 + 1e-4


def test_cold_draws_are_the_likeliest() -> None:
    m = made()
    read, _ = reading(m, 2)
    cold = m.draw(read, torch.rand(2, 49), torch.full((2,), 1e-4))
    logits, _, _ = m.log_likelihood_logits(read, cold)
    assert torch.equal(logits.argmax(-1).reshape(2, 7, 7), cold)


def test_one_step_is_the_sequence() -> None:
    m = made()
    x = torch.randn(3, 6, m.lstm.input_size)
    whole, _ = m.lstm(x)
    h = c = torch.zeros(3, 16)
    for t in range(6):
        h, c = m.step(x[:, t], h, c)
        torch.testing.assert_close(h, whole[:, t], atol=1e-5, rtol=1e-5)
