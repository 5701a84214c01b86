from __future__ import annotations

import numpy as np
import torch

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.paint import paint_codes
from worldsim.metrics import kinds as k
from worldsim.metrics.look import Look
from worldsim.metrics.reader import played_codes, reading_errors, train_reader


def test_kinds_say_what_the_symbolic_grid_says() -> None:
    words = [{tiles.PLANES[i] for i in np.flatnonzero(row)} for row in tiles.planes_of(np.arange(tiles.NUM_TILES))]
    for kind, said in zip(k.KIND_OF_TILE, words, strict=True):
        name = k.NAMES[kind]
        assert name in said or (name == "nothing" and said <= {"void"}), (name, said)
        assert ("caught" in said) == (kind == k.CAUGHT)
        assert ("player" in said) == (kind in (k.PLAYER, k.CAUGHT))


def test_it_reads_every_tile_and_boards_it_has_not_seen() -> None:
    reader = train_reader("arcade", 7)
    codes = np.random.default_rng(5).integers(0, tiles.NUM_TILES, (60, 7, 7)).astype(np.uint8)
    read = reader.look(paint_codes(codes)).kinds
    assert read is not None
    assert (read != k.of_codes(codes)).mean() < 0.002
    errors = reading_errors(reader, played_codes(60, 4, 7, 3_700_000_000), "arcade")
    assert errors["cells read wrong, frames as they are"].value < 5e-4


def test_it_reads_spoilt_pictures_too() -> None:
    errors = reading_errors(train_reader("arcade", 7), played_codes(60, 2, 7, 3_700_000_000), "arcade", spoilt=True)
    assert errors["cells read wrong, frames spoilt as in training"].value < 0.03
    assert errors["ghosts read wrong, frames spoilt as in training"].n > 20


def test_its_looks_can_be_put_together() -> None:
    reader = train_reader("arcade", 7)
    frames = paint_codes(played_codes(8, 1, 7, 1)[:8])
    one, other = reader.look(frames[:4]), reader.look(frames[4:])
    index = torch.tensor([2, 0])
    part = Look(other.small[index], other.kinds[[2, 0]], other.feature[index])  # type: ignore[index]
    mixed = one.put(np.array([1, 3]), part)
    np.testing.assert_array_equal(mixed.kinds, np.stack([one.kinds[0], other.kinds[2], one.kinds[2], other.kinds[0]]))  # type: ignore[index]
    np.testing.assert_array_equal(mixed.feature[3], other.feature[0])  # type: ignore[index]
    np.testing.assert_array_equal(mixed.small[0], one.small[0])
