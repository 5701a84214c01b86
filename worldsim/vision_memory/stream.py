"""A recording as one endless reel, cut into windows that follow each other: so M can carry its memory on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.errors import BadInput
from worldsim.vision_memory.encoded import Encoded
from worldsim.vision_memory.latents import LatentBatch


class LatentStream:
    """Windows of an encoded recording, as World Models' Doom code trains M; a pure function of (seed, index, rank).

    Each epoch shuffles the episodes and joins them end to end; the reel is cut into ``batch_size`` parallel rows, and
    window w of every row goes on where window w - 1 ended (``carried`` is 0 in an epoch's first window, else 1).
    ``first`` marks an episode's first frame, where M forgets all; a step is terminated if the next frame of the reel
    is such a one, whatever ended the episode, and its target is that frame. An episode's last frame, after which
    nothing was done, is left out.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, released code (batch 100, windows of 499 steps).

    Differs from the paper: windows touch, where the released code skips one step between them.

    Args:
        encoded: the recording as V sees it.
        length: steps of a window.
        batch_size: rows (of one process).
        seed: of the shuffles.
    """

    def __init__(self, encoded: Encoded, length: int, batch_size: int, seed: int) -> None:
        self.encoded, self.batch_size, self.seed = encoded, batch_size, seed
        self.lengths = encoded.lengths
        self._first_step = np.cumsum(self.lengths) - self.lengths  # (E,) row in actions
        played = [encoded.played(i, 0, int(n)) for i, n in enumerate(self.lengths)]
        self._actions, self._rewards = (np.concatenate(part) for part in zip(*played, strict=True))  # some bytes a step
        self.length = min(length, (len(self._actions) - 1) // batch_size)
        if self.length < 1:
            raise BadInput(
                f"{encoded.recording.path} has {len(self._actions)} steps, too few for {batch_size} parallel rows; "
                "record more or give a smaller memory_batch"
            )
        self._reel: tuple[int, NDArray[np.int64], NDArray[np.int64]] = (-1, self.lengths, self.lengths)

    def batch(self, index: int, rank: int = 0, world_size: int = 1) -> LatentBatch:
        """Window ``index`` of the rows of process ``rank`` of ``world_size``."""
        rows = self.batch_size * world_size
        along = (len(self._actions) - 1) // rows  # steps of a row
        length = min(self.length, along)
        epoch, window = divmod(index, along // length)
        order, ends = self._shuffled(epoch)
        begin = (np.arange(self.batch_size) + rank * self.batch_size) * along + window * length
        place = begin[:, None] + np.arange(length + 1)  # (B, T+1) in the reel
        which = np.searchsorted(ends, place, side="right")
        episode = order[which]
        step = place - (ends[which] - self.lengths[episode])
        both = self.encoded.latents[self.encoded.first_frame[episode] + step]
        done = (self._first_step[episode] + step)[:, :-1]
        first = step == 0
        arrays = (
            both[:, :, 0],
            both[:, :, 1],
            self._actions[done],
            self._rewards[done],
            first[:, 1:],
            first[:, :-1].astype(np.float32),
            np.ones(done.shape, bool),
            np.full(self.batch_size, window > 0, np.float32),
        )
        return LatentBatch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))

    def _shuffled(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """An epoch's order of the episodes, and where each ends in the reel."""
        if self._reel[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))
            self._reel = (epoch, order, np.cumsum(self.lengths[order]))
        return self._reel[1:]
