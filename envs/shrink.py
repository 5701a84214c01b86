"""Pictures made smaller by averaging areas, in numpy alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def shrink(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A picture (H, W, C) at (height, width, C): every new pixel is the mean of the area that it covers.

    Exact where the sizes divide; elsewhere a pixel on the edge counts by its share. No product of matrices: numpy's
    would wake a thread for each core, and on a busy machine these wait for each other far longer than they work.
    """
    rows, columns, channels = frame.shape
    if (rows, columns) == (height, width):
        return frame
    if columns % width == 0:
        step = columns // width
        whole = frame[:, ::step].astype(np.float32)
        for i in range(1, step):
            whole += frame[:, i::step]
        whole /= step  # (H, width, C)
    elif columns != width:
        whole = _along(frame.transpose(1, 0, 2), width).transpose(1, 0, 2)
    else:
        whole = frame.astype(np.float32)
    if rows != height:
        whole = _along(np.ascontiguousarray(whole).reshape(rows, -1), height).reshape(height, width, channels)
    return np.rint(whole).astype(np.uint8)


def _along(values: NDArray[np.uint8] | NDArray[np.float32], new: int) -> NDArray[np.float32]:
    """Averaged along the first axis."""
    first, weights = _weights(len(values), new)
    shape = (-1, *[1] * (values.ndim - 1))
    total = values[first] * weights[0].reshape(shape)
    for k in range(1, len(weights)):
        total += values[np.minimum(first + k, len(values) - 1)] * weights[k].reshape(shape)
    return total


@lru_cache(maxsize=32)
def _weights(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first old pixel in each new one (new,), and how much of it and of those after it lies there (k, new)."""
    edges = np.arange(new + 1) * (old / new)
    low, high = edges[:-1], edges[1:]
    first = np.floor(low).astype(np.int64)
    pixels = first + np.arange(int(np.ceil(old / new)) + 1)[:, None]  # (k, new)
    covered = np.minimum(high, pixels + 1) - np.maximum(low, pixels)
    weights = np.clip(covered, 0, None) * (new / old)
    return first, weights[weights.max(1) > 1e-9].astype(np.float32)
