"""The patch critic of pix2pix: one logit per overlapping patch of a picture."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from worldsim.gan.dcgan import initialise
from worldsim.gan.residual import Norm, norm_layer


class PatchCritic(nn.Module):
    """Convolutions of kernel 4: ``layers`` of stride 2, two of stride 1, leaky relu .2 between them.

    Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", arXiv:1611.07004,
    section 3.2.2 and appendix 6.1.2: each logit sees 70 x 70 pixels with three layers, 34 x 34 with two, 16 x 16 with
    one. A condition that is a picture is concatenated to the input.

    Args:
        channels: C, of picture and condition together.
        width: Channels of the first layer; they double up to eight times that.
        layers: Of stride 2.
        norm: After all layers but the first and the last.

    Shapes:
        (B, C, H, W) -> (B, 1, h, w), h = H / 2^layers - 2 for sizes divisible by 2^layers.
        Parameters: 2,768,705 with 6 channels, as in the authors' released network (2.769 M).
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2))
        inputs = width
        for index in range(1, layers + 1):
            outputs, stride = min(width << index, 8 * width), 2 if index < layers else 1
            layer = nn.Conv2d(inputs, outputs, 4, stride, 1, bias=norm != "batch")
            self.layers.extend([layer, norm_layer(norm, outputs), nn.LeakyReLU(0.2)])
            inputs = outputs
        self.layers.append(nn.Conv2d(inputs, 1, 4, 1, 1))
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """The logits of all patches."""
        return cast(Tensor, self.layers(x))
