"""Canvas: the memory of the small GameGAN, a map around the player that moves as the view does."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.grid.shift import shift


class View(NamedTuple):
    """What the map holds where the picture is."""

    held: Tensor  # (B, D, R, C)
    known: Tensor  # (B, 1, R, C) 1 where something was ever written
    back: Tensor  # (B, 1, R, C) 1 where that has just come back into view


class Canvas(nn.Module):
    """What was seen of the board, cell by cell, also where the view no longer reaches.

    In each step the cells in view are written, ``M <- M (1 - e) + e tanh(v)``, e and v from what is seen there; then
    the whole map is shifted by the step's kernel, and the cells in view are read. A cell that left the view and comes
    back is found where it was.

    One more channel says where something was ever written. There nothing can come into view that was not there before,
    so the static picture is drawn from the canvas alone, and a choice cannot tell it in its place. Nor, where it has
    just come back, may a choice draw it in the dynamic layer: home would be another maze. And the map moves by a
    whole cell, to where the kernel is largest (with the kernel's gradient): the largest entry of a kernel stays below
    1, and a map that has moved eight times would be smeared over its neighbours.

    Source: GameGAN's memory (arXiv:2005.12126, section 3.2): M, its erase and add, and a 3x3 softmax kernel that moves.

    Differs from the paper: the map moves past a fixed window instead of the attention over a fixed map (the same but
    for the frame of reference, and it cannot run off the map); 7 x 7 places are read and written at once, not one; the
    kernel depends on all that is seen, not on the action alone, which takes the place of the gate.

    Args:
        depth: D.
        inputs: channels of what is written from.
        margin: cells around the view.

    Shapes:
        map (B, D + 1, R + 2 margin, C + 2 margin), seen (B, inputs, R, C), kernel (B, 9).
    """

    def __init__(self, depth: int, inputs: int, margin: int) -> None:
        super().__init__()
        self.depth, self.margin = depth, margin
        self.write_from = nn.Conv2d(inputs, 2 * depth, 1)

    def empty(self, batch: int, rows: int, cols: int, device: torch.device) -> Tensor:
        """Nothing was seen yet."""
        return torch.zeros(batch, self.depth + 1, rows + 2 * self.margin, cols + 2 * self.margin, device=device)

    def step(self, canvas: Tensor, seen: Tensor, kernel: Tensor, kept: Tensor) -> tuple[Tensor, View]:
        """Write what is seen where ``kept`` (B, 1, R, C) is 1, move, read: the map and its part in view."""
        m = self.margin
        erase, add = self.write_from(seen).float().chunk(2, 1)
        erase, add = erase.sigmoid(), add.tanh()
        rows, cols = seen.shape[2:]
        view = canvas[:, :, m : m + rows, m : m + cols]
        change = torch.cat([erase * (add - view[:, : self.depth]), 1 - view[:, self.depth :]], 1)
        whole = F.one_hot(kernel.argmax(1), kernel.shape[1]) + (kernel - kernel.detach())
        canvas = shift(canvas + F.pad(kept * change, (m, m, m, m)), whole)
        view = canvas[:, :, m : m + rows, m : m + cols]
        known = view[:, self.depth :].detach().round()
        stayed = shift(torch.ones_like(known), whole.detach()).round()
        return canvas, View(view[:, : self.depth], known, known * (1 - stayed))
