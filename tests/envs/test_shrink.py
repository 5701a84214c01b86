from __future__ import annotations

import numpy as np
import pytest

from worldsim.envs.shrink import shrink


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(400, 640), (84, 96), (6, 6), (5, 7)])
def test_means_of_areas(height: int, width: int) -> None:
    frame, (rows, columns) = picture(height, width), (4, 3)
    fine = frame.repeat(rows, 0).repeat(columns, 1).astype(float)  # pixels cut until areas are whole
    expected = fine.reshape(rows, height, columns, width, 3).mean((1, 3))
    assert np.abs(shrink(frame, rows, columns) - expected).max() <= 0.5 + 1e-3


def test_what_does_not_change() -> None:
    frame = picture(9, 8)
    assert shrink(frame, 9, 8) is frame
    assert (shrink(np.full((84, 96, 3), 77, np.uint8), 64, 64) == 77).all()
    assert (shrink(np.full((5, 6, 1), 255, np.uint8), 3, 4) == 255).all()
    larger = shrink(frame, 18, 16)
    assert np.array_equal(larger[::2, ::2], frame)
