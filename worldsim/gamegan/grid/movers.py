"""Movers: what moves on its own goes from cell to cell, and is neither lost nor doubled on the way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WAYS = 9  # to each of the eight neighbours, or nowhere
_SURE = 4.0  # first logit of each alternative's own way


class Movers(nn.Module):
    """The content of each cell goes where the cell's own choice says.

    ``e_i = relu(W x_i) * (U z_i)``, ``m_j = sum_i w[z_i, j - i] e_i``, w[k] a distribution over the nine ways that
    alternative k of the choice stands for. As a choice is one alternative, what is in a cell arrives in one cell (a
    mover is not drawn twice, nor lost, unless it leaves the picture), and as e is 0 where nothing is, none arises.
    The choice also turns the content (a ghost's eyes look where it goes).

    Source: ours. The published GameGAN (arXiv:2005.12126) leaves this to one vector; there, and with convolutions
    that may draw a mover in the new cell without taking it from the old one, ghosts flash up and jump.

    Args:
        inputs: channels of x.
        content: channels of e and m.
        options: K, alternatives of a choice.

    Shapes:
        x (B, inputs, R, C), z (B, K, R, C) one-hot -> m (B, content, R, C).
    """

    def __init__(self, inputs: int, content: int, options: int) -> None:
        super().__init__()
        self.content = nn.Conv2d(inputs, content, 1)
        self.turn = nn.Conv2d(options, content, 1, bias=False)
        nn.init.normal_(self.turn.weight, 1.0, 0.3)
        ways = torch.zeros(options, _WAYS)
        ways[torch.arange(options), torch.arange(options) % _WAYS] = _SURE
        self.ways = nn.Parameter(ways)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """What arrives in each cell."""
        content = F.relu(self.content(x)) * self.turn(z)
        way = torch.einsum("bkrc,kw->bwrc", z.float(), self.ways.softmax(1))
        parcels = content.float()[:, :, None] * way[:, None]  # (B, content, 9, R, C)
        return F.fold(parcels.flatten(3).flatten(1, 2), x.shape[2:], 3, padding=1)
