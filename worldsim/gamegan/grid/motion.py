"""Motion: which cells of a real picture went where in the next one, found by matching patches; no label is needed."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

WAYS = tuple((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1))
"""Displacements (rows, columns) in the order of `worldsim.gamegan.grid.movers`; the fifth is to stay."""
STAY = 4
_SIDES = [index for index, (r, c) in enumerate(WAYS) if abs(r) + abs(c) == 1]
_CHANGED = 0.02  # mean difference from which on a cell's pixels are others, pixels within [0, 1]
_MATCH = 0.5  # a match differs at most so much of what staying would differ


class Motion(NamedTuple):
    """Of n pairs of pictures, on the grid as it lies after the view has moved."""

    moved: Tensor  # (n, R, C) bool: what was in the cell went to a neighbour
    way: Tensor  # (n, R, C) int64, index of WAYS; STAY where nothing moved
    came: Tensor  # (n, R, C) bool: something came to the cell from a neighbour, or came up from behind something else
    alike: Tensor  # (n, R, C) bool: it looks as it did where it was, and nothing else is seen
    left: Tensor  # (n, R, C) bool: what was in the cell moved or vanished, and nothing came
    stayed: Tensor  # (n, R, C) bool: what was in the cell is there still, though it may look different
    vanished: Tensor  # (n, R, C) bool: what was in the cell is in none: it left the view, or is behind something else
    covered: Tensor  # (n, R, C) bool: something rarer came to the cell; what was there did not move
    changed: Tensor  # (n, R, C) bool: the cell was in view and looks different now
    entered: Tensor  # (n, R, C) bool: what is in the cell now came from outside the view
    view: Tensor  # (n,) int64, index of WAYS: what lay there, seen from each cell, is in the cell now
    alone: Tensor  # (n,) bool: no other move of the view fits as well


def find_motion(before: Tensor, after: Tensor, rarity_before: Tensor, rarity_after: Tensor, cell: int) -> Motion:
    """Block matching, cell by cell.

    First the view: of nine shifts by at most one cell the one under which most cells look the same before and after.
    Then, of the cells that changed: what was in cell i went to the neighbour j if j looks now as i did, much more than
    i itself does, and j changed too or has just come into view. Where a ghost steps onto food two things trade places,
    and each might be the one that moved: it is the rarer one, so i must now hold something commoner than before. Last,
    what vanished: if just one of the four cells beside i changed without anything having moved there, it went there and
    made what is seen there (a ghost that catches the player: both are gone, and there is a star). Where two beside each
    other vanished, and the one left less behind than the other, it went to that one, which stayed (the player walks
    into a ghost). What did not change
    stayed, and what did though nothing moved, and is about as rare as before, has turned.

    Source: ours; block matching as in video coding (Jain & Jain 1981). Meant for games that move by whole cells;
    elsewhere it finds little, and then supervises little. On WorldSim/PacManFlag-v0 it finds most moves of
    ghosts and hardly a wrong one (tests/gamegan/test_motion.py). What changes its look on the way, as the player does
    when he turns, is not found.

    Args:
        before: (n, C, H, W) pictures within [0, 1].
        after: (n, C, H, W), the next ones.
        rarity_before: (n, R, C), how rare the content of each cell is, in any unit.
        rarity_after: (n, R, C), the same of ``after``.
        cell: side of a cell in pixels.
    """
    coarse = next(size for size in (3, 2, 1) if cell % size == 0)  # a ninth of the work
    old, new = (F.pixel_unshuffle(F.avg_pool2d(x.float(), coarse), cell // coarse) for x in (before, after))
    old = torch.cat([old, rarity_before[:, None], torch.ones_like(old[:, :1])], 1)  # the last plane: was in view
    shifts = torch.stack([_moved(old, -r, -c) for r, c in WAYS], 1)  # (n, 9, D + 2, R, C)
    seen = shifts[:, :, -1] > 0
    same = (_apart(shifts[:, :, :-2], new[:, None]) < _CHANGED) & seen
    fit = same.sum((2, 3)) / seen.sum((2, 3))
    best = fit.argmax(1)  # where several fit, the first: any will do
    alone = fit.topk(2).values.diff()[:, 0] < 0
    old = shifts[torch.arange(len(old)), best]
    seen, rarity, old = old[:, -1] > 0, old[:, -2], old[:, :-2]
    stay = _apart(old, new)
    changed = seen & (stay >= _CHANGED)
    left = changed & (rarity >= 0.9 * rarity_after)
    free = torch.cat([new, (changed | ~seen)[:, None].float()], 1)  # the last plane: something may have come here
    apart = []
    for r, c in WAYS:
        there = _moved(free, -r, -c)
        fits = left & (there[:, -1] > 0)
        apart.append(torch.where(fits, _apart(old, there[:, :-1]), torch.inf))
    apart[STAY] = _MATCH * stay
    way = torch.stack(apart, 1).argmin(1)
    way = torch.where(left, way, STAY)
    taken = _arrivals(way)  # by something that looks as it did
    vanished = left & (way == STAY) & ~taken & (rarity >= 2 * rarity_after)
    new_here = changed & ~taken & ~vanished & (way == STAY)
    beside = torch.stack([_moved(new_here[:, None].float(), -r, -c)[:, 0] for r, c in (WAYS[i] for i in _SIDES)], 1)
    sure = (vanished | (left & taken & (way == STAY))) & (beside.sum(1) == 1)  # another may have come after it
    sides = torch.tensor(_SIDES, device=way.device)
    way = torch.where(sure, sides[beside.argmax(1)], way)
    gone = torch.where(vanished & (way == STAY), rarity_after, 0.0)  # what is there now, where one vanished
    met = torch.stack([_moved(gone[:, None], -r, -c)[:, 0] for r, c in (WAYS[i] for i in _SIDES)], 1)
    met = (met >= 2 * rarity_after[:, None]) & (met > 0)
    both = (gone > 0) & (beside.sum(1) == 0) & (met.sum(1) == 1)
    way = torch.where(both, sides[met.int().argmax(1)], way)
    covered = changed & ~left
    moved, came = way != STAY, _arrivals(way)
    vanished = vanished & ~moved
    turned = (rarity <= 2 * rarity_after) & (rarity_after <= 2 * rarity) & ~came
    stayed = seen & ~moved & torch.where(vanished, came, ~changed | turned)  # who vanished where one came met it
    edge = torch.ones_like(seen)
    edge[:, 1:-1, 1:-1] = False
    entered = ~seen | (edge & covered & ~came)
    left_it = (moved | vanished) & ~came
    came = came | (covered & ~entered)
    return Motion(moved, way, came, taken, left_it, stayed, vanished, covered, changed, entered, best, alone)


def unlike(one: Tensor, other: Tensor, view: Tensor, cell: int) -> Tensor:
    """Cells in which two pictures differ, on the grid as it lies after the view has moved: (n, C, H, W) -> (n, R, C).

    Args:
        one: (n, C, H, W) within [0, 1].
        other: the same.
        view: (n,) of `Motion`.
        cell: side of a cell in pixels.
    """
    return as_it_lies(F.avg_pool2d((one - other).abs().mean(1, keepdim=True), cell)[:, 0] >= _CHANGED, view)


def as_it_lies(cells: Tensor, view: Tensor) -> Tensor:
    """Numbers of the cells of a picture on the grid as it lies after the view has moved, 0 in cells new to it.

    Args:
        cells: (n, R, C).
        view: (n,) of `Motion`.
    """
    shifts = torch.stack([_moved(cells[:, None].float(), -r, -c)[:, 0] for r, c in WAYS], 1)
    return shifts[torch.arange(len(view)), view].to(cells.dtype)


def _arrivals(way: Tensor) -> Tensor:
    """Cells that something moved to: (n, R, C) bool."""
    parts = [_moved((way == index)[:, None].float(), r, c)[:, 0] for index, (r, c) in enumerate(WAYS) if index != STAY]
    return torch.stack(parts).sum(0) > 0


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference over the channels of a cell: (..., D, R, C) -> (..., R, C)."""
    return (one - other).abs().mean(-3)


def _moved(x: Tensor, rows: int, cols: int) -> Tensor:
    """Contents moved down and right by at most one cell, zeros coming in: (n, D, R, C)."""
    padded = F.pad(x, (1, 1, 1, 1))
    return padded[:, :, 1 - rows : 1 - rows + x.shape[2], 1 - cols : 1 - cols + x.shape[3]]
