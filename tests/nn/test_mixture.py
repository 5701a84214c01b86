"""Mixtures against closed forms and torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from worldsim.nn.mixture import LOG_SIGMA_MIN, Mixture, component_major, mean, mixture, nll, sample


def a_mixture(batch: int, latent: int, components: int = 5) -> Mixture:
    raw = torch.randn(batch, latent * 3 * components, generator=torch.Generator().manual_seed(1))
    return mixture(raw, latent, components)


def same(batch: int, logits: list[float], mu: list[float], log_sigma: list[float]) -> Mixture:
    """The same one-dimensional mixture in every row."""
    return Mixture(*(torch.tensor(v).view(1, -1, 1).expand(batch, -1, 1) for v in (logits, mu, log_sigma)))


def draws(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, generator=generator), torch.randn(n, 1, generator=generator)


def test_rows_are_weights_means_and_log_sigmas_of_one_dimension() -> None:
    raw = torch.arange(2 * 3 * 5.0)[None]
    mix = mixture(raw, 2, 5)
    assert mix.logits[0, :, 0].tolist() == [0, 1, 2, 3, 4]
    assert mix.mu[0, :, 0].tolist() == [5, 6, 7, 8, 9]
    assert mix.log_sigma[0, :, 1].tolist() == [25, 26, 27, 28, 29]


def test_component_major_is_the_same_mixture() -> None:
    raw = torch.randn(7, 4 * 3 * 5)
    sorted_ = raw[:, component_major(4, 5)].view(7, 3, 5, 4)
    for part, expected in enumerate(mixture(raw, 4, 5)):
        assert torch.equal(sorted_[:, part], expected)


def test_nll_is_that_of_torch_distributions() -> None:
    mix = a_mixture(50, 6)
    z = torch.randn(50, 6)
    parts = Normal(mix.mu.transpose(1, 2), mix.log_sigma.exp().transpose(1, 2))
    oracle = MixtureSameFamily(Categorical(logits=mix.logits.transpose(1, 2)), parts)
    torch.testing.assert_close(nll(mix, z), -oracle.log_prob(z), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mean(mix), oracle.mean, rtol=1e-5, atol=1e-6)


def test_a_standard_normal_costs_1419_nats_a_dimension() -> None:
    z = torch.randn(400_000, 1, generator=torch.Generator().manual_seed(0))
    cost = nll(same(len(z), [0.3, -2.0], [0.0, 0.0], [0.0, 0.0]), z).mean()
    assert float(cost) == pytest.approx((1 + math.log(2 * math.pi)) / 2, abs=0.004)
    assert (1 + math.log(2 * math.pi)) / 2 == pytest.approx(1.419, abs=5e-4)


def test_log_sigma_is_bounded() -> None:
    z = torch.zeros(1, 1)
    cost = nll(same(1, [0.0], [0.0], [-50.0]), z)
    assert float(cost) == pytest.approx(LOG_SIGMA_MIN + 0.5 * math.log(2 * math.pi), abs=1e-4)


def test_gradients_are_finite_far_away() -> None:
    raw = torch.zeros(1, 15, requires_grad=True)
    nll(mixture(raw * 100 - 40, 1, 5), torch.full((1, 1), 1e3)).sum().backward()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.3])
def test_temperature_divides_logits_and_multiplies_the_variance(tau: float) -> None:
    n = 200_000
    logits, sigma = [0.0, 1.0], 0.2
    mix = same(n, logits, [-3.0, 3.0], [math.log(sigma)] * 2)
    z = sample(mix, *draws(n), torch.full((n,), tau))[:, 0]
    share = 1 / (1 + math.exp(-1.0 / tau))  # of the second component
    assert float((z > 0).float().mean()) == pytest.approx(share, abs=0.004)
    assert float(z[z > 0].std()) == pytest.approx(sigma * math.sqrt(tau), rel=0.02)
    assert float(z[z > 0].mean()) == pytest.approx(3.0, abs=0.01)


def test_without_heat_the_heaviest_component_answers_with_its_mean() -> None:
    mix = a_mixture(64, 8)
    uniform, normal = torch.rand(64, 8), torch.randn(64, 8)
    z = sample(mix, uniform, normal, torch.full((64,), 1e-8))
    best = mix.mu.gather(1, mix.logits.argmax(1, keepdim=True))[:, 0]
    torch.testing.assert_close(z, best, rtol=1e-3, atol=5e-3)


def test_temperature_is_each_streams_own() -> None:
    mix = a_mixture(64, 8)
    uniform, normal = torch.rand(64, 8), torch.randn(64, 8)
    tau = torch.linspace(0.1, 1.5, 64)
    together = sample(mix, uniform, normal, tau)
    for row in (0, 31, 63):
        alone = sample(Mixture(*(v[row : row + 1] for v in mix)), uniform[[row]], normal[[row]], tau[[row]])
        torch.testing.assert_close(together[[row]], alone)


def test_uniforms_of_zero_and_one_choose_components_that_exist() -> None:
    mix = a_mixture(2, 3)
    ends = torch.tensor([0.0, 1.0])[:, None].expand(2, 3)
    z = sample(mix, ends, torch.zeros(2, 3), torch.ones(2))
    assert torch.equal(z[0], mix.mu[0, 0])
    assert torch.equal(z[1], mix.mu[1, -1])


def test_each_dimension_chooses_for_itself() -> None:
    n = 20_000
    mix = Mixture(
        torch.zeros(n, 2, 2), torch.tensor([-1.0, 1.0]).view(1, 2, 1).expand(n, 2, 2), torch.full((n, 2, 2), -6)
    )
    generator = torch.Generator().manual_seed(0)
    z = sample(mix, torch.rand(n, 2, generator=generator), torch.zeros(n, 2), torch.ones(n))
    assert float((z[:, 0] * z[:, 1]).mean()) == pytest.approx(0.0, abs=0.03)
