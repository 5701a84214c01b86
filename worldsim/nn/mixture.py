"""Gaussian mixtures, one for each dimension of a latent vector: likelihood, and sampling with a temperature."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

LOG_SIGMA_MIN, LOG_SIGMA_MAX = -6.0, 4.0
"""Bounds of every component's log standard deviation."""


class Mixture(NamedTuple):
    """For each of Z dimensions a mixture of K Gaussians of its own; K lies before Z, which is the faster layout."""

    logits: Tensor  # (..., K, Z) log-weights up to a constant
    mu: Tensor  # (..., K, Z)
    log_sigma: Tensor  # (..., K, Z), not yet bounded


def mixture(raw: Tensor, latent: int, components: int) -> Mixture:
    """Read the published layout: (..., Z * 3 * K), a row of K log-weights, K means and K log-sigmas per dimension."""
    rows = raw.reshape(*raw.shape[:-1], latent, 3, components)
    return Mixture(*(rows[..., part, :].transpose(-1, -2) for part in range(3)))


def component_major(latent: int, components: int) -> Tensor:
    """The order of output units that turns the published layout into (3, K, Z): indices (3 * K * Z,)."""
    return torch.arange(latent * 3 * components).view(latent, 3 * components).T.reshape(-1)


def nll(mix: Mixture, z: Tensor) -> Tensor:
    """Negative log-likelihood in nats, dimension by dimension: z (..., Z) -> (..., Z).

    ``-log sum_k pi_k N(z; mu_k, sigma_k)`` with ``sigma = exp(clip(log_sigma, -6, 4))``. A density: it may be
    negative. The mean for a standard normal under itself is ``(1 + log 2 pi) / 2 = 1.419``.

    Source: Bishop 1994, "Mixture Density Networks"; Ha & Schmidhuber 2018, arXiv:1803.10122, appendix A.2.

    Differs from the paper: log-sigma is bounded; unbounded, a component can collapse on a value that repeats and the
    loss falls without end.
    """
    log_sigma = mix.log_sigma.clamp(LOG_SIGMA_MIN, LOG_SIGMA_MAX)
    scaled = (z.unsqueeze(-2) - mix.mu) * torch.exp(-log_sigma)
    joint = mix.logits - 0.5 * scaled.square() - log_sigma
    nats = torch.logsumexp(mix.logits, -2) - torch.logsumexp(joint, -2)
    return nats + 0.5 * math.log(2 * math.pi)


def mean(mix: Mixture) -> Tensor:
    """The expected value of every dimension: (..., K, Z) -> (..., Z)."""
    return (mix.logits.softmax(-2) * mix.mu).sum(-2)


def sample(mix: Mixture, uniform: Tensor, normal: Tensor, temperature: Tensor) -> Tensor:
    """Draw every dimension from its own mixture: (B, K, Z) -> (B, Z).

    A component by its weight ``softmax(logits / tau)``, then ``mu + sigma sqrt(tau) normal``: tau multiplies the
    variance (Ha & Schmidhuber 2018, section 4.2 and the released code).

    Args:
        mix: parameters, (B, K, Z) each.
        uniform: (B, Z) in [0, 1], chooses the component.
        normal: (B, Z) standard normals.
        temperature: (B,), above 0.
    """
    tau = temperature[:, None]
    share = torch.softmax(mix.logits / tau[:, None], 1)
    if torch.compiler.is_compiling():  # becomes one loop; run operation by operation it is the slower way
        below, mu, log_sigma = torch.zeros_like(uniform), mix.mu[:, 0], mix.log_sigma[:, 0]
        for k in range(1, mix.mu.shape[1]):
            below = below + share[:, k - 1]
            beyond = below <= uniform
            mu, log_sigma = torch.where(beyond, mix.mu[:, k], mu), torch.where(beyond, mix.log_sigma[:, k], log_sigma)
    else:
        pick = (share.cumsum(1)[:, :-1] <= uniform[:, None]).sum(1, keepdim=True)  # (B, 1, Z) in [0, K)
        mu, log_sigma = mix.mu.gather(1, pick)[:, 0], mix.log_sigma.gather(1, pick)[:, 0]
    sigma = torch.exp(log_sigma.clamp(LOG_SIGMA_MIN, LOG_SIGMA_MAX))
    return torch.addcmul(mu, sigma * tau.sqrt(), normal)
