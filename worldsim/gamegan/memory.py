"""Memory: GameGAN's external memory, a board of vectors and a place on it that the action moves."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput


class Read(NamedTuple):
    """What one step of the memory yields."""

    place: Tensor  # alpha, (B, N, N)
    board: Tensor  # M, (B, N*N, D)
    m: Tensor  # (B, D), what was read at the place
    dynamic: Tensor  # (B, D), for the renderer's dynamic component


class Memory(nn.Module):
    """``alpha' = g conv(alpha, w) + (1 - g) alpha``, ``M' = M * (1 - alpha' e^T) + alpha' v^T``, ``m = alpha'^T M'``.

    ``w = softmax(K(a) / 0.1)`` is a 3x3 kernel, ``g = sigmoid(G(h))`` says whether the move was made (walls), and one
    matrix on h gives erase e (squashed), add v, and the vector that the renderer's dynamic component reads. The kernel
    of an action is that of its opposite, turned by 180 degrees: only one of each pair is learned. Outside the board is
    0, so the attention leaks at the edge; `grow` gives a longer walk a larger board.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.2, equations 7-9; 1,061,386 parameters with A = 10.

    Differs from the paper: M begins as one fixed draw for all samples (the release: uniform; the paper: N(0, I)); with
    ``gate="difference"`` G reads the difference of the normalised h, as in the release. N is 21 in the release, 39 in
    the paper.

    Args:
        actions: A.
        hidden: H.
        depth: D.
        slots: N.
        opposites: pairs of action numbers; the second of each is the first turned round.
        gate: what G reads.
        first: distribution of the first M.

    Shapes:
        action (B, A), h and the last h (B, H), place (B, N, N), board (B, N*N, D) -> `Read`.
    """

    board: Tensor
    partner: Tensor
    turned: Tensor

    def __init__(
        self,
        actions: int,
        hidden: int = 512,
        depth: int = 512,
        slots: int = 21,
        opposites: tuple[tuple[int, int], ...] = ((1, 2), (3, 4)),
        gate: Literal["hidden", "difference"] = "hidden",
        first: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__()
        if slots < 3 or slots % 2 == 0:
            raise BadInput(f"the memory's board has an odd number of slots a side, at least 3, got {slots}")
        self.depth, self.slots, self.gate_reads, self.first = depth, slots, gate, first
        self.kernel = nn.Sequential(nn.Linear(actions, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 9))
        self.gate = nn.Sequential(nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
        self.write = nn.Linear(hidden, 3 * depth)
        partner, turned = torch.eye(actions), torch.zeros(actions)
        for one, other in opposites:
            if max(one, other) < actions:
                partner[other] = partner[one]
                turned[other] = 1
        self.register_buffer("partner", partner, persistent=False)  # (A, A), an action to the one it is learned as
        self.register_buffer("turned", turned, persistent=False)  # (A,)
        self.register_buffer("board", self._draw(slots, torch.Generator().manual_seed(0)))

    def _draw(self, slots: int, generator: torch.Generator) -> Tensor:
        if self.first == "normal":
            return torch.randn(slots * slots, self.depth, generator=generator)
        edge = (slots * slots + self.depth) ** -0.5
        return torch.rand(slots * slots, self.depth, generator=generator) * 2 * edge - edge

    def grow(self, slots: int) -> None:
        """A larger board of ``slots`` a side for longer walks; the learned weights do not depend on its size."""
        if slots < self.slots or slots % 2 == 0:
            raise BadInput(f"the memory's board can only grow, to an odd side: it has {self.slots}, got {slots}")
        self.slots = slots
        self.board = self._draw(slots, torch.Generator().manual_seed(0)).to(self.board.device)

    def begin(self, batch: int) -> tuple[Tensor, Tensor]:
        """The middle of a fresh board: alpha (B, N, N) and M (B, N*N, D)."""
        place = torch.zeros(batch, self.slots, self.slots, device=self.board.device)
        place[:, self.slots // 2, self.slots // 2] = 1
        return place, self.board.expand(batch, -1, -1).clone()

    def moves(self, action: Tensor) -> Tensor:
        """The kernel of each action: (B, A) -> (B, 3, 3), sum 1."""
        kernel = (self.kernel(action @ self.partner).float() / 0.1).softmax(1)
        turned = (action @ self.turned)[:, None]
        return ((1 - turned) * kernel + turned * kernel.flip(1)).view(-1, 3, 3)

    def forward(
        self, action: Tensor, h: Tensor, before: Tensor, place: Tensor, board: Tensor, sharp: bool = False
    ) -> Read:
        """One step; ``sharp`` moves by whole cells (the release's ``force_sharp``): no blur on long walks."""
        reads = h if self.gate_reads == "hidden" else F.normalize(h, dim=1) - F.normalize(before, dim=1)
        g, kernel = self.gate(reads).float().sigmoid()[:, :, None], self.moves(action)
        if sharp:
            g, kernel = (g > 0.5).float(), _one_hot(kernel)
        batch, n = len(place), self.slots
        moved = F.conv2d(place[None], kernel[:, None], padding=1, groups=batch)[0]
        place = g * moved + (1 - g) * place
        if sharp:
            place = _one_hot(place)
        erase, add, dynamic = self.write(h).float().chunk(3, 1)
        alpha = place.reshape(batch, n * n, 1)
        board = board * (1 - alpha * erase.sigmoid()[:, None]) + alpha * add[:, None]
        return Read(place, board, self.read(place, board), dynamic)

    @staticmethod
    def read(place: Tensor, board: Tensor) -> Tensor:
        """``alpha^T M``: (B, N, N), (B, N*N, D) -> (B, D)."""
        return torch.bmm(place.flatten(1)[:, None], board)[:, 0]


def _one_hot(x: Tensor) -> Tensor:
    """1 at the largest value of each row, else 0; the shape stays."""
    flat = x.flatten(1)
    return torch.zeros_like(flat).scatter_(1, flat.argmax(1, keepdim=True), 1.0).view_as(x)
