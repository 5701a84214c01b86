"""Moving a map by one cell, in a direction that is learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Shift(nn.Module):
    """Move every map by its own soft 3x3 kernel: ``out[r, c] = sum_ij kernel[i, j] grid[r + i - 1, c + j - 1]``.

    Outside the map is 0. One multiplication with a (R*C, R*C) matrix per row: for small maps of many channels.

    Source: the shift of the memory's attention in GameGAN (arXiv:2005.12126, section 3.2), there a convolution of the
    location with a softmax kernel of the action; here the map moves and the location stays in its middle.

    Shapes:
        grid (B, D, R, C), kernel (B, 9) -> (B, D, R, C).
    """

    moves: Tensor

    def __init__(self, rows: int, cols: int) -> None:
        super().__init__()
        cells = torch.eye(rows * cols).view(rows * cols, 1, rows, cols)
        moves = [shift(cells, kernel.expand(len(cells), 9)).flatten(1) for kernel in torch.eye(9)]
        self.register_buffer("moves", torch.stack(moves).flatten(1), persistent=False)  # (9, from * to)

    def forward(self, grid: Tensor, kernel: Tensor) -> Tensor:
        """The map after the move."""
        cells = grid.shape[2] * grid.shape[3]
        matrix = (kernel @ self.moves).view(-1, cells, cells)
        return torch.bmm(grid.flatten(2), matrix).view_as(grid)


def shift(grid: Tensor, kernel: Tensor) -> Tensor:
    """The same as `Shift`, cell by cell: for large maps of few channels."""
    rows, cols = grid.shape[2:]
    padded = F.pad(grid, (1, 1, 1, 1))
    kernel = kernel.to(grid.dtype)[:, :, None, None, None]  # (B, 9, 1, 1, 1)
    out = padded[:, :, :rows, :cols] * kernel[:, 0]
    for k in range(1, 9):
        r, c = divmod(k, 3)
        out = out + padded[:, :, r : r + rows, c : c + cols] * kernel[:, k]
    return out
