"""Kinds: what can come into view, as clusters of the patches that were seen at the edge; no label is needed."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

NOTHING = 0
"""The alternative that says that nothing comes into view in a cell; alternative 1 + k shows kind k."""
_ROUNDS = 10
_LIKE = 0.1  # mean difference up to which a patch is like its kind, pixels within [0, 1]
_EXPECTED = 30  # pictures in which chance would have put two kinds together, before anything is said of the pair
_FEWER = 50  # times as few as that are never


def find_kinds(pictures: Tensor, cell: int, count: int, seed: int = 0) -> Tensor:
    """k-means of the outermost cells' pixels, begun far apart: (n, C, H, W) within [0, 1] -> (count, C * cell ** 2).

    Choices that begin alike fall together: without being shown kinds, few alternatives draw all that comes into view,
    one of them every wall and another all floor, with food or not. Without being shown where nothing comes, they say
    "a ghost" too of a ghost that walks there from inside the view; the prior then draws it where it did not walk.

    Source: k-means++ (Arthur & Vassilvitskii 2007) and Lloyd's algorithm. Where there are fewer different patches than
    ``count``, some centres are the same and the later ones stay without a patch.
    """
    generator = torch.Generator().manual_seed(seed)
    cells = _patches(pictures, cell)
    edge = torch.ones(cells.shape[1:3], dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    patches = cells[:, edge].flatten(0, 1)  # (N, D)
    centres = patches[torch.randint(len(patches), (1,), generator=generator)]
    far = _squares(patches, centres)[:, 0]
    for _ in range(count - 1):
        chance = far + 1e-12  # where all are found already, any
        pick = torch.searchsorted(chance.cumsum(0), torch.rand(1, generator=generator) * chance.sum())
        centres = torch.cat([centres, patches[pick.clamp(max=len(patches) - 1)]])
        far = torch.minimum(far, _squares(patches, centres[-1:])[:, 0])
    for _ in range(_ROUNDS):
        mine = F.one_hot(_nearest(patches, centres), count).float()
        held = mine.sum(0)[:, None]
        centres = torch.where(held > 0, mine.T @ patches / held.clamp(min=1), centres)
    return centres


def kind_of(pictures: Tensor, kinds: Tensor, cell: int) -> Tensor:
    """The nearest kind of every cell: (n, C, H, W) -> (n, R, C) int64."""
    return _nearest(_patches(pictures, cell), kinds)


def likeness(pictures: Tensor, kinds: Tensor, cell: int) -> Tensor:
    """The alternative that would draw what is in each cell, NOTHING where none would: (n, C, H, W) -> (n, R, C) int64.

    The player is like none in Pac-Man: he never comes into view. The nearest kind of him was a ghost.
    """
    patches = _patches(pictures, cell)
    kind = _nearest(patches, kinds)
    return torch.where((patches - kinds[kind]).abs_().mean(-1) < _LIKE, 1 + kind, NOTHING)


def never_together(batches: Iterable[Tensor], kinds: Tensor, cell: int) -> Tensor:
    """Pairs of alternatives whose kinds, however common, are not in one picture: (n, C, H, W) each -> (K, K), 1 or 0.

    On the diagonal those of which there are never two. In Pac-Man the four looks of each ghost: found, not told. That
    a pair is never seen says little of what is rare: by chance (as often as each comes by itself) it must have been
    expected in 30 pictures, and at most a fiftieth of that be there.
    """
    count = torch.cat([_counts(likeness(pictures, kinds, cell), 1 + len(kinds)) for pictures in batches])
    there = (count > 0).float()
    share, mean, n = there.mean(0), count.mean(0), len(count)
    expected = n * share[:, None] * share
    expected.diagonal().copy_(n * (1 - (-mean).exp() * (1 + mean)))
    together = there.T @ there
    together.diagonal().copy_((count > 1).float().sum(0))
    never = (expected >= _EXPECTED) & (_FEWER * together <= expected)
    never[NOTHING], never[:, NOTHING] = False, False
    return never.float()


def _counts(cells: Tensor, options: int) -> Tensor:
    """How many cells of each picture are each alternative: (n, R, C) int64 -> (n, options)."""
    flat = cells.flatten(1)
    return torch.zeros(len(flat), options).scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float32))


def _patches(pictures: Tensor, cell: int) -> Tensor:
    """Each cell's pixels: (n, C, H, W) -> (n, R, C, D), D = C * cell ** 2."""
    n, channels, height, width = pictures.shape
    cells = pictures.float().view(n, channels, height // cell, cell, width // cell, cell)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(n, height // cell, width // cell, channels * cell**2)


def _nearest(patches: Tensor, centres: Tensor) -> Tensor:
    """(..., D) -> (...) int64; a patch's own square is the same for all centres."""
    return (centres.square().sum(1) - 2 * patches @ centres.T).argmin(-1)


def _squares(patches: Tensor, centres: Tensor) -> Tensor:
    """Squared distances (N, K), never below 0."""
    apart = patches.square().sum(1)[:, None] - 2 * patches @ centres.T + centres.square().sum(1)
    return apart.clamp(min=0)
