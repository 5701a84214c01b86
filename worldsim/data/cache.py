"""Decompressed chunks of frames, as many as fit into a fixed number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from worldsim.data.recording import Recording


class ChunkCache:
    """The chunks of a recording that were used last; safe to use from several threads.

    Args:
        recording: where the chunks come from.
        max_bytes: of decompressed frames that are kept; one chunk is kept even if it is larger.
    """

    def __init__(self, recording: Recording, max_bytes: int) -> None:
        self._shards = recording.shards
        self._max_bytes = max_bytes
        self._chunks: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def num_bytes(self) -> int:
        """What is held now."""
        return self._bytes

    def __call__(self, shard: int, number: int) -> NDArray[np.uint8]:
        """(chunk_frames, H, W, C) uint8, read-only: chunk ``number`` of shard ``shard``."""
        name = (shard, number)
        with self._lock:
            if name in self._chunks:
                self._chunks.move_to_end(name)
                return self._chunks[name]
        chunk = self._shards[shard].chunk(
            number
        )  # outside the lock: decompressing is the work, and it runs in parallel
        with self._lock:
            if name not in self._chunks:
                self._chunks[name] = chunk
                self._bytes += chunk.nbytes
                while self._bytes > self._max_bytes and len(self._chunks) > 1:
                    self._bytes -= self._chunks.popitem(last=False)[1].nbytes
        return chunk
