"""Stretches of play for training, read from disk: batch number i is a pure function of (seed, i, rank)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.data.cache import ChunkCache
from worldsim.data.chance import key, permute
from worldsim.data.recording import Recording
from worldsim.errors import BadInput

_AHEAD = 2  # batches under way per worker


class Batch(NamedTuple):
    """B windows of T steps. Where ``mask`` is false the episode was over: the last frame repeats, the rest is zero."""

    frames: Tensor  # (B, T+1, H, W, C) uint8
    actions: Tensor  # (B, T, ...)
    rewards: Tensor  # (B, T) float32
    terminated: Tensor  # (B, T) bool, true at the step that ended the episode
    mask: Tensor  # (B, T) bool, true where the step was played

    def pieces(self, steps: int) -> Batch:
        """The same steps as shorter windows: B * (T / steps) of ``steps``."""
        count, odd = divmod(self.mask.shape[1], steps)
        if odd:
            raise BadInput(f"windows of {self.mask.shape[1]} steps do not divide into pieces of {steps}")
        if count == 1:
            return self
        frames = torch.stack([self.frames[:, i * steps : (i + 1) * steps + 1] for i in range(count)], 1)
        return Batch(frames.flatten(0, 1), *(part.unflatten(1, (count, steps)).flatten(0, 1) for part in self[1:]))


class Windows:
    """An endless, shuffled sequence of batches of windows, by number.

    With ``start="any"`` every step of the recording begins one window, so the end of an episode is seen as often as
    its middle; a window that begins near the end runs past it and is masked, never into the next episode. With
    ``start="episode"`` there is one window per episode, from its first step. One epoch shows every window once,
    shuffled anew for each epoch; batches run on across epochs, and the ranks of a distributed job share them out.

    Only actions, rewards, `cache_bytes` of frames and the batches under way are ever in memory.

    Args:
        recording: a `Recording`, or where it lies.
        length: T, steps in a window.
        batch_size: B, windows in a batch (of one rank).
        seed: of the shuffle.
        start: "any" or "episode".
        workers: threads that make batches when iterating; decompression runs in parallel.
        cache_bytes: decompressed frames that are kept.
    """

    def __init__(
        self,
        recording: Recording | Path | str,
        length: int,
        batch_size: int,
        seed: int = 0,
        start: Literal["any", "episode"] = "any",
        workers: int = 1,
        cache_bytes: int = 256 << 20,
    ) -> None:
        if length < 1 or batch_size < 1 or workers < 1:
            raise BadInput(f"length, batch size and workers are at least 1, got {length}, {batch_size} and {workers}")
        if start not in ("any", "episode"):
            raise BadInput(f'start is "any" or "episode", got {start!r}')
        self.recording = recording if isinstance(recording, Recording) else Recording(recording)
        self.length, self.batch_size, self.seed, self.start, self.workers = length, batch_size, seed, start, workers
        self._ends = np.cumsum(self.recording.lengths)  # (E,) step number after each episode
        self._chunk = ChunkCache(self.recording, cache_bytes)

    @property
    def num_windows(self) -> int:
        """Different windows: one epoch."""
        return len(self.recording) if self.start == "episode" else int(self._ends[-1])

    def batch(self, index: int, rank: int = 0, world_size: int = 1) -> Batch:
        """Batch number ``index`` of process ``rank`` out of ``world_size``."""
        if index < 0 or not 0 <= rank < world_size:
            raise BadInput(f"index >= 0 and 0 <= rank < world_size, got {index}, {rank} and {world_size}")
        return self._gather(*self._draw(index * world_size + rank))

    def _draw(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Episode and first step of each window of the batch with this number."""
        position = np.arange(number * self.batch_size, (number + 1) * self.batch_size)
        epoch, place = np.divmod(position, self.num_windows)
        keys = {int(e): key(self.seed, int(e)) for e in np.unique(epoch)}
        window = permute(place, self.num_windows, np.array([keys[int(e)] for e in epoch], np.uint64))
        if self.start == "episode":
            return window, np.zeros_like(window)
        episode = np.searchsorted(self._ends, window, side="right")
        return episode, window - (self._ends[episode] - self.recording.lengths[episode])

    def _gather(self, episodes: NDArray[np.int64], firsts: NDArray[np.int64]) -> Batch:
        size, length, shards = len(episodes), self.length, self.recording.shards
        actions = shards[0].actions
        batch = Batch(
            torch.empty((size, length + 1, *self.recording.frame_shape), dtype=torch.uint8),
            torch.from_numpy(np.zeros((size, length, *actions.shape[1:]), actions.dtype)),
            torch.zeros(size, length),
            torch.zeros(size, length, dtype=torch.bool),
            torch.zeros(size, length, dtype=torch.bool),
        )
        frames, acted, rewards, terminated, mask = (tensor.numpy() for tensor in batch)  # views: filling them fills it
        for b, (episode, first) in enumerate(zip(episodes.tolist(), firsts.tolist(), strict=True)):
            number, row = self.recording.locate(episode)
            shard = shards[number]
            steps = min(length, int(shard.lengths[row]) - first)
            self._copy_frames(frames[b], number, int(shard.first_frame[row]) + first, steps + 1)
            played = slice(shard.first_step[row] + first, shard.first_step[row] + first + steps)
            acted[b, :steps] = shard.actions[played]
            rewards[b, :steps] = shard.rewards[played]
            mask[b, :steps] = True
            terminated[b, steps - 1] = shard.terminated[row] and first + steps == shard.lengths[row]
        return batch

    def _copy_frames(self, out: NDArray[np.uint8], shard: int, first: int, count: int) -> None:
        """Fill ``out`` (T+1, H, W, C) with ``count`` frames from frame ``first`` of a shard; the last one repeats."""
        size, done = self.recording.shards[shard].chunk_frames, 0
        while done < count:
            number, skip = divmod(first + done, size)
            take = min(size - skip, count - done)
            out[done : done + take] = self._chunk(shard, number)[skip : skip + take]
            done += take
        out[count:] = out[count - 1]

    def __iter__(self) -> Iterator[Batch]:
        return self.prefetched()

    def prefetched(self, start_index: int = 0, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        """``batch(start_index)``, ``batch(start_index + 1)``, ... for ever, made ahead by ``workers`` threads."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="worldsim-windows")
        ahead: deque[Future[Batch]] = deque()
        index = start_index
        try:
            while True:
                while len(ahead) <= _AHEAD * self.workers:
                    ahead.append(pool.submit(self.batch, index, rank, world_size))
                    index += 1
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
