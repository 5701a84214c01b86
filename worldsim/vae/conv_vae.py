"""V of World Models: a convolutional variational autoencoder of 64 x 64 pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.nn.init import glorot
from worldsim.nn.prepared import Prepared

_ENCODER = (32, 64, 128, 256)  # channels; every kernel 4, stride 2, no padding: 64 -> 31 -> 14 -> 6 -> 2
_DECODER = ((128, 5), (64, 5), (32, 6))  # channels, kernel; stride 2, no padding: 1 -> 5 -> 13 -> 30 -> 64
_LAST_KERNEL = 6
_FEW = 4  # pictures up to which products of patches are faster than convolutions on a CPU
_FEATURES = 1024  # 2 * 2 * 256, and the decoder's first layer


@dataclass(frozen=True)
class ConvVAEConfig:
    """Sizes of `ConvVAE`."""

    latent: int = 32
    """Z, size of the latent vector (World Models: 32 for CarRacing, 64 for Doom)."""
    channels: int = 3
    """C, channels of the pictures."""


class Posterior(NamedTuple):
    """A diagonal Gaussian over latent vectors."""

    mu: Tensor  # (n, Z)
    logvar: Tensor  # (n, Z), log of the VARIANCE

    def sample(self, normal: Tensor) -> Tensor:
        """``z = mu + exp(logvar / 2) normal``, normal (n, Z)."""
        return torch.addcmul(self.mu, torch.exp(0.5 * self.logvar), normal)


class Folded(NamedTuple):
    """The decoder for inference: one linear layer, then 3x3 convolutions whose channels become 2x2 pixels."""

    weight: Tensor  # (Z, 5 * 5 * 128): both layers before the first relu, which have nothing between them
    bias: Tensor
    convolutions: list[tuple[Tensor, Tensor]]  # (4 C_out, C_in, 3, 3), (4 C_out,)


class ConvVAE(Prepared):
    """Convolutional VAE (Ha & Schmidhuber 2018, "World Models", arXiv:1803.10122, appendix A.1).

    ``q(z | x) = N(mu(x), exp(logvar(x)))`` from four convolutions, ``x' = sigmoid(D(z))`` from four transposed ones;
    relu between layers, none after the decoder's first, linear one.

    Shapes:
        `encode`: x (n, C, 64, 64) in [0, 1] -> mu, logvar (n, Z); `decode`: z (n, Z) -> (n, C, 64, 64) in [0, 1].
        Parameters: 4,348,547 (Z = 32) and 4,446,915 (Z = 64) for three channels, the published counts.

    Differs from the paper: no function of it does. `decode` (see `Folded`) and, for a few pictures, `encode` compute
    the same sums in another order without gradients, which takes less time.

    Example:
        >>> sum(p.numel() for p in ConvVAE(ConvVAEConfig(latent=32)).parameters())
        4348547
    """

    def __init__(self, config: ConvVAEConfig) -> None:
        super().__init__()
        self.config = config
        widths = (config.channels, *_ENCODER)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 4, 2) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.mu = nn.Linear(_FEATURES, config.latent)
        self.logvar = nn.Linear(_FEATURES, config.latent)
        self.spread = nn.Linear(config.latent, _FEATURES)
        layers, width = [], _FEATURES
        for channels, kernel in (*_DECODER, (config.channels, _LAST_KERNEL)):
            layers.append(nn.ConvTranspose2d(width, channels, kernel, 2))
            width = channels
        self.deconvolutions = nn.ModuleList(layers)
        glorot(self)

    def encode(self, x: Tensor) -> Posterior:
        """The posterior of each picture."""
        if len(x) <= _FEW and not torch.is_grad_enabled() and x.device.type == "cpu":
            x = self._encode_few(x)
        else:
            for layer in self.convolutions:
                x = F.relu(layer(x))
            x = x.permute(0, 2, 3, 1)
        features = x.flatten(1)  # row, column, channel, as TensorFlow flattens
        return Posterior(self.mu(features), self.logvar(features))

    def _encode_few(self, x: Tensor) -> Tensor:
        """The convolutions (n, C, H, W) -> (n, H', W', C') as products: of 4 x 4 patches, 4 runs of memory each."""
        parameters = list(self.convolutions.parameters())
        kernels = self.prepared("few", parameters, self._as_products)
        x = x.permute(0, 2, 3, 1).contiguous()
        for weight, bias in kernels:
            n, height, width, channels = x.shape
            shape = (n, height // 2 - 1, width // 2 - 1, 4, 4 * channels)
            row = width * channels
            patches = x.as_strided(shape, (height * row, 2 * row, 2 * channels, row, 1))
            out = torch.addmm(bias, patches.reshape(-1, 16 * channels), weight).relu_()
            x = out.view(*shape[:3], -1)
        return x

    def _as_products(self) -> list[tuple[Tensor, Tensor]]:
        """Of each convolution (4 * 4 * C_in, C_out) and the bias."""
        layers = cast(list[nn.Conv2d], list(self.convolutions))
        return [(layer.weight.permute(2, 3, 1, 0).flatten(0, 2).contiguous(), _bias(layer)) for layer in layers]

    def decode(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The picture of each latent vector; without gradients the arithmetic may be ``dtype`` bfloat16."""
        return torch.sigmoid(self.decode_logits(z, dtype))

    def decode_logits(self, z: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """`decode` before the sigmoid, float32."""
        if torch.is_grad_enabled():
            return self._decode_trainable(z)
        folded = self.prepared(dtype, self._decoder_parameters(), lambda: self._fold(dtype))
        x = torch.addmm(folded.bias, z.to(dtype), folded.weight).relu_()
        upward = self._upward()
        x = x.view(len(z), 5, 5, -1).permute(0, 3, 1, 2)  # channels last in memory
        for layer, (weight, bias) in zip(upward[1:], folded.convolutions, strict=True):
            x = F.pixel_shuffle(F.conv2d(x, weight, bias, padding=2), 2)
            if layer.kernel_size[0] % 2:
                x = x[:, :, :-1, :-1]
            if layer is not upward[-1]:
                x = x.relu_()
        return x.float()

    def _decoder_parameters(self) -> list[Tensor]:
        return [*self.spread.parameters(), *self.deconvolutions.parameters()]

    def _upward(self) -> list[nn.ConvTranspose2d]:
        return cast(list[nn.ConvTranspose2d], list(self.deconvolutions))

    def _decode_trainable(self, z: Tensor) -> Tensor:
        first, *rest = self._upward()
        side = first.kernel_size[0]
        # On a 1 x 1 input a transposed convolution is a matrix product, whose gradient is much faster.
        x = (self.spread(z) @ first.weight.flatten(1)).view(len(z), -1, side, side) + _bias(first)[:, None, None]
        for layer in rest:
            x = layer(F.relu(x))
        return x.float()

    def _fold(self, dtype: torch.dtype) -> Folded:
        first, *rest = self._upward()
        side = first.kernel_size[0]
        kernel = first.weight.permute(0, 2, 3, 1).flatten(1)  # (1024, 5 * 5 * 128)
        bias = self.spread.bias @ kernel + _bias(first).repeat(side * side)
        convolutions = []
        for layer in rest:
            weight = as_convolution(layer.weight).to(dtype, memory_format=torch.channels_last)
            convolutions.append((weight, _bias(layer).repeat_interleave(4).to(dtype)))
        return Folded((self.spread.weight.T @ kernel).to(dtype), bias.to(dtype), convolutions)


def as_convolution(weight: Tensor) -> Tensor:
    """A transposed convolution of stride 2 as a 3 x 3 convolution (padding 2) followed by a pixel shuffle.

    Output row ``2 p + a`` is ``sum_d W[2 d + a] x[p - d]`` over d in 0, 1, 2: for each of the four (a, b) a
    convolution with every second row and column of W, flipped. A kernel of 5 is padded to 6, and the last row and
    column of the result are to be cut off.

    Args:
        weight: (C_in, C_out, k, k), k of 5 or 6.

    Returns:
        (4 C_out, C_in, 3, 3).
    """
    inside, outside, kernel, _ = weight.shape
    padded = F.pad(weight, (0, 6 - kernel, 0, 6 - kernel)).view(inside, outside, 3, 2, 3, 2)
    return padded.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(4 * outside, inside, 3, 3)


def _bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
