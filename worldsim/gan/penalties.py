"""What keeps a critic Lipschitz: gradient penalties and weight clipping."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from worldsim.errors import BadInput


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator, weight: float = 10.0
) -> Tensor:
    """WGAN-GP: ``weight E (|grad D(x)|_2 - 1)^2``, x uniform on the segment between a real and a generated sample.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3 and algorithm 1 (weight 10). A batch norm in the critic
    makes rows depend on each other and the penalty meaningless; section 4 says to leave it out.

    Args:
        critic: Maps (B, ...) to logits (B, ...); a row's logits are summed.
        real: (B, ...).
        fake: (B, ...), no gradient flows into it.
        generator: Draws the points.
        weight: lambda.
    """
    if real.shape != fake.shape:
        raise BadInput(f"real and generated batches must have one shape, got {real.shape} and {fake.shape}")
    share = torch.rand(len(real), generator=generator, device=real.device)
    share = share.view(-1, *[1] * (real.dim() - 1))
    slopes = _gradients(critic, torch.lerp(fake.detach(), real.detach(), share))
    return weight * (torch.linalg.vector_norm(slopes, dim=1) - 1).square().mean()


def r1(critic: Callable[[Tensor], Tensor], real: Tensor, weight: float = 10.0) -> Tensor:
    """R1: ``weight / 2 E |grad D(x)|_2^2`` at real samples (Mescheder et al. 2018, arXiv:1801.04406, equation 9).

    Args:
        critic: Maps (B, ...) to logits (B, ...); a row's logits are summed.
        real: (B, ...).
        weight: gamma (10 in the paper).
    """
    return weight / 2 * _gradients(critic, real.detach()).square().sum(1).mean()


@torch.no_grad()
def clip_weights(parameters: Iterable[Tensor], limit: float = 0.01) -> None:
    """Clip every weight to +-limit after each update, as WGAN does (arXiv:1701.07875, algorithm 1: 0.01)."""
    for parameter in parameters:
        parameter.clamp_(-limit, limit)


def _gradients(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The critic's gradient at each row of x, (B, size of a row) float32, itself differentiable."""
    x = x.float().requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(x).float().sum(), x, create_graph=True)
    return slopes.flatten(1)
