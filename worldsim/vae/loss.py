"""The loss of V: squared error summed over the picture, and a KL divergence with a floor."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)) in nats, summed over dimensions: (..., Z) -> (...).

    ``-1/2 sum(1 + logvar - mu^2 - exp(logvar))`` (Kingma & Welling 2014, arXiv:1312.6114, appendix B).
    """
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(-1)


def floored_kl(mu: Tensor, logvar: Tensor, tolerance: float) -> Tensor:
    """The KL divergence of each sample, but never below ``tolerance * Z`` nats: (n, Z) -> (n,).

    The floor is on the SUM over dimensions, so single dimensions may still collapse to the prior. Source: the code
    released with Ha & Schmidhuber 2018 (arXiv:1803.10122), tolerance 0.5; below the floor its gradient is zero.
    """
    return gaussian_kl(mu, logvar).clamp(min=tolerance * mu.shape[-1])


def squared_error(predicted: Tensor, real: Tensor, weight: Tensor | None = None) -> Tensor:
    """Squared error summed over all pixels and channels: (n, C, H, W) twice -> (n,).

    Args:
        predicted: in [0, 1].
        real: in [0, 1].
        weight: (n, 1, H, W) of each pixel, see `worldsim.vae.colour`; None counts all alike, as in World Models.
    """
    error = (predicted - real).square()
    if weight is not None:
        error = error * weight
    return error.flatten(1).sum(1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the entries that ``mask`` (bool, same shape) keeps; 0 if it keeps none."""
    kept = mask.to(values.dtype)
    return (torch.where(mask, values, 0) * kept).sum() / kept.sum().clamp(min=1)
