"""Penalties on critics whose slope is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.penalties import clip_weights, gradient_penalty, r1
from worldsim.gan.spectral import settle, spectral

X, Y = torch.randn(2, 6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def linear(norm: float) -> nn.Linear:
    """A linear critic of 48 inputs with |w| = norm."""
    layer = nn.Linear(48, 1)
    with torch.no_grad():
        layer.weight.copy_(norm * nn.functional.normalize(torch.arange(48.0)[None] - 20, dim=1))
    return layer


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("norm", [0.0, 0.5, 1.0, 3.0])
def test_a_linear_critic_of_slope_k_pays_lambda_k_minus_1_squared(norm: float) -> None:
    critic = nn.Sequential(nn.Flatten(), linear(norm))
    penalty = gradient_penalty(critic, X, Y, generator(), weight=10)
    assert float(penalty.detach()) == pytest.approx(10 * (norm - 1) ** 2, abs=1e-4)
    penalty.backward()
    slope = critic[1].weight.grad
    assert torch.isfinite(slope).all()
    assert float(slope.norm()) == pytest.approx(abs(20 * (norm - 1)) if norm else 0, abs=1e-3)


@pytest.mark.parametrize("norm", [0.0, 0.5, 3.0])
def test_r1_of_a_linear_critic_is_half_gamma_k_squared(norm: float) -> None:
    critic = nn.Sequential(nn.Flatten(), linear(norm))
    penalty = r1(critic, X, weight=7)
    assert float(penalty.detach()) == pytest.approx(3.5 * norm**2, rel=1e-5, abs=1e-8)
    penalty.backward()
    torch.testing.assert_close(critic[1].weight.grad, 7 * critic[1].weight)


def test_r1_of_a_square_is_that_of_its_points() -> None:
    def critic(x: Tensor) -> Tensor:
        return x.square().flatten(1).sum(1)

    assert float(r1(critic, X, weight=1).detach()) == pytest.approx(
        float((2 * X).square().flatten(1).sum(1).mean() / 2)
    )


def test_points_lie_on_the_segments_and_differ_by_row() -> None:
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(critic, X, Y, generator())
    shares = ((seen[0] - Y) / (X - Y)).flatten(1)
    assert float(shares.std(1).max()) < 1e-2
    assert 0 <= float(shares.mean(1).min()) < float(shares.mean(1).max()) <= 1
    assert float(shares.mean(1).std()) > 0.05


def test_logits_of_patches_count_by_row() -> None:
    def patches(x: Tensor) -> Tensor:
        return x.sum((1, 2))  # (B, 4): every pixel has slope 1 in one patch

    assert float(r1(patches, X, weight=2).detach()) == pytest.approx(48)


def test_nothing_flows_into_the_generator() -> None:
    fake = Y.clone().requires_grad_(True)
    critic = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1))
    gradient_penalty(critic, X, fake, generator()).backward()
    assert fake.grad is None
    assert not X.requires_grad
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in [critic[0].weight, critic[3].weight])


def test_gradients_of_penalties_are_right_through_spectral_norm() -> None:
    torch.manual_seed(0)
    critic = spectral(nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.Tanh(), nn.Linear(5, 1))).double()
    critic = settle(critic).eval()
    weight = critic[1].parametrizations.weight.original
    fixed = X.double()

    def penalty() -> Tensor:
        slopes = torch.autograd.grad(critic(probe).sum(), probe, create_graph=True)[0]
        return slopes.square().sum((1, 2, 3)).mean()

    probe = fixed.clone().requires_grad_(True)
    (exact,) = torch.autograd.grad(penalty(), weight)
    step = torch.zeros_like(weight)
    step[1, 2] = 1e-5
    with torch.no_grad():
        weight += step
    above = penalty().detach()
    with torch.no_grad():
        weight -= 2 * step
    below = penalty().detach()
    assert float((above - below) / 2e-5) == pytest.approx(float(exact[1, 2]), rel=1e-4)


def test_weights_are_clipped() -> None:
    layer = linear(3.0)
    clip_weights(layer.parameters(), 0.02)
    assert float(layer.weight.detach().abs().max()) == pytest.approx(0.02)
    assert layer.weight.requires_grad


def test_other_shapes() -> None:
    with pytest.raises(BadInput, match="must have one shape"):
        gradient_penalty(nn.Flatten(), X, Y[:2], generator())
