"""SPADE: normalisation that a map steers place by place."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput


class Spade(nn.Module):
    """Spatially-adaptive normalisation: ``y = norm(x) (1 + gamma(m)) + beta(m)``, m a map at any size.

    ``a = relu(conv3(resize(m)))``, ``gamma = conv3(a)``, ``beta = conv3(a)``; norm has no weights of its own; resize
    takes the nearest place.

    Source: Park et al. 2019, "Semantic Image Synthesis with Spatially-Adaptive Normalization", arXiv:1903.07291,
    equations 1 to 3 and figure 2; written from the paper alone.

    Args:
        channels: C of the normalised features.
        map_channels: D of the map.
        hidden: Channels of a (the paper's 128).
        norm: "instance" (over the places of one picture) or "batch" (over the places of all, as in the paper).

    Shapes:
        x (B, C, H, W), map (B, D, h, w) -> (B, C, H, W).

    Differs from the paper: the scale is 1 + gamma rather than gamma, so that small weights leave the features as they
    are; "instance" is the default, with which a picture does not depend on the others of its batch.
    """

    def __init__(self, channels: int, map_channels: int, hidden: int = 128, norm: str = "instance") -> None:
        super().__init__()
        if norm not in ("instance", "batch"):
            raise BadInput(f'SPADE\'s norm must be "instance" or "batch", got {norm!r}')
        self.norm = nn.InstanceNorm2d(channels) if norm == "instance" else nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(map_channels, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, map: Tensor) -> Tensor:
        """The features, normalised and steered."""
        if map.shape[-2:] != x.shape[-2:]:
            map = F.interpolate(map, size=x.shape[-2:], mode="nearest")
        shared = F.relu(self.shared(map))
        return cast(Tensor, self.norm(x) * (1 + self.gamma(shared)) + self.beta(shared))
