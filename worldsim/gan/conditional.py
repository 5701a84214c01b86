"""Two ways to show a discriminator what a picture should be of; a condition is a vector (one-hot label, action)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def concatenate(x: Tensor, condition: Tensor) -> Tensor:
    """Append a condition to vectors, or as constant planes to maps (Mirza & Osindero 2014, arXiv:1411.1784).

    Shapes:
        x (B, F) or (B, C, H, W), condition (B, A) -> (B, F + A) or (B, C + A, H, W).
    """
    condition = condition.to(x.dtype)
    if x.dim() > 2:
        condition = condition.view(*condition.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
    return torch.cat([x, condition], 1)


class ProjectionHead(nn.Module):
    """Logit ``psi . phi + b + (V y) . phi`` of features phi and condition y.

    Source: Miyato & Koyama 2018, "cGANs with Projection Discriminator", arXiv:1802.05637, equation 3. Without a
    condition it is a linear layer; for a one-hot y, V y is an embedding of the label.

    Args:
        features: F.
        condition: A, 0 for none.

    Shapes:
        features (B, F), condition (B, A) -> (B,).
    """

    def __init__(self, features: int, condition: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.project = nn.Linear(condition, features, bias=False) if condition else None

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """The logits."""
        logits = self.linear(features).squeeze(1)
        if self.project is None:
            return logits
        assert condition is not None, "this head was built with a condition"
        return logits + (self.project(condition.to(features.dtype)) * features).sum(1)
