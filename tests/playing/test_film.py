"""Film: bounded, and the gif shows exactly what was kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from worldsim.playing.film import Film


def test_film_is_bounded_and_lossless(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (200, 3), np.uint8)
    frames = [palette[rng.integers(0, 200, (84, 84))] for _ in range(12)]
    film = Film(8, seconds=1)
    for frame in frames:
        film.add(frame)
    assert film.write(tmp_path / "a.gif") == 8
    with Image.open(tmp_path / "a.gif") as image:
        durations = []
        for i, frame in enumerate(frames[-8:]):
            image.seek(i)
            durations.append(image.info["duration"])
            assert np.array_equal(np.asarray(image.convert("RGB"))[::4, ::4], frame)
    assert sum(durations) == 1000  # eight frames at 8 a second, though 12.5 hundredths cannot be written
    big = Film(60, seconds=60, limit_bytes=10 * 200 * 300 * 3)
    for _ in range(50):
        big.add(np.zeros((400, 600, 3), np.uint8))
    assert len(big.frames) == 10
    assert big.frames[0].shape == (200, 300, 3)
    assert big.fps == 30


def test_a_gif_is_as_large_as_asked_and_not_larger_than_is_quick(tmp_path: Path) -> None:
    for side, expected in ((252, 252), (260, 252), (672, 336)):
        film = Film(8, side=side)
        film.add(np.zeros((84, 84, 3), np.uint8))
        film.write(tmp_path / "a.gif")
        with Image.open(tmp_path / "a.gif") as image:
            assert image.size == (expected, expected)
