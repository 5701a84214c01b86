"""Adversarial losses against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from worldsim.errors import BadInput
from worldsim.gan.losses import LOSSES, gan_loss

REAL, FAKE = torch.tensor([0.5, -2.0, 3.0]), torch.tensor([-0.5, 1.5])


def slope(name: str, logit: float) -> float:
    """Gradient of the generator's loss at one logit."""
    fake = torch.tensor([logit], requires_grad=True)
    LOSSES[name].generator(fake).backward()
    assert fake.grad is not None
    return float(fake.grad)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x.double()))


def test_the_table_holds_the_six_losses() -> None:
    assert list(LOSSES) == ["minimax", "non-saturating", "wgan", "lsgan", "hinge", "ebgan"]


@pytest.mark.parametrize("logit", [-30.0, -300.0])
def test_the_non_saturating_gradient_stays_at_one_where_the_saturating_one_vanishes(logit: float) -> None:
    assert slope("non-saturating", logit) == pytest.approx(-1, abs=1e-6)
    assert -1e-12 < slope("minimax", logit) <= 0
    # Where the discriminator is fooled it is the other way round.
    assert slope("minimax", -logit) == pytest.approx(-1, abs=1e-6)
    assert -1e-12 < slope("non-saturating", -logit) <= 0


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_cross_entropies_are_the_logarithms_of_the_paper(name: str) -> None:
    real, fake = sigmoid(REAL), sigmoid(FAKE)
    expected = -real.log().mean() - (1 - fake).log().mean()
    assert float(LOSSES[name].discriminator(REAL, FAKE)) == pytest.approx(float(expected), rel=1e-6)
    generator = (1 - fake).log().mean() if name == "minimax" else -fake.log().mean()
    assert float(LOSSES[name].generator(FAKE)) == pytest.approx(float(generator), rel=1e-6)


def value_of_the_best(shift: float) -> float:
    """The game's value for N(0, 1) against N(shift, 1), by quadrature at the best possible discriminator."""
    x = torch.linspace(-12, 12 + shift, 401, dtype=torch.float64)
    p, q = Normal(0.0, 1.0), Normal(shift, 1.0)
    sure = torch.tensor([1e4])  # costs the other side nothing
    loss = LOSSES["minimax"].discriminator
    of_real = torch.stack([loss(logit, -sure) for logit in p.log_prob(x) - q.log_prob(x)])
    of_fake = torch.stack([loss(sure, logit) for logit in p.log_prob(x) - q.log_prob(x)])
    costs = p.log_prob(x).exp() * of_real + q.log_prob(x).exp() * of_fake
    return -float(costs.sum() * (x[1] - x[0]))


def test_the_value_is_minus_log_4_at_equality_and_higher_where_the_best_discriminator_sees_a_difference() -> None:
    assert value_of_the_best(0.0) == pytest.approx(-math.log(4), abs=1e-4)
    zeros = torch.zeros(5)
    assert float(LOSSES["minimax"].discriminator(zeros, zeros)) == pytest.approx(math.log(4), rel=1e-6)
    # -log 4 + 2 JSD, and two distributions without overlap have a JSD of log 2.
    assert -math.log(4) < value_of_the_best(1.0) < value_of_the_best(3.0) < value_of_the_best(12.0)
    assert value_of_the_best(12.0) == pytest.approx(0, abs=1e-4)


def test_no_discriminator_is_better_than_the_log_ratio() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(20_000, generator=generator)
    fake = torch.randn(20_000, generator=generator) + 1
    best = 0.5 - real, 0.5 - fake  # log p / q of N(0, 1) and N(1, 1)
    lowest = LOSSES["minimax"].discriminator(*best)
    for stretch, shift in ((1.3, 0.0), (0.7, 0.0), (1.0, 0.3), (1.0, -0.3)):
        assert LOSSES["minimax"].discriminator(*(stretch * x + shift for x in best)) > lowest


def test_the_critic_gap_of_a_slope_of_one_is_minus_the_distance_of_shifted_clouds() -> None:
    cloud = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([3.0, 0.0, -4.0])  # W1 of a cloud and its shifted copy is |shift| = 5
    to_real = -shift / 5
    assert float(LOSSES["wgan"].discriminator(cloud @ to_real, (cloud + shift) @ to_real)) == pytest.approx(
        -5, rel=1e-5
    )
    other = torch.nn.functional.normalize(torch.tensor([1.0, 2.0, 2.0]), dim=0)
    assert LOSSES["wgan"].discriminator(cloud @ other, (cloud + shift) @ other) > -5
    assert slope("wgan", 7.0) == -1


def test_least_squares() -> None:
    loss = LOSSES["lsgan"]
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(0.5 * (0.25 + 9 + 4) / 3 + 0.5 * (0.25 + 2.25) / 2)
    assert float(loss.discriminator(torch.ones(3), torch.zeros(3))) == 0
    assert slope("lsgan", 1.0) == 0
    assert slope("lsgan", -2.0) == -3


def test_hinge_at_plus_and_minus_one() -> None:
    loss = LOSSES["hinge"]
    assert float(loss.discriminator(torch.tensor([1.0]), torch.tensor([-1.0]))) == 0
    assert float(loss.discriminator(torch.tensor([-1.0]), torch.tensor([1.0]))) == 4
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((0.5 + 3 + 0) / 3 + (0.5 + 2.5) / 2)
    assert slope("hinge", 30.0) == -1


def test_energy_margin() -> None:
    real, fake = torch.tensor([-0.5, -1.5]), torch.tensor([-0.25, -4.0])  # energies .5, 1.5 and .25, 4
    assert float(LOSSES["ebgan"].discriminator(real, fake)) == pytest.approx(1.0 + 0.75 / 2)
    assert float(gan_loss("ebgan", margin=5.0).discriminator(real, fake)) == pytest.approx(1.0 + (4.75 + 1) / 2)
    assert float(LOSSES["ebgan"].generator(fake)) == pytest.approx(2.125)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_smoothed_labels_are_best_served_by_logit_of_the_target(name: str) -> None:
    logit = torch.tensor([math.log(9.0)], requires_grad=True)  # sigmoid = .9
    gan_loss(name, real_target=0.9).discriminator(logit, torch.zeros(1)).backward()
    assert float(logit.grad) == pytest.approx(0, abs=1e-6)  # type: ignore[arg-type]
    p = sigmoid(REAL)
    expected = -(0.9 * p.log() + 0.1 * (1 - p).log()).mean() - (1 - sigmoid(FAKE)).log().mean()
    assert float(gan_loss(name, real_target=0.9).discriminator(REAL, FAKE)) == pytest.approx(float(expected), rel=1e-6)


def test_smoothed_least_squares_and_the_side_that_stays() -> None:
    smoothed = gan_loss("lsgan", real_target=0.9)
    assert float(smoothed.discriminator(torch.tensor([0.9]), torch.tensor([0.0]))) == pytest.approx(0, abs=1e-12)
    assert smoothed.generator is LOSSES["lsgan"].generator


@pytest.mark.parametrize("name", LOSSES)
def test_maps_of_logits_in_half_precision_give_a_float32_mean_over_all_patches(name: str) -> None:
    real, fake = torch.randn(2, 4, 1, 3, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    loss = LOSSES[name]
    assert loss.discriminator(real, fake).dtype == torch.float32
    torch.testing.assert_close(loss.discriminator(real, fake), loss.discriminator(real.flatten(), fake.flatten()))
    torch.testing.assert_close(loss.generator(fake), loss.generator(fake.float().flatten()))


@pytest.mark.parametrize("name", LOSSES)
def test_the_generator_always_wants_higher_logits_and_the_discriminator_lower_ones_for_it(name: str) -> None:
    real, fake = torch.tensor([-0.3]), torch.tensor([-0.2], requires_grad=True)
    LOSSES[name].discriminator(real, fake).backward()
    assert fake.grad is not None
    assert float(fake.grad) > 0 or name == "lsgan"  # least squares pulls to 0 from below
    assert slope(name, -0.2) < 0


def test_unknown_names_and_labels_where_there_are_none() -> None:
    with pytest.raises(BadInput, match="unknown adversarial loss 'vanilla'; choose one of minimax, non-sat"):
        gan_loss("vanilla")
    with pytest.raises(BadInput, match="label smoothing needs labels, which 'hinge' does not have"):
        gan_loss("hinge", real_target=0.9)
