"""Film: the last minute of play in memory, and the gif made from it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

LONGEST_SIDE = 400  # pixels of a kept frame; larger ones are thinned to whole-number fractions
LARGEST_GIF = 336  # pixels of the longer side, about; larger ones are slow to write
FASTEST = 34.0  # frames a second; a gif counts in hundredths of a second, and readers slow very short ones down


class Film:
    """A bounded ring of frames (H, W, 3) uint8, unscaled.

    A minute of 84x84 at 8 fps takes 10 MB, of 400x600 at 50 fps 256 MB (and then holds less than the minute).
    """

    def __init__(
        self, fps: float, seconds: float = 60.0, limit_bytes: int = 256 << 20, side: int = LARGEST_GIF
    ) -> None:
        """Keep the last ``seconds`` of a game of ``fps`` steps a second, in at most ``limit_bytes``.

        The gif's longer side is about ``side`` pixels, or `LARGEST_GIF`.
        """
        self.side = min(side, LARGEST_GIF)
        self.every = math.ceil(fps / FASTEST)
        self.fps = fps / self.every
        self.seconds = seconds
        self.limit_bytes = limit_bytes
        self.frames: deque[np.ndarray] = deque()
        self._count = 0

    def add(self, frame: np.ndarray) -> None:
        """Keep a frame (every second or third one of a very fast game)."""
        self._count += 1
        if (self._count - 1) % self.every:
            return
        thin = max(1, math.ceil(max(frame.shape[:2]) / LONGEST_SIDE))
        kept = frame[::thin, ::thin].copy()
        if self.frames and self.frames[-1].shape != kept.shape:
            self.frames.clear()  # a gif has one size
        self.frames.append(kept)
        most = min(self.seconds * self.fps, self.limit_bytes / kept.nbytes)
        while len(self.frames) > max(1, int(most)):
            self.frames.popleft()

    def write(self, path: Path) -> int:
        """Write what is kept as a gif; returns the number of frames."""
        return write_gif(path, list(self.frames), self.fps, self.side)


def write_gif(path: Path, frames: Sequence[np.ndarray], fps: float, side: int = LARGEST_GIF) -> int:
    """Write frames (H, W, 3) uint8 as an endless gif with crisp pixels, about ``side`` long; returns their number.

    Through pillow, the library below imageio's gif writer, because the colours can then be reduced before the
    pixels are blown up: 5 times faster, which keeps the window steady meanwhile. Written to a temporary name first.
    """
    scale = max(1, side // max(frames[0].shape[:2]))
    # A gif counts in hundredths of a second: round the moments, not the durations, so that the pace is right.
    moments = [round(100 * i / fps) for i in range(len(frames) + 1)]
    durations = [10 * (after - before) for before, after in zip(moments, moments[1:], strict=False)]
    images = _images(frames, scale)
    part = path.with_name(path.name + ".part")
    try:
        next(images).save(
            part, format="GIF", save_all=True, append_images=images, duration=durations, loop=0, optimize=False
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(frames)


def _images(frames: Sequence[np.ndarray], scale: int) -> Iterator[Image.Image]:
    for frame in frames:
        image = Image.fromarray(frame).quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        yield image.resize((frame.shape[1] * scale, frame.shape[0] * scale), Image.Resampling.NEAREST)
