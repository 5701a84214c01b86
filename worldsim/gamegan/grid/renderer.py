"""LayeredRenderer: from cells to pixels, what stays where it is apart from what moves."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.simulator import Layers


class Painter(nn.Module):
    """Cells to pixels: each paints its own square, (B, inputs, R, C) -> (B, outputs, R * cell, C * cell).

    One hidden layer and one matrix a cell: as many patterns as the hidden layer is wide can be mixed.
    """

    def __init__(self, inputs: int, width: int, outputs: int, cell: int) -> None:
        super().__init__()
        self.cell = cell
        self.hidden = nn.Conv2d(inputs, width, 1)
        self.paint = nn.Conv2d(width, outputs * cell**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels, not squashed."""
        y = self.paint(F.relu(self.hidden(x)))
        n, _, rows, cols = y.shape
        y = y.view(n, -1, self.cell, self.cell, rows, cols)  # F.pixel_shuffle, twice as fast with its gradient
        return y.permute(0, 1, 4, 2, 5, 3).reshape(n, -1, rows * self.cell, cols * self.cell)


class LayeredRenderer(nn.Module):
    """``x = (1 - mask) X_static + mask X_dynamic``, the mask and X_dynamic from h, X_static from what has not moved.

    The static layer sees each cell's own past alone (what was there before the view moved, what the canvas holds, the
    cell's own choice); nothing can come to it from a neighbouring cell, so whatever moves must be drawn by the dynamic
    layer. A small price on the mask keeps the dynamic layer from drawing the rest too, and in quiet cells the
    mask is 0: where the board has just come back into view it may else draw another maze than the one that the canvas
    holds, and where a mover has left a faint one.

    Source: the two components of GameGAN's rendering engine (arXiv:2005.12126, section 3.3).

    Differs from the paper: no object map, attribute map, type vector and SPADE (`worldsim.gamegan.disentangled` has
    them); the split comes from what each layer can see, and needs no cycle loss; the output is linear, not tanh.

    Shapes:
        static (B, static, R, C), dynamic (B, dynamic, R, C), quiet (B, 1, R, C) 1 where the mask is 0
        -> (B, C, H, W) and `Layers`.
    """

    def __init__(self, static: int, dynamic: int, width: int, channels: int, cell: int) -> None:
        super().__init__()
        self.still = Painter(static, width, channels, cell)
        self.moving = Painter(dynamic, width, channels + 1, cell)

    def forward(self, static: Tensor, dynamic: Tensor, quiet: Tensor) -> tuple[Tensor, Layers]:
        """The picture and its layers."""
        still = self.still(static).float()
        moving, logit = self.moving(dynamic).float().split([still.shape[1], 1], 1)
        mask = logit.sigmoid() * F.interpolate(1 - quiet, scale_factor=self.moving.cell)
        image = still + mask * (moving - still)
        return image, Layers(torch.stack([still, moving], 1), torch.stack([1 - mask, mask], 1))
