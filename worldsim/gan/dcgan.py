"""DCGAN: the generator and discriminator of pictures that most others are measured against, with conditional forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gan.conditional import ProjectionHead, concatenate
from worldsim.gan.residual import Norm, norm_layer


@dataclass(frozen=True)
class DCGANConfig:
    """Sizes of both networks."""

    size: int = 64
    """H = W, a power of two, at least 8 (the paper's 64)."""
    channels: int = 3
    """C of the pictures."""
    width: int = 64
    """Channels of the layers next to the picture; they double with every halving (the paper's 64 to 512)."""
    latent: int = 100
    """Z, size of the noise (the paper's 100)."""
    condition: int = 0
    """A, size of a condition vector (one-hot label, action); 0 for none."""
    conditioning: Literal["concatenation", "projection"] = "concatenation"
    """How the discriminator sees the condition; the generator's is concatenated to the noise."""
    norm: Norm = "batch"
    """Between the discriminator's layers; "none" for gradient penalties and spectral norm."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if self.size < 8 or self.size & (self.size - 1):
            raise BadInput(f"DCGAN's size must be a power of two, at least 8, got {self.size}")

    @property
    def widths(self) -> list[int]:
        """Channels of the discriminator's layers, from the picture on; the last map is 4 x 4."""
        return [self.width << i for i in range(int(math.log2(self.size)) - 2)]


class DCGANGenerator(nn.Module):
    """Noise to picture: transposed convolutions of kernel 4 and stride 2, batch norm and relu, tanh at the end.

    Source: Radford, Metz & Chintala 2016, arXiv:1511.06434, section 3 and figure 1; weights N(0, .02).

    Shapes:
        z (B, Z), condition (B, A) -> (B, C, size, size) in [-1, 1].
        Parameters: 3,576,704 with the default sizes, those of the authors' network as ported to PyTorch's examples.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths[::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(config.latent + config.condition, widths[0], 4, bias=False)]
        for inputs, outputs in zip(widths, [*widths[1:], config.channels], strict=True):
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """The pictures."""
        z = z if condition is None else concatenate(z, condition)
        return self.layers(z[:, :, None, None]).tanh().float()


class DCGANDiscriminator(nn.Module):
    """Picture to logit: convolutions of kernel 4 and stride 2, leaky relu .2, batch norm but in the first layer.

    Source: Radford, Metz & Chintala 2016, arXiv:1511.06434, section 3; weights N(0, .02).

    Shapes:
        x (B, C, size, size) in [-1, 1], condition (B, A) -> (B,).
        Parameters: 2,765,569 with the default sizes (PyTorch's example leaves out the last layer's bias).
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        self.projects = config.conditioning == "projection"
        widths = config.widths
        shown = 0 if self.projects else config.condition
        self.first = nn.Conv2d(config.channels + shown, widths[0], 4, 2, 1, bias=False)
        self.rest = nn.Sequential()
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layer = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
            self.rest.extend([layer, norm_layer(config.norm, outputs), nn.LeakyReLU(0.2)])
        self.head = ProjectionHead(16 * widths[-1], config.condition if self.projects else 0)
        initialise(self)

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The last hidden layer, (B, 16 widths[-1]): for feature matching and minibatch discrimination."""
        if not self.projects and condition is not None:
            x = concatenate(x, condition)
        return cast(Tensor, self.rest(F.leaky_relu(self.first(x), 0.2)).flatten(1))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The logits."""
        return cast(Tensor, self.head(self.features(x, condition), condition))


def initialise(network: nn.Module, sigma: float = 0.02) -> None:
    """DCGAN's weights: N(0, sigma) in layers, N(1, sigma) in batch norms, zero biases."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, sigma)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, sigma)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
