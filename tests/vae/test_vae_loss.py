"""V's loss against closed forms, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from worldsim.vae.colour import colour_weights
from worldsim.vae.conv_vae import ConvVAE, ConvVAEConfig
from worldsim.vae.images import shrink, to_frames, to_unit
from worldsim.vae.loss import floored_kl, gaussian_kl, masked_mean, squared_error
from worldsim.vae.objective import ConvVAEObjective, Pictures


def test_kl_of_known_gaussians() -> None:
    mu, logvar = torch.randn(6, 9), torch.randn(6, 9)
    oracle = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(gaussian_kl(mu, logvar), oracle)
    one = gaussian_kl(torch.tensor([[1.0]]), torch.tensor([[math.log(4.0)]]))
    assert float(one) == pytest.approx(0.5 * (4 + 1 - 1 - math.log(4.0)))


def test_the_floor_is_on_the_sum_over_dimensions() -> None:
    mu = torch.zeros(2, 32)
    mu[1, 0] = 10.0  # 50 nats in one dimension, none in the others
    kl = floored_kl(mu, torch.zeros(2, 32), 0.5)
    assert kl.tolist() == [16.0, 50.0]


def test_below_the_floor_nothing_pulls() -> None:
    mu = torch.full((1, 4), 0.1, requires_grad=True)
    floored_kl(mu, torch.zeros(1, 4), 0.5).sum().backward()
    assert mu.grad is not None
    assert (mu.grad == 0).all()


def test_squared_error_is_summed_over_the_picture() -> None:
    real = torch.zeros(2, 3, 64, 64)
    assert squared_error(real + 0.5, real).tolist() == [0.25 * 3 * 64 * 64] * 2
    weight = torch.zeros(2, 1, 64, 64)
    weight[0, :, 0, 0] = 2
    assert squared_error(real + 0.5, real, weight).tolist() == [0.25 * 3 * 2, 0.0]


def test_masked_mean() -> None:
    values = torch.tensor([1.0, 3.0, float("nan")])
    assert float(masked_mean(values, torch.tensor([True, True, False]))) == 2
    assert float(masked_mean(values, torch.zeros(3, dtype=torch.bool))) == 0


def test_frames_become_pictures_and_return() -> None:
    frames = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    assert torch.equal(to_frames(to_unit(frames)), frames)
    assert shrink(frames) is frames
    flat = torch.full((2, 48, 40, 3), 77, dtype=torch.uint8)
    assert (shrink(flat) == 77).all()
    assert shrink(flat).shape == (2, 64, 64, 3)
    assert shrink(frames, 84, 80).shape == (2, 84, 80, 3)


def test_shrinking_averages() -> None:
    stripes = torch.zeros(1, 128, 128, 1, dtype=torch.uint8)
    stripes[:, ::2] = 200
    middle = shrink(stripes)[0, 8:-8, 8:-8].float()
    assert 90 < float(middle.min()) <= float(middle.max()) < 110


def pictures(n: int) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 256, (n, 8, 8, 3), dtype=torch.uint8, generator=generator)
    return Pictures(small.repeat_interleave(8, 1).repeat_interleave(8, 2), torch.ones(n, dtype=torch.bool))


def test_what_the_mask_leaves_out_costs_nothing() -> None:
    objective = ConvVAEObjective(ConvVAE(ConvVAEConfig(8)), colours=torch.ones(64))
    batch = pictures(6)
    mask = torch.tensor([True, True, True, False, True, False])
    other = batch.frames.clone()
    other[~mask] = 0
    one = objective.loss(Pictures(batch.frames, mask), torch.Generator().manual_seed(0), "model")[0]
    two = objective.loss(Pictures(other, mask), torch.Generator().manual_seed(0), "model")[0]
    assert torch.equal(one, two)


def test_the_loss_is_error_plus_floored_kl() -> None:
    objective = ConvVAEObjective(ConvVAE(ConvVAEConfig(8)), tolerance=50.0, kl_weight=3.0)
    loss, logs = objective.loss(pictures(4), torch.Generator().manual_seed(0), "model")
    assert float(logs["kl"]) < 400
    assert float(loss.detach()) == pytest.approx(float(logs["squared_error"]) + 3 * 400, rel=1e-5)


def test_rare_colours_weigh_more() -> None:
    batch = pictures(4)
    weighted = ConvVAEObjective(ConvVAE(ConvVAEConfig(8)), colours=colour_weights(batch.frames))
    plain = ConvVAEObjective(weighted.vision)
    costs = [o.loss(batch, torch.Generator().manual_seed(0), "model")[0].detach() for o in (weighted, plain)]
    assert float(costs[0]) != float(costs[1])
    assert float(costs[0]) == pytest.approx(float(costs[1]), rel=0.5)  # weights have mean 1


def halves() -> Pictures:
    """Four pictures, a white half each."""
    frames = torch.zeros(4, 64, 64, 3, dtype=torch.uint8)
    frames[0, :32], frames[1, 32:], frames[2, :, :32], frames[3, :, 32:] = 255, 255, 255, 255
    return Pictures(frames, torch.ones(4, dtype=torch.bool))


def test_it_overfits_one_batch() -> None:
    torch.manual_seed(0)
    objective = ConvVAEObjective(ConvVAE(ConvVAEConfig(8)))
    optimizer = torch.optim.Adam(objective.parameters(), 1e-3)
    batch, costs = halves(), []
    for step in range(60):
        loss, logs = objective.loss(batch, torch.Generator().manual_seed(step), "model")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(float(logs["squared_error"]))
    assert costs[-1] < 0.2 * costs[0]
    rows = objective.eval().samples(batch)
    assert rows["real"].shape == rows["predicted"].shape == (4, 64, 64, 3)
