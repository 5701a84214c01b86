"""ActionLSTM: GameGAN's dynamics engine, an LSTM whose memory is multiplied by what the action says."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ActionLSTM(nn.Module):
    """One step: ``v = h * H(a, z, m)``, ``i, f, g, o = W_v v + W_s s``, then an LSTM cell without bias sharing.

    ``c' = sigmoid(f) c + sigmoid(i) tanh(g)``, ``h' = sigmoid(o) tanh(c')``.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.1, equations 1-6; layer sizes as in the authors' release: a and
    z are embedded in H numbers each, ``H = Linear, LeakyReLU, Linear`` on their concatenation (with m, if there is a
    memory) of width E, h is brought to width E by a matrix, the gates read v through a hidden layer. All weights of the
    cell are U(+-1/sqrt(H)).

    Args:
        actions: A, width of an action.
        noise: Z.
        memory: D, width of m; 0 has none.
        hidden: H.
        seen: S, width of the encoded picture.

    Shapes:
        action (B, A), noise (B, Z), m (B, D) or None, seen (B, S), h and c (B, H) -> h, c.

    Example:
        >>> cell = ActionLSTM(10, 32, 0, 512, 512)
        >>> sum(p.numel() for p in cell.parameters())
        6846464
    """

    def __init__(self, actions: int, noise: int, memory: int, hidden: int, seen: int) -> None:
        super().__init__()
        width = 2 * hidden + memory
        self.action = nn.Sequential(nn.Linear(actions, hidden), nn.LeakyReLU(0.2))
        self.noise = nn.Sequential(nn.Linear(noise, hidden), nn.LeakyReLU(0.2))
        self.fuse = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, width))
        self.project = nn.Linear(hidden, width)
        self.from_memory = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 4 * hidden))
        self.from_seen = nn.Linear(seen, 4 * hidden)
        for layer in (self.project, self.from_memory[0], self.from_memory[2], self.from_seen):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def forward(
        self, action: Tensor, noise: Tensor, m: Tensor | None, seen: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor]:
        """H and c after the step."""
        parts = [self.action(action), self.noise(noise)] + ([] if m is None else [m])
        v = self.project(h) * self.fuse(torch.cat(parts, 1))
        i, f, g, o = (self.from_memory(v) + self.from_seen(seen)).float().chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
