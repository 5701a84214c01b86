"""FrameFeatures: the one encoder that all three judges share."""

from __future__ import annotations

from typing import Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.residual import ResidualDown

Kind = Literal["grid", "simple", "residual"]
"""grid: ours, for the small presets; simple and residual: the release's two."""


class FrameFeatures(nn.Module):
    """Pictures to maps of features.

    - simple (64 pixels, 962,240 parameters): convolutions of 64 (4, stride 2), 128, 256 and 256 (3, stride 2) channels
      with LeakyReLU 0.2: 256 x 3 x 3;
    - residual: five residual blocks of 16, 32, 64, 128 and 256 channels, as many between a block's convolutions as come
      in, each but the last halving: 256 x 4 x 4 from 64
      pixels, 256 x 5 x 5 from 84;
    - grid: one convolution that sees half a cell at a time, one of 2 x 2: a vector for each cell. A critic that sees
      black as 0 through patches of 6 x 6 learned to tell actions; with the usual first layer it stayed at chance.

    Source: the release of Kim et al. 2020, arXiv:2005.12126 (simple, residual); spectral norm is put on by `Judges`.

    Shapes:
        (n, C, H, W) -> (n, width, r, c); ``size`` is (width, r, c).
    """

    def __init__(self, kind: Kind, channels: int, height: int, width: int, cell: int = 12) -> None:
        super().__init__()
        if kind == "grid":
            self.net = nn.Sequential(
                nn.Conv2d(channels, 48, cell // 2, cell // 2),
                nn.LeakyReLU(0.2),
                nn.Conv2d(48, 64, 2, 2),
                nn.LeakyReLU(0.2),
            )
            self.size = (64, height // cell, width // cell)
            return
        if min(height, width) < 64:
            raise BadInput(f"the published critics need pictures of at least 64 pixels, got {height} x {width}")
        layers: list[nn.Module] = []
        inputs = channels
        if kind == "simple":
            for outputs, kernel in ((64, 4), (128, 3), (256, 3), (256, 3)):
                layers += [nn.Conv2d(inputs, outputs, kernel, 2), nn.LeakyReLU(0.2)]
                height, width, inputs = (height - kernel) // 2 + 1, (width - kernel) // 2 + 1, outputs
        else:
            for number, outputs in enumerate((16, 32, 64, 128, 256)):
                layers.append(ResidualDown(inputs, outputs, halve=number < 4, activate=number > 0, hidden=inputs))
                inputs = outputs
            height, width = height // 16, width // 16
        self.net = nn.Sequential(*layers)
        self.size = (256, height, width)

    def forward(self, image: Tensor) -> Tensor:
        """The features."""
        return cast(Tensor, self.net(image))


class Flat(nn.Module):
    """LeakyReLU 0.2 and (n, C, 1, 1) to (n, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Flattened."""
        return F.leaky_relu(x, 0.2).flatten(1)
