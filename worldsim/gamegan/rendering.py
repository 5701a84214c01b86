"""The rendering engine of GameGAN-M: one vector to one picture."""

from __future__ import annotations

from typing import Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.attention import SelfAttention
from worldsim.gan.residual import ResidualUp
from worldsim.gan.spectral import spectral

Blocks = Literal["residual", "simple", "plain"]
"""residual: BigGAN's blocks (the release's default); simple: transposed convolutions with spectral norm (its
``--simple_blocks``, 64 pixels only); plain: the paper's transposed convolutions."""

START = {("residual", 64): 8, ("residual", 84): 7, ("simple", 64): 7, ("plain", 64): 4, ("plain", 84): 7}
"""Side of the first map, for blocks and the picture's side."""


class FirstUp(nn.Module):
    """A transposed block: LeakyReLU, [ConvTranspose 3, stride 1], ConvTranspose 3, stride 2, padding 1.

    7 -> 17 with the extra layer, n -> 2 n - 1 without. Source: the released ``simple_blocks``.
    """

    def __init__(self, inputs: int, outputs: int, extra: bool, activate: bool = True) -> None:
        super().__init__()
        self.activate = activate
        self.extra = nn.ConvTranspose2d(inputs, inputs, 3) if extra else None
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The enlarged map."""
        x = F.leaky_relu(x, 0.2) if self.activate else x
        if self.extra is not None:
            x = F.leaky_relu(self.extra(x), 0.2)
        return cast(Tensor, self.up(x))


def up_blocks(blocks: Blocks, side: int, width: int, first: int) -> list[tuple[nn.Module, int]]:
    """The blocks that lead from the first map (``first`` channels) to the picture's size, with their output channels.

    ``width`` is the release's ``nfilterG``: the last block has 2 x width channels, each one before twice as many.
    The third block is the one that SPADE steers in the disentangled renderer, so it skips its own norm there.
    """
    if (blocks, side) not in START or blocks == "plain":
        raise BadInput(f"the release has no {blocks} blocks for pictures of {side} pixels; use --preset small")
    outputs = [8 * width, 4 * width, 2 * width]
    made: list[tuple[nn.Module, int]] = []
    for number, channels in enumerate(outputs):
        if blocks == "simple":
            made.append((FirstUp(first, channels, number == 0), channels))
        else:
            scale = 3 if side == 84 and number == 0 else 2
            made.append((ResidualUp(first, channels, scale), channels))
        first = channels
    return made


class SimpleRenderer(nn.Module):
    """h to a picture; the renderer of GameGAN-M.

    residual: SN-Linear to 16 ``width`` channels at 8 x 8 (84 pixels: 7 x 7), three residual blocks, self-attention on
    the last map, ReLU, SN-conv3, tanh. simple: the same with transposed convolutions, no attention. plain: Linear,
    then five transposed convolutions of 512, 256, 128, 64 and C channels with ReLU between, no spectral norm.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.3 and supplement (plain); the release (residual, simple).

    Args:
        blocks: which.
        side: 64 or 84 (simple: 64).
        channels: C.
        inputs: width of h.
        width: the release's ``nfilterG``; 32 gives 19,312,644 parameters at 64 pixels, 64 gives 35,744,772 at 84.

    Shapes:
        (B, inputs) -> (B, C, side, side), within (-1, 1).
    """

    def __init__(self, blocks: Blocks, side: int, channels: int, inputs: int = 512, width: int = 32) -> None:
        super().__init__()
        if (blocks, side) not in START:
            raise BadInput(f"there is no {blocks} renderer for pictures of {side} pixels; use 64 or 84, or small")
        self.side = START[blocks, side]
        first = 512 if blocks == "plain" else 16 * width
        self.first = nn.Linear(inputs, first * self.side**2)
        if blocks == "plain":
            self.blocks = nn.Sequential(*_plain(self.side, side, channels))
            self.head: nn.Module = nn.Identity()
        else:
            pairs = up_blocks(blocks, side, width, first)
            attention = [SelfAttention(pairs[-1][1])] if blocks == "residual" else []
            self.blocks = nn.Sequential(*(block for block, _ in pairs), *attention)
            self.head = head(blocks, pairs[-1][1], channels)
        orthogonal(self)
        if blocks != "plain":
            spectral(self)

    def forward(self, h: Tensor) -> Tensor:
        """The picture."""
        x = self.first(h).unflatten(1, (-1, self.side, self.side))
        return cast(Tensor, self.head(self.blocks(x)).float().tanh())


def _plain(first: int, side: int, channels: int) -> list[nn.Module]:
    """Transposed convolutions from 512 channels at ``first`` to the picture."""
    # 4 -> 8 -> 16 -> 32 -> 64 -> 64, or 7 -> 14 -> 28 -> 84 -> 84 -> 84
    steps = [2, 2, 2, 2, 1] if side == 64 else [2, 2, 3, 1, 1]
    layers: list[nn.Module] = []
    inputs = 512
    for number, (step, outputs) in enumerate(zip(steps, (512, 256, 128, 64, channels), strict=True)):
        layers += [nn.ReLU()] if number else []
        kernel, padding = {1: (3, 1), 2: (4, 1), 3: (5, 1)}[step]
        layers.append(nn.ConvTranspose2d(inputs, outputs, kernel, step, padding))
        inputs = outputs
    return layers


def head(blocks: Blocks, inputs: int, outputs: int) -> nn.Module:
    """The last layer: ReLU and a convolution; with transposed blocks one of 2 x 2, from 65 to 64 pixels."""
    kernel, padding = (2, 0) if blocks == "simple" else (3, 1)
    return nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, padding=padding))


def orthogonal(network: nn.Module) -> None:
    """Orthogonal weights and zero biases in every linear and convolutional layer, as the release begins."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
