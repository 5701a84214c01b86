"""Residual blocks and attention: shapes, formulas, neutral starts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from worldsim.errors import BadInput
from worldsim.gan.attention import SelfAttention
from worldsim.gan.residual import ResidualDown, ResidualUp


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_up_is_the_published_formula_with_the_skip_after_the_enlargement(scale: int) -> None:
    block, x = ResidualUp(6, 4, scale), torch.randn(2, 6, 5, 7)

    def up(map: torch.Tensor) -> torch.Tensor:
        return map.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    def norm(map: torch.Tensor) -> torch.Tensor:
        return (map - map.mean((2, 3), keepdim=True)) / (map.var((2, 3), False, keepdim=True) + 1e-5).sqrt()

    inner = block.conv2(F.relu(norm(block.conv1(up(F.relu(norm(x)))))))
    torch.testing.assert_close(block(x), inner + block.skip(up(x)), rtol=1e-4, atol=1e-5)
    assert block(x).shape == (2, 4, 5 * scale, 7 * scale)


def test_down_is_the_published_formula_with_the_skip_before_the_pooling() -> None:
    block, x = ResidualDown(3, 4), torch.randn(2, 3, 6, 8)
    inner = F.avg_pool2d(block.conv2(F.relu(block.conv1(F.relu(x)))), 2)
    torch.testing.assert_close(block(x), inner + F.avg_pool2d(block.skip(x), 2), rtol=1e-4, atol=1e-5)
    assert block(torch.randn(1, 3, 21, 9)).shape == (1, 4, 10, 4)


def test_blocks_that_change_nothing_have_no_skip_convolution_and_others_have_one() -> None:
    assert isinstance(ResidualUp(4, 4, scale=1).skip, nn.Identity)
    assert isinstance(ResidualDown(4, 4, halve=False).skip, nn.Identity)
    for block in (ResidualUp(4, 4), ResidualDown(4, 4), ResidualDown(4, 5, halve=False), ResidualUp(4, 5, scale=1)):
        assert isinstance(block.skip, nn.Conv2d)


def test_without_the_first_activation_negative_inputs_count() -> None:
    x = -torch.rand(2, 4, 6, 6) - 0.1
    for active, silent in ((True, 0), (False, 1)):
        block = ResidualDown(4, 4, halve=False, activate=active)
        nn.init.zeros_(block.conv1.bias)  # type: ignore[arg-type]
        assert bool(block.conv1(F.relu(x) if active else x).any()) == bool(silent)
        y = block(x) - block.conv2.bias[:, None, None] - x  # type: ignore[index]
        assert (float(y.detach().abs().max()) > 1e-3) == bool(silent)
    modulated = ResidualUp(4, 4, scale=1, activate=False)
    assert isinstance(modulated.norm1, nn.Identity)
    torch.testing.assert_close(modulated(x), x + modulated.conv2(F.relu(modulated.norm2(modulated.conv1(x)))))


@pytest.mark.parametrize(("norm", "weights"), [("none", 0), ("instance", 0), ("batch", 2 * 6 + 2 * 4)])
def test_norms(norm: str, weights: int) -> None:
    block = ResidualUp(6, 4, norm=norm)  # type: ignore[arg-type]
    convolutions = (6 * 9 + 1) * 4 + (4 * 9 + 1) * 4 + (6 + 1) * 4
    assert sum(p.numel() for p in block.parameters()) == convolutions + weights


def test_attention_starts_as_the_identity_and_learns_its_gain_first() -> None:
    layer, x = SelfAttention(16), torch.randn(2, 16, 6, 8)
    assert torch.equal(layer(x), x)
    layer(x).square().sum().backward()
    assert layer.gain.grad is not None
    assert float(layer.gain.grad.abs()) > 0
    assert layer.query.weight.grad is None or float(layer.query.weight.grad.abs().sum()) == 0


def test_attention_is_a_softmax_over_pooled_places() -> None:
    layer, x = SelfAttention(8), torch.randn(2, 8, 4, 6)
    with torch.no_grad():
        layer.gain.fill_(0.7)
    query = layer.query(x).flatten(2)
    key = F.max_pool2d(layer.key(x), 2).flatten(2)
    value = F.max_pool2d(layer.value(x), 2).flatten(2)
    weights = torch.einsum("bcq,bck->bqk", query, key).softmax(2)
    seen = torch.einsum("bqk,bck->bcq", weights, value).view(2, 4, 4, 6)
    torch.testing.assert_close(layer(x), x + 0.7 * layer.output(seen), rtol=1e-4, atol=1e-5)


def test_attention_sees_the_far_corner() -> None:
    layer = SelfAttention(8)
    with torch.no_grad():
        layer.gain.fill_(1.0)
    x = torch.randn(1, 8, 8, 8, requires_grad=True)
    layer(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert float(x.grad[0, :, 6:, 6:].abs().sum()) > 0
    with pytest.raises(BadInput, match="divisible by 8, got 12"):
        SelfAttention(12)
