"""Feature matching, pull-away and minibatch discrimination against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from worldsim.errors import BadInput
from worldsim.gan.diversity import MinibatchDiscrimination, feature_matching, pull_away
from worldsim.gan.energy import EnergyCritic


def test_features_match_where_their_means_do() -> None:
    cloud = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([1.0, -2.0, 0.0, 2.0])
    assert float(feature_matching(cloud, cloud + shift)) == pytest.approx(9, rel=1e-5)
    spread = cloud.mean(0) + 5 * (cloud - cloud.mean(0))
    assert float(feature_matching(cloud, torch.cat([spread, spread]))) == pytest.approx(0, abs=1e-9)


def test_feature_matching_teaches_the_generator_alone() -> None:
    real, fake = torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    feature_matching(real, fake).backward()
    assert real.grad is None
    torch.testing.assert_close(fake.grad, torch.ones(2, 3))  # 2 (mean difference) / 2 rows


def test_pull_away_of_orthogonal_equal_and_slanted_rows() -> None:
    assert float(pull_away(3 * torch.eye(4))) == pytest.approx(0, abs=1e-9)
    assert float(pull_away(torch.tensor([[1.0, 2.0]]).repeat(5, 1) * torch.tensor([[1.0], [2], [-3], [4], [5]]))) == (
        pytest.approx(1, rel=1e-6)
    )
    angle = math.radians(60)
    assert float(pull_away(torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]]))) == pytest.approx(0.25)
    # Two equal rows and one across: 1 of 3 pairs.
    assert float(pull_away(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))) == pytest.approx(1 / 3)
    with pytest.raises(BadInput, match="at least 2, got 1"):
        pull_away(torch.ones(1, 4))


def test_closeness_is_the_sum_of_exponentials_over_the_other_rows() -> None:
    layer = MinibatchDiscrimination(3, kernels=2, size=2)
    with torch.no_grad():
        layer.project.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]))
    rows = torch.tensor([[0.0, 0, 0], [1, 2, 0], [0, 1, 4]])
    features, close = layer(rows).split([3, 2], 1)
    assert torch.equal(features, rows)
    a, b, c = math.exp(-3), math.exp(-1), math.exp(-2)  # distances 0-1, 0-2, 1-2 of the first kernel
    d = math.exp(-4)  # of the second: 0-2 and 1-2; 0 and 1 are equal there
    expected = torch.tensor([[a + b, 1 + d], [a + c, 1 + d], [b + c, 2 * d]])
    torch.testing.assert_close(close, expected)


def test_a_collapsed_batch_is_as_close_as_can_be_and_order_does_not_matter() -> None:
    torch.manual_seed(0)
    layer = MinibatchDiscrimination(6, kernels=4)
    assert layer(torch.randn(1, 6).repeat(8, 1))[:, 6:].tolist() == [[7.0] * 4] * 8
    rows, order = torch.randn(8, 6), torch.randperm(8)
    torch.testing.assert_close(layer(rows)[order], layer(rows[order]))
    assert float(layer(100 * rows)[:, 6:].detach().max()) < 1e-3


def test_the_energy_is_the_error_of_the_autoencoder() -> None:
    halve = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        halve.weight.copy_(torch.eye(2) / 2)
    critic = EnergyCritic(halve, nn.Identity())
    assert critic(torch.tensor([[2.0, 4.0], [0.0, 0.0]])).tolist() == [-2.5, 0.0]
