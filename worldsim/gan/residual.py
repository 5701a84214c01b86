"""Residual blocks that double or halve a map, as in SNGAN and BigGAN."""

from __future__ import annotations

from typing import Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["none", "instance", "batch"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """A normalisation of maps by name; "instance" has no weights of its own."""
    layers = {"none": nn.Identity, "instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d}
    return cast(nn.Module, layers[norm](channels))


class ResidualUp(nn.Module):
    """Residual block that enlarges: the generator block of BigGAN without its conditional batch norm.

    ``y = conv3(relu(norm(conv3(up(relu(norm(x))))))) + up(conv1(x))``, ``up`` nearest-neighbour.

    Source: Miyato et al. 2018, arXiv:1802.05957, figure 9; Brock et al. 2019, arXiv:1809.11096, figure 15.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        scale: How much larger; 1 keeps the size.
        norm: Normalisation before both activations.
        activate: False leaves out the first norm and activation, for maps that have just been modulated (SPADE).

    Shapes:
        (B, inputs, H, W) -> (B, outputs, scale H, scale W).

    Differs from the paper: the skip's 1x1 convolution comes before the enlargement, which gives the same numbers for
    less work; there is none where neither size nor channels change.
    """

    def __init__(
        self, inputs: int, outputs: int, scale: int = 2, norm: Norm = "instance", activate: bool = True
    ) -> None:
        super().__init__()
        self.scale, self.activate = scale, activate
        self.norm1 = norm_layer(norm if activate else "none", inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = norm_layer(norm, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or scale > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged map."""
        y = F.relu(self.norm1(x)) if self.activate else x
        y = self.conv1(self._enlarge(y))
        y = self.conv2(F.relu(self.norm2(y)))
        return cast(Tensor, y + self._enlarge(self.skip(x)))

    def _enlarge(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=self.scale, mode="nearest") if self.scale > 1 else x


class ResidualDown(nn.Module):
    """Residual block that halves: the discriminator block of SNGAN and BigGAN.

    ``y = pool(conv3(relu(conv3(relu(x))))) + conv1(pool(x))``, ``pool`` the mean of 2 x 2.

    Source: Miyato et al. 2018, arXiv:1802.05957, figure 9; Brock et al. 2019, arXiv:1809.11096, figure 15.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        halve: False keeps the size.
        activate: False leaves out the first activation, for the block that sees the picture.
        hidden: Channels between the two convolutions; None takes ``outputs``.

    Shapes:
        (B, inputs, H, W) -> (B, outputs, H // 2, W // 2).

    Differs from the paper: the skip is pooled before its 1x1 convolution in every block, which gives the same numbers
    for less work; there is no convolution where neither size nor channels change.
    """

    def __init__(
        self, inputs: int, outputs: int, halve: bool = True, activate: bool = True, hidden: int | None = None
    ) -> None:
        super().__init__()
        self.halve, self.activate = halve, activate
        hidden = outputs if hidden is None else hidden
        self.conv1 = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The halved map."""
        y = self.conv1(F.relu(x) if self.activate else x)
        y = self.conv2(F.relu(y))
        return cast(Tensor, self._shrink(y) + self.skip(self._shrink(x)))

    def _shrink(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.halve else x
