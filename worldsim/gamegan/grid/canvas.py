"""Canvas: the memory of the small GameGAN, a map around the player that moves as the view does."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.grid.shift import shift


class Canvas(nn.Module):
    """What was seen of the board, cell by cell, also where the view no longer reaches.

    In each step the cells in view are written, ``M <- M (1 - e) + e tanh(v)``, e and v from what is seen there; then
    the whole map is shifted by the step's kernel, and the cells in view are read. A cell that left the view and comes
    back is found where it was.

    With ``knows`` one more channel says where something was ever written. There nothing can come into view that was not
    there before, so the static picture is drawn from the canvas alone, and a choice cannot tell it in its place. And
    the map moves by a whole cell, to where the kernel is largest (with the kernel's gradient): the largest entry of a
    kernel stays below 1, and a map that has moved eight times would be smeared over its neighbours.

    Source: GameGAN's memory (arXiv:2005.12126, section 3.2): M, its erase and add, and a 3x3 softmax kernel that moves.

    Differs from the paper: the map moves past a fixed window instead of the attention over a fixed map (the same but
    for the frame of reference, and it cannot run off the map); 7 x 7 places are read and written at once, not one; the
    kernel depends on all that is seen, not on the action alone, which takes the place of the gate.

    Args:
        depth: D.
        inputs: channels of what is written from.
        margin: cells around the view.
        knows: whether there is the channel of what was ever written, and moves are whole.

    Shapes:
        map (B, D (+ 1), R + 2 margin, C + 2 margin), view (B, D, R, C), known (B, 1, R, C) or None.
    """

    def __init__(self, depth: int, inputs: int, margin: int, knows: bool = False) -> None:
        super().__init__()
        self.depth, self.margin, self.knows = depth, margin, knows
        self.write_from = nn.Conv2d(inputs, 2 * depth, 1)

    def empty(self, batch: int, rows: int, cols: int, device: torch.device) -> Tensor:
        """Nothing was seen yet."""
        channels = self.depth + int(self.knows)
        return torch.zeros(batch, channels, rows + 2 * self.margin, cols + 2 * self.margin, device=device)

    def step(
        self, canvas: Tensor, seen: Tensor, kernel: Tensor, kept: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Write what is seen where ``kept`` (B, 1, R, C) is 1, move, read: the map, its part in view, what is known."""
        m = self.margin
        erase, add = self.write_from(seen).float().chunk(2, 1)
        erase, add = erase.sigmoid(), add.tanh()
        rows, cols = seen.shape[2:]
        view = canvas[:, :, m : m + rows, m : m + cols]
        change = erase * (add - view[:, : self.depth])
        if self.knows:
            change = torch.cat([change, 1 - view[:, self.depth :]], 1)
        if kept is not None:
            change = kept * change
        if self.knows:
            kernel = F.one_hot(kernel.argmax(1), kernel.shape[1]) + (kernel - kernel.detach())
        canvas = shift(canvas + F.pad(change, (m, m, m, m)), kernel)
        view = canvas[:, :, m : m + rows, m : m + cols]
        return canvas, view[:, : self.depth], view[:, self.depth :].detach().round() if self.knows else None
