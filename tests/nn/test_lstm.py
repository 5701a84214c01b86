"""One bias vector, and otherwise torch's LSTM."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from worldsim.nn.lstm import LSTM
from worldsim.nn.prepared import Prepared


def oracle(lstm: LSTM) -> nn.LSTM:
    other = nn.LSTM(lstm.input_size, lstm.hidden_size, batch_first=True)
    with torch.no_grad():
        other.weight_ih_l0.copy_(lstm.weight_ih)
        other.weight_hh_l0.copy_(lstm.weight_hh)
        other.bias_ih_l0.copy_(lstm.bias)
        other.bias_hh_l0.zero_()
    return other


def test_it_is_torchs_lstm() -> None:
    lstm = LSTM(6, 10)
    nn.init.normal_(lstm.bias)
    x, h, c = torch.randn(3, 9, 6), torch.randn(3, 10), torch.randn(3, 10)
    out, (last_h, last_c) = lstm(x, (h, c))
    expected, (expected_h, expected_c) = oracle(lstm)(x, (h[None], c[None]))
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(last_h, expected_h[0])
    torch.testing.assert_close(last_c, expected_c[0])
    torch.testing.assert_close(lstm(x)[0], oracle(lstm)(x)[0])


@pytest.mark.parametrize("gradients", [True, False])
def test_steps_are_the_sequence(gradients: bool) -> None:
    lstm = LSTM(6, 10)
    x, h, c = torch.randn(3, 9, 6), torch.zeros(3, 10), torch.zeros(3, 10)
    with torch.set_grad_enabled(gradients):
        out, _ = lstm(x)
        for t in range(9):
            h, c = lstm.step(x[:, t], h, c)
            torch.testing.assert_close(h, out[:, t], rtol=1e-5, atol=1e-6)


def test_gradients_of_steps_are_those_of_the_sequence() -> None:
    lstm = LSTM(4, 5)
    x = torch.randn(2, 6, 4)
    lstm(x)[0][:, -1].sum().backward()
    expected = [p.grad.clone() for p in lstm.parameters() if p.grad is not None]
    lstm.zero_grad()
    h, c = torch.zeros(2, 5), torch.zeros(2, 5)
    for t in range(6):
        h, c = lstm.step(x[:, t], h, c)
    h.sum().backward()
    assert len(expected) == 3
    for p, grad in zip(lstm.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, grad)


def test_bfloat16_steps_stay_close_and_keep_a_float32_state() -> None:
    lstm = LSTM(6, 32)
    x, h, c = torch.randn(40, 6), torch.randn(40, 32).tanh(), torch.randn(40, 32)
    with torch.inference_mode():
        exact, rough = lstm.step(x, h, c), lstm.step(x, h, c, torch.bfloat16)
    for a, b in zip(exact, rough, strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.03, atol=0.03)


def test_the_forget_gate_begins_open() -> None:
    lstm = LSTM(3, 4)
    assert lstm.bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert [p.shape for p in lstm.parameters()] == [(16, 3), (16, 4), (16,)]


def test_prepared_weights_follow_the_parameters() -> None:
    lstm = LSTM(3, 4)
    x, h, c = torch.randn(2, 3), torch.zeros(2, 4), torch.zeros(2, 4)
    with torch.no_grad():
        before = lstm.step(x, h, c)[0]
        twin = copy.deepcopy(lstm)
        lstm.weight_ih.mul_(2)
        doubled = lstm.step(x, h, c)[0]
        lstm.load_state_dict(twin.state_dict())
        assert not torch.equal(before, doubled)
        assert torch.equal(lstm.step(x, h, c)[0], before)
        lstm.weight_ih.zero_()
        assert torch.equal(twin.step(x, h, c)[0], before)


class Doubled(Prepared):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.ones(2)), 0

    def make(self) -> torch.Tensor:
        self.calls += 1
        return 2 * self.weight

    def forward(self) -> torch.Tensor:
        return self.prepared("doubled", [self.weight], self.make)


def test_prepared_is_made_once() -> None:
    module = Doubled()
    with torch.inference_mode():
        assert module().tolist() == module().tolist() == [2, 2]
    assert module.calls == 1
    with torch.no_grad():
        module.weight.add_(1)
        assert module().tolist() == [4, 4]
    module().sum().backward()
    module().sum().backward()
    assert module.calls == 4  # with gradients nothing is kept
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [4, 4]


def test_a_fused_optimizer_is_noticed() -> None:
    module = nn.Sequential(Doubled())
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.5, fused=True)
    for _ in range(3):
        module[0]().sum().backward()
        optimizer.step()
        module.eval()
        with torch.no_grad():
            assert torch.equal(module[0](), 2 * module[0].weight)
        module.train()


def test_a_memory_that_is_emptied_on_the_way() -> None:
    """A sequence with resets is the sequences between them; the first goes on from the memory that was given."""
    lstm = LSTM(6, 10)
    x, h, c = torch.randn(2, 9, 6), torch.randn(2, 10), torch.randn(2, 10)
    first = torch.zeros(2, 9)
    first[0, 4] = first[0, 5] = first[1, 0] = 1
    out, (last_h, last_c) = lstm.through(x, first, (h, c))
    plain, _ = lstm(x[:1, :4], (h[:1], c[:1]))
    torch.testing.assert_close(out[:1, :4], plain)
    torch.testing.assert_close(out[:1, 4:5], lstm(x[:1, 4:5])[0])
    tail, (tail_h, tail_c) = lstm(x[:1, 5:])
    torch.testing.assert_close(out[:1, 5:], tail)
    torch.testing.assert_close(torch.stack([last_h[0], last_c[0]]), torch.stack([tail_h[0], tail_c[0]]))
    torch.testing.assert_close(out[1:], lstm(x[1:])[0])
