"""What a person and an agent see of a board's state: the real game's tiles, cell by cell, in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from worldsim.envs.pacman import planes, tiles
from worldsim.envs.pacman.paint import CELL as PIXELS
from worldsim.envs.pacman.paint import paint_codes
from worldsim.envs.pacman.task import FRIGHT_ENDING
from worldsim.envs.pacman.types import Outcome
from worldsim.gnn.board import EATEN, FLAG, FOOD, FRIGHT, FRIGHTENED, PELLET
from worldsim.protocol import State


def tile_codes(state: State, view: int | None) -> Tensor:
    """What every cell of the view shows: equal to `worldsim.envs.pacman.tiles.tile_codes` of the same games.

    Args:
        state: B games.
        view: cells along a side of the view, odd, with the player in its middle; None for the whole board.

    Returns:
        (B, view, view) int64 codes, or (B, H, W).
    """
    count, height, width = state["cell"].shape
    device = state["cell"].device
    if view is None:
        rows, cols = torch.arange(-1, height + 1, device=device), torch.arange(-1, width + 1, device=device)
        rows, cols = rows.expand(count, -1), cols.expand(count, -1)
    else:
        reach = torch.arange(-(view // 2) - 1, view // 2 + 2, device=device)
        rows, cols = (state["player"] // width)[:, None] + reach, (state["player"] % width)[:, None] + reach
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None, :]
    cells = rows.clamp(0, height - 1)[:, :, None] * width + cols.clamp(0, width - 1)[:, None, :]
    kind = state["cell"].flatten(1).gather(1, cells.flatten(1)).view(cells.shape) * inside
    wall = (kind == planes.WALL).long()
    joined = wall[:, 1:-1, :-2] + 2 * wall[:, 1:-1, 2:] + 4 * wall[:, :-2, 1:-1] + 8 * wall[:, 2:, 1:-1]
    inner, kind = cells[:, 1:-1, 1:-1], kind[:, 1:-1, 1:-1]
    at = torch.where(inside[:, 1:-1, 1:-1], inner, -1)
    lying = state["items"].gather(2, inner.reshape(count, 1, -1).expand(-1, 3, -1)).view(count, 3, *inner.shape[1:])
    codes = tiles.EMPTY + lying[:, FOOD].long() + 2 * lying[:, PELLET].long()
    codes = torch.where(lying[:, FLAG] > 0, tiles.FLAG, codes)
    codes = torch.where(kind == planes.WALL, tiles.WALL + joined, codes)
    codes = torch.where(kind == planes.OUTSIDE, tiles.VOID, codes)
    looks = _ghosts(state)
    for ghost in reversed(range(looks.shape[1])):  # the first ghost lies on top
        here = (at == state["ghost"][:, ghost, None, None]) & state["present"][:, ghost, None, None]
        codes = torch.where(here, looks[:, ghost, None, None], codes)
    return torch.where(at == state["player"][:, None, None], _player(state)[:, None, None], codes)


def window(state: State, view: int, words: Tensor) -> Tensor:
    """What the agent sees: (B, view * view * 22) float32, the planes of `WorldSim/PacMan-v0`'s symbolic grid.

    Args:
        state: B games.
        view: cells along a side.
        words: (49, 22) uint8, `worldsim.envs.pacman.tiles.planes_of` of every tile.
    """
    return words[tile_codes(state, view)].flatten(1).float()


def paint(state: State) -> Tensor:
    """(B, 12 H, 12 W, 3) uint8: the whole board, by the real game's own painter."""
    codes = tile_codes(state, None).to(torch.uint8).cpu().numpy()
    return torch.from_numpy(paint_codes(codes)).to(state["cell"].device)


def picture_shape(frame_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """(H, W, 3) of what `paint` draws of frames of a shape."""
    return frame_shape[0] * PIXELS, frame_shape[1] * PIXELS, 3


def _ghosts(state: State) -> Tensor:
    """(B, G) int64."""
    which = torch.arange(state["ghost"].shape[1], device=state["ghost"].device)
    scared = torch.where(state["counters"][:, FRIGHT, None] > FRIGHT_ENDING, tiles.FRIGHTENED, tiles.FRIGHT_ENDS)
    codes = tiles.GHOST + 4 * which + state["ghost_heading"]
    codes = torch.where(state["ghost_mode"] == FRIGHTENED, scared, codes)
    return torch.where(state["ghost_mode"] == EATEN, tiles.EYES + state["ghost_heading"], codes)


def _player(state: State) -> Tensor:
    """(B,) int64."""
    codes = torch.where(state["outcome"] == Outcome.CAUGHT, tiles.CAUGHT, tiles.PLAYER + state["heading"])
    return torch.where(state["outcome"] == Outcome.FLAG, tiles.ON_FLAG, codes)
