"""Movers: what moves on its own goes from cell to cell, and is neither lost nor doubled on the way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WAYS = 9  # to each of the eight neighbours, or nowhere
_SURE = 4.0  # first logit of each alternative's own way


class Movers(nn.Module):
    """The content of each cell goes where the cell's own choice says.

    ``p_i = sigmoid(w x_i)`` says how much of a mover is in cell i, ``e_i = p_i tanh(W x_i) * 2 sigmoid(U z_i)`` what it
    is and how the choice turns it (a ghost's eyes look where it goes), ``m_j = sum_i way[z_i, j - i] e_i``, way[k] a
    distribution over the nine ways that alternative k of the choice stands for. As a choice is one alternative, what is
    in a cell arrives in one cell: a mover is not drawn twice, nor lost unless it leaves the picture. The objective puts
    a price on p, so that it is 0 where nothing moves; as all else is bounded, no choice makes something of nothing.

    Source: ours. The published GameGAN (arXiv:2005.12126) leaves this to one vector; there, and with convolutions
    that may draw a mover in the new cell without taking it from the old one, ghosts flash up and jump.

    Args:
        inputs: channels of x.
        content: channels of e and m.
        options: K, alternatives of a choice.

    Shapes:
        x (B, inputs, R, C), z (B, K, R, C) one-hot -> m (B, content, R, C), p (B, 1, R, C).
    """

    def __init__(self, inputs: int, content: int, options: int) -> None:
        super().__init__()
        self.presence = nn.Conv2d(inputs, 1, 1)
        self.content = nn.Conv2d(inputs, content, 1)
        self.turn = nn.Conv2d(options, content, 1, bias=False)
        ways = torch.zeros(options, _WAYS)
        ways[torch.arange(options), torch.arange(options) % _WAYS] = _SURE
        self.ways = nn.Parameter(ways)

    def forward(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """What arrives in each cell, and how much was in each."""
        presence = self.presence(x).float().sigmoid()
        content = presence * self.content(x).float().tanh() * 2 * self.turn(z).float().sigmoid()
        way = torch.einsum("bkrc,kw->bwrc", z.float(), self.ways.softmax(1))
        parcels = content[:, :, None] * way[:, None]  # (B, content, 9, R, C)
        return F.fold(parcels.flatten(3).flatten(1, 2), x.shape[2:], 3, padding=1), presence
