"""Movers: what moves on its own goes from cell to cell, and is neither lost nor doubled on the way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WAYS = 9
"""To each of the eight neighbours, or nowhere."""


class Movers(nn.Module):
    """The content of each cell goes where the cell's own choice says.

    ``p_i = [w x_i > 0]`` says whether a mover is in cell i, ``l_i = p_i tanh(W x_i)`` what it is,
    ``e_i = l_i * 2 sigmoid(U z_i)`` how the choice turns it (a ghost's eyes look where it goes), and
    ``m_j = sum of the e_i whose choice leads to j``:
    alternative k of a choice leads the way ``k mod 9``. So what is in a cell arrives in one cell: a mover is not drawn
    twice, nor lost unless it leaves the picture, and where p is 0 no choice makes something of nothing. The objective
    puts a price on p, whose gradient is that of ``sigmoid(w x_i)``, and shows what moved in the real pictures
    (`worldsim.gamegan.grid.motion`): by price and reconstruction alone no cell ever came to hold a mover.

    With p = sigmoid and learned ways both were left half open: p was .17 where a ghost was and .06 elsewhere, and a
    seventh of every ghost leaked away at each step.

    Source: ours. The published GameGAN (arXiv:2005.12126) leaves this to one vector; there, and with convolutions
    that may draw a mover in the new cell without taking it from the old one, ghosts flash up and jump.

    Args:
        inputs: channels of x.
        content: channels of e and m.
        options: K, alternatives of a choice.

    Shapes:
        x (B, inputs, R, C), logits w x (B, R, C), z (B, K, R, C) one-hot -> m (B, content, R, C), count (B, 1, R, C).
    """

    ways: Tensor

    def __init__(self, inputs: int, content: int, options: int) -> None:
        super().__init__()
        self.presence = nn.Conv2d(inputs, 1, 1)
        with torch.no_grad():
            self.presence.bias[:] = -1.0  # type: ignore[index]  # at first nothing is a mover
        self.content = nn.Conv2d(inputs, content, 1)
        self.turn = nn.Conv2d(options, content, 1, bias=False)
        self.register_buffer("ways", torch.eye(WAYS)[torch.arange(options) % WAYS], persistent=False)  # (K, 9)

    def presence_of(self, x: Tensor) -> Tensor:
        """Logits that a mover is in each cell: (B, R, C)."""
        out: Tensor = self.presence(x).float()[:, 0]
        return out

    def lift(self, x: Tensor, presence: Tensor) -> Tensor:
        """What movers are where, 0 in cells without one: (B, content, R, C)."""
        out: Tensor = _hard(presence)[:, None] * self.content(x).float().tanh()
        return out

    def forward(self, lifted: Tensor, presence: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """What arrives in each cell, and, without gradient, how many movers do."""
        content = lifted * 2 * self.turn(z).float().sigmoid()
        content = torch.cat([content, 1 - at_rest(presence)], 1)
        way = torch.einsum("bkrc,kw->bwrc", z.float(), self.ways)
        parcels = content[:, :, None] * way[:, None]  # (B, content + 1, 9, R, C)
        arrived = F.fold(parcels.flatten(3).flatten(1, 2), lifted.shape[2:], 3, padding=1)
        return arrived[:, :-1], arrived[:, -1:].detach().round()

    def log_ways(self, log_q: Tensor) -> Tensor:
        """Log-probability of each way: (B, K, R, C) of alternatives -> (B, 9, R, C); never below -12."""
        return torch.stack([log_q[:, way::WAYS].logsumexp(1) for way in range(WAYS)], 1).clamp(min=-12)


def at_rest(presence: Tensor) -> Tensor:
    """1 in cells without a mover, 0 in cells with one, without gradient: logits (B, R, C) -> (B, 1, R, C)."""
    return (presence <= 0)[:, None].float()


def price(presence: Tensor) -> Tensor:
    """Cells that hold a mover, with the gradient of the probabilities: logits (B, R, C) -> (B,)."""
    return _hard(presence).sum((1, 2))


def _hard(logit: Tensor) -> Tensor:
    soft = logit.sigmoid()
    return (logit > 0).float() + (soft - soft.detach())
