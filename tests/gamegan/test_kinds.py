"""Kinds: clusters of what was seen at the edge."""

from __future__ import annotations

import torch
from torch import Tensor

from worldsim.gamegan.grid.kinds import NOTHING, find_kinds, kind_of, likeness, never_together

CELL = 3


def pictures(cells: Tensor) -> Tensor:
    """(n, R, C) brightness to pictures (n, 2, 3 R, 3 C); the second channel has a dot in every cell's middle."""
    first = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
    dots = torch.zeros_like(first)
    dots[:, 1::CELL, 1::CELL] = cells
    return torch.stack([first, dots], 1)


def test_every_patch_of_the_edge_is_found_though_one_is_rare() -> None:
    generator = torch.Generator().manual_seed(0)
    cells = torch.randint(0, 3, (200, 5, 6), generator=generator) / 10
    cells[:, 2, 3] = 0.9  # inside: does not come into view
    cells[7, 0, 2] = 0.6  # once
    kinds = find_kinds(pictures(cells), CELL, 6)
    assert kinds.shape == (6, 2 * CELL**2)
    expected = pictures(torch.tensor([0.0, 0.1, 0.2, 0.6]).view(4, 1, 1)).flatten(1)
    apart = torch.cdist(expected, kinds)
    assert apart.amin(1).max() < 1e-5
    assert (apart < 1e-5).any(0).all()  # the two that were left over are the same as others


def test_a_cell_is_of_the_nearest_kind() -> None:
    cells = torch.tensor([[[0.0, 0.5], [0.5, 1.0]]])
    kinds = pictures(torch.tensor([1.0, 0.52, 0.1]).view(3, 1, 1)).flatten(1)
    assert kind_of(pictures(cells), kinds, CELL).tolist() == [[[2, 1], [1, 0]]]


def test_more_patches_than_kinds_are_shared_among_them() -> None:
    cells = torch.rand(50, 4, 4, generator=torch.Generator().manual_seed(1))
    kinds = find_kinds(pictures(cells), CELL, 4)
    means = kinds[:, : CELL**2].mean(1).sort().values
    assert (means.diff() > 0.1).all()
    found = kind_of(pictures(cells), kinds, CELL)
    assert torch.bincount(found.flatten(), minlength=4).min() > 50


def test_the_same_seed_finds_the_same() -> None:
    cells = torch.rand(20, 4, 4, generator=torch.Generator().manual_seed(2))
    assert torch.equal(find_kinds(pictures(cells), CELL, 5, 3), find_kinds(pictures(cells), CELL, 5, 3))


def test_what_is_like_no_kind_is_nothing() -> None:
    kinds = torch.stack([torch.zeros(3 * CELL**2), torch.ones(3 * CELL**2)])
    shades = torch.tensor([0.0, 0.09, 0.11, 0.5, 0.89, 0.91, 1.0, 1.0]).view(1, 1, 2, 4).expand(1, 3, -1, -1)
    grey = shades.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    assert likeness(grey, kinds, CELL).tolist() == [[[1, 1, NOTHING, NOTHING], [NOTHING, 2, 2, 2]]]


def test_what_is_never_in_one_picture_is_found_and_what_is_only_rare_is_not() -> None:
    """Shade 1 is once or twice in a picture, 2 or 3 once in every other, never both; 4 is once in all pictures."""
    generator = torch.Generator().manual_seed(0)
    cells = torch.zeros(500, 4, 4)
    for picture in cells.view(500, 16):
        places = torch.randperm(16, generator=generator)
        picture[places[:2]] = torch.tensor([0.25, 0.25 * float(torch.rand((), generator=generator) < 0.5)])
        picture[places[2]] = (0.5, 0.75)[int(torch.rand((), generator=generator) < 0.5)]
    cells[3, 2, 2] = 1.0
    kinds = pictures(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).view(5, 1, 1)).flatten(1)
    found = never_together(pictures(cells).split(70), kinds, CELL)
    assert found.shape == (6, 6)
    assert found.nonzero().tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]
    assert never_together([pictures(cells[:60])], kinds, CELL).sum() == 0  # too few to say
