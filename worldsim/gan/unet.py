"""The U-Net generator of pix2pix and its two blocks: picture to picture, details pass by the bottleneck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.dcgan import initialise
from worldsim.gan.residual import Norm, norm_layer


class UNetDown(nn.Module):
    """``norm(conv4(leaky_relu(x)))``, half the size; without the activation for the first, which sees the picture.

    Shapes:
        (B, inputs, H, W) -> (B, outputs, H / 2, W / 2).
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm = "batch", activate: bool = True) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=norm == "instance")
        self.norm = norm_layer(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The halved map."""
        return cast(Tensor, self.norm(self.conv(F.leaky_relu(x, 0.2) if self.activate else x)))


class UNetUp(nn.Module):
    """``dropout(norm(conv4^T(relu(x))))``, twice the size, with the map of the way down appended.

    Shapes:
        (B, inputs, H, W), beside (B, S, 2 H, 2 W) -> (B, outputs + S, 2 H, 2 W).
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm = "batch", dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm != "batch")
        self.norm = norm_layer(norm, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        """The enlarged map and what lies beside it."""
        return torch.cat([self.dropout(self.norm(self.conv(F.relu(x)))), beside], 1)


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of `UNet`."""

    inputs: int = 3
    """Channels of the picture that comes in."""
    outputs: int = 3
    """Channels of the picture that goes out."""
    width: int = 64
    """Channels of the first layer; they double up to eight times that."""
    depth: int = 8
    """Halvings: H and W must be divisible by 2^depth (8 for pix2pix's 256 pixels)."""
    norm: Norm = "batch"
    """Between layers."""
    dropout: float = 0.5
    """In three of the deepest layers of the way up: pix2pix's only noise, which it keeps at inference (train mode)."""


class UNet(nn.Module):
    """Picture to picture.

    Source: Isola et al. 2017, arXiv:1611.07004, section 3.2.1 and appendix 6.1.1 (after Ronneberger et al. 2015,
    arXiv:1505.04597).

    Shapes:
        (B, inputs, H, W) -> (B, outputs, H, W) in [-1, 1].
        Parameters: 54,413,955 with the default sizes, as in the authors' released network (54.414 M).
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        if config.depth < 2:
            raise BadInput(f"a U-Net needs a depth of at least 2, got {config.depth}")
        self.config = config
        widths = [min(config.width << i, 8 * config.width) for i in range(config.depth)]
        self.down = nn.ModuleList([UNetDown(config.inputs, widths[0], "none", activate=False)])
        for index in range(1, config.depth):
            norm: Norm = "none" if index == config.depth - 1 else config.norm
            self.down.append(UNetDown(widths[index - 1], widths[index], norm))
        self.up, inputs = nn.ModuleList(), widths[-1]
        for index in reversed(range(config.depth - 1)):
            # The deepest has no dropout in the released network; the next three have.
            drops = config.depth - 5 <= index < config.depth - 2 and widths[index] == 8 * config.width
            self.up.append(UNetUp(inputs, widths[index], config.norm, config.dropout if drops else 0.0))
            inputs = 2 * widths[index]
        self.last = nn.ConvTranspose2d(inputs, config.outputs, 4, 2, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """The other picture."""
        divisor = 1 << self.config.depth
        if x.shape[-1] % divisor or x.shape[-2] % divisor:
            raise BadInput(
                f"a U-Net of depth {self.config.depth} needs sides divisible by {divisor}, got {tuple(x.shape[-2:])}; "
                "choose a smaller depth"
            )
        beside = []
        for layer in self.down:
            x = layer(x)
            beside.append(x)
        for layer, other in zip(self.up, beside[-2::-1], strict=True):
            x = layer(x, other)
        return cast(Tensor, self.last(F.relu(x)).tanh().float())
