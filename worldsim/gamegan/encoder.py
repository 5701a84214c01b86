"""FrameEncoder: GameGAN's C, from a picture to a vector."""

from __future__ import annotations

from torch import Tensor, nn

from worldsim.errors import BadInput

_SMALLER = ((3, 2, 0),) * 3
# (kernel, stride, padding) of each convolution, for the picture's side
_LAYERS: dict[int, tuple[tuple[int, int, int | tuple[int, int]], ...]] = {
    64: ((4, 1, 1), *_SMALLER),
    84: ((3, 2, 0), (3, 1, (0, 1)), (3, 2, 0), (3, 1, 0), (3, 2, 0)),
}
_PLACES = {64: 7 * 7, 84: 8 * 8}

SIDES = tuple(_LAYERS)
"""Pictures that the published layers fit."""


class FrameEncoder(nn.Module):
    """C: convolutions of 64 channels with LeakyReLU 0.2 and no normalisation, then one matrix.

    Source: the released GameGAN (arXiv:2005.12126, supplement); 1,720,064 parameters at 64 pixels, 2,247,168 at 84.

    Args:
        side: 64 or 84.
        channels: of the picture.
        width: of the vector; an eighth of it is the convolutions' width.

    Shapes:
        (B, C, side, side) -> (B, width).
    """

    def __init__(self, side: int, channels: int, width: int = 512) -> None:
        super().__init__()
        if side not in _LAYERS:
            raise BadInput(f"the published encoder takes pictures of 64 or 84 pixels, got {side}; use --preset small")
        layers: list[nn.Module] = []
        inputs = channels
        for kernel, stride, padding in _LAYERS[side]:
            layers += [nn.Conv2d(inputs, width // 8, kernel, stride, padding), nn.LeakyReLU(0.2)]
            inputs = width // 8
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * _PLACES[side], width), nn.LeakyReLU(0.2))

    def forward(self, image: Tensor) -> Tensor:
        """The vector s."""
        s: Tensor = self.net(image)
        return s.float()
