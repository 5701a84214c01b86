"""Adversarial losses by name, on logits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from worldsim.errors import BadInput


class GanLoss(NamedTuple):
    """What the two players minimise; means over every element, so logits may have any shape (maps of patches too)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    """Scalar from the logits of real and of generated samples."""
    generator: Callable[[Tensor], Tensor]
    """Scalar from the logits of generated samples."""


def cross_entropy(real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
    """The discriminator's ``-E log D(x) - E log(1 - D(G(z)))``, ``D = sigmoid(logit)``, as softplus.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, equation 1; ``log 4`` where both distributions are equal and D is
    the best possible.

    A ``real_target`` of .9 is one-sided label smoothing (Salimans et al. 2016, arXiv:1606.03498, section 3.4): real
    samples are to score .9, generated ones still 0.
    """
    real, fake = real.float(), fake.float()
    return (F.softplus(-real) + (1 - real_target) * real).mean() + F.softplus(fake).mean()


def saturating(fake: Tensor) -> Tensor:
    """``E log(1 - D(G(z)))``: the minimax game; its gradient vanishes where D is sure (arXiv:1406.2661, section 3)."""
    return -F.softplus(fake.float()).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """``-E log D(G(z))`` (arXiv:1406.2661, section 3): the gradient is -1 where D is sure that a sample is not real."""
    return F.softplus(-fake.float()).mean()


def critic_gap(real: Tensor, fake: Tensor) -> Tensor:
    """``E D(G(z)) - E D(x)``: minus the Wasserstein-1 distance if D is the best 1-Lipschitz function.

    Source: Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, equation 2. D must be kept Lipschitz: clip its weights
    (`worldsim.gan.penalties.clip_weights`), add a penalty or use spectral norm.
    """
    return fake.float().mean() - real.float().mean()


def negative(fake: Tensor) -> Tensor:
    """``-E D(G(z))``: the generator of WGAN, hinge and energy losses."""
    return -fake.float().mean()


def least_squares(real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
    """``E (D(x) - b)^2 / 2 + E D(G(z))^2 / 2``, b = 1 (Mao et al. 2017, arXiv:1611.04076, equation 9)."""
    return 0.5 * (real.float() - real_target).square().mean() + 0.5 * fake.float().square().mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """``E (D(G(z)) - 1)^2 / 2`` (arXiv:1611.04076, equation 9)."""
    return 0.5 * (fake.float() - 1).square().mean()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """``E relu(1 - D(x)) + E relu(1 + D(G(z)))`` (Lim & Ye 2017, arXiv:1705.02894; Miyato et al., arXiv:1802.05957)."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def energy_margin(real: Tensor, fake: Tensor, margin: float = 1.0) -> Tensor:
    """``E U(x) + E relu(m - U(G(z)))``, the energy ``U = -logit >= 0`` being an autoencoder's error.

    Source: Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, equation 1. The margin m must fit the scale of the energy, so
    the paper chooses it for each data set; `worldsim.gan.energy.EnergyCritic` makes such logits.
    """
    return -real.float().mean() + F.relu(margin + fake.float()).mean()


LOSSES: dict[str, GanLoss] = {
    "minimax": GanLoss(cross_entropy, saturating),
    "non-saturating": GanLoss(cross_entropy, non_saturating),
    "wgan": GanLoss(critic_gap, negative),
    "lsgan": GanLoss(least_squares, least_squares_generator),
    "hinge": GanLoss(hinge, negative),
    "ebgan": GanLoss(energy_margin, negative),
}
"""Every loss by name. A logit is higher for what D takes for real, also in "ebgan", where it is minus the energy."""


def gan_loss(name: str, real_target: float = 1.0, margin: float = 1.0) -> GanLoss:
    """`LOSSES` by name, with its one option.

    Args:
        name: A key of `LOSSES`.
        real_target: Below 1: one-sided label smoothing ("minimax", "non-saturating" and "lsgan" only).
        margin: Of "ebgan".

    Raises:
        BadInput: Unknown name, or smoothing of a loss that has no labels.

    Example:
        >>> import torch
        >>> float(gan_loss("hinge").generator(torch.tensor([0.5, 1.5])))
        -1.0
    """
    if name not in LOSSES:
        raise BadInput(f"unknown adversarial loss {name!r}; choose one of {', '.join(LOSSES)}")
    loss = LOSSES[name]
    if name == "ebgan":
        loss = loss._replace(discriminator=partial(energy_margin, margin=margin))
    if real_target == 1.0:
        return loss
    if loss.discriminator not in (cross_entropy, least_squares):
        raise BadInput(f"label smoothing needs labels, which {name!r} does not have; use non-saturating or lsgan")
    return loss._replace(discriminator=partial(loss.discriminator, real_target=real_target))
