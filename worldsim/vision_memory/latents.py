"""A recording as V sees it: two small vectors a frame, on disk, and batches of stretches of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.data.chance import key, permute
from worldsim.data.recording import Recording
from worldsim.vae.conv_vae import ConvVAE
from worldsim.vae.images import shrink, to_unit
from worldsim.vision_memory.encoded import Encoded

_AT_ONCE = 256  # frames encoded together
POOL = 8  # batches that are cut from one pool of stretches sorted by length: together they are drawn at random


class LatentBatch(NamedTuple):
    """Stretches of play; where ``mask`` is false the episode was over."""

    mu: Tensor  # (B, T+1, Z) float16
    logvar: Tensor  # (B, T+1, Z) float16
    actions: Tensor  # (B, T, ...)
    rewards: Tensor  # (B, T) float32
    terminated: Tensor  # (B, T) bool, true at the step that ended the episode
    first: Tensor  # (B, T) float32, 1 at an episode's first frame
    mask: Tensor  # (B, T) bool
    carried: Tensor | None = None  # (B,) float32, 1 where the memory at the end of the last batch goes on


@torch.inference_mode()
def encode(
    vision: ConvVAE, recording: Recording, path: Path, dtype: torch.dtype = torch.float32, mirror: bool = False
) -> NDArray[np.float16]:
    """Mean and log-variance of every frame, episode after episode: (frames, 2, Z) float16, mapped from ``path``.

    With ``mirror`` those of the frames mirrored left to right come after all: (2 frames, 2, Z).

    As in the released code both are kept, so that z can be drawn anew each time. Frames are read one episode at a
    time; the file is written under another name and renamed when it is whole. ``dtype`` is that of the convolutions.
    """
    device = next(vision.parameters()).device
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # two jobs may encode at once
    shape = (recording.num_frames * (1 + mirror), 2, vision.config.latent)
    out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=shape)
    done = 0
    for episode in recording.episodes():
        for part in np.array_split(episode.frames, -(-len(episode.frames) // _AT_ONCE)):
            frames = torch.from_numpy(part).to(device)
            for turned in range(1 + mirror):
                seen = to_unit(shrink(frames.flip(2) if turned else frames))
                with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
                    posterior = vision.encode(seen)
                place = done + turned * recording.num_frames
                out[place : place + len(part)] = torch.stack(posterior, 1).half().cpu().numpy()
            done += len(part)
    out.flush()
    del out
    os.replace(partial, path)
    return np.load(path, mmap_mode="r")


class LatentEpisodes:
    """Batches of stretches of an encoded recording; ``batch`` is a pure function of (seed, index, rank).

    An episode of T steps gives ceil(T / length) stretches, the first from its first frame, the others from random
    places. They are shuffled anew each epoch; those of a batch are of like length, so little of it is masked.

    Args:
        encoded: the recording as V sees it.
        length: most steps of a stretch.
        batch_size: stretches in a batch (of one process).
        seed: of the shuffle and the places.
    """

    def __init__(self, encoded: Encoded, length: int, batch_size: int, seed: int) -> None:
        self.encoded, self.length, self.batch_size, self.seed = encoded, length, batch_size, seed
        self.lengths = encoded.lengths
        pieces = -(-self.lengths // length)
        self._episode = np.repeat(np.arange(len(self.lengths)), pieces)  # (stretches,)
        self._piece = np.arange(len(self._episode)) - np.repeat(np.cumsum(pieces) - pieces, pieces)

    def batch(self, index: int, rank: int = 0, world_size: int = 1) -> LatentBatch:
        """Batch ``index`` for process ``rank`` of ``world_size``."""
        total, share = len(self._episode), self.batch_size * world_size
        pool, within = divmod(index, POOL)
        place = np.arange(pool * POOL * share, (pool + 1) * POOL * share)
        epoch, place = np.divmod(place, total)
        keys = {int(e): key(self.seed, int(e)) for e in np.unique(epoch)}
        drawn = permute(place, total, np.array([keys[int(e)] for e in epoch], np.uint64))
        drawn = drawn[np.argsort(self.lengths[self._episode[drawn]], kind="stable")]
        turn = int(np.random.default_rng([self.seed, pool]).permutation(POOL)[within])
        mine = drawn[turn * share : (turn + 1) * share][rank::world_size]
        return self._gather(mine, np.random.default_rng([self.seed, index, rank]))

    def _gather(self, stretches: NDArray[np.int64], rng: np.random.Generator) -> LatentBatch:
        episodes = self._episode[stretches]
        steps, rows = int(min(self.length, self.lengths[episodes].max())), len(stretches)
        latents, actions = self.encoded.latents, self.encoded.played(0, 0, 1)[0]
        both = np.zeros((rows, steps + 1, *latents.shape[1:]), np.float16)
        acted = np.zeros((rows, steps, *actions.shape[1:]), actions.dtype)
        rewards, first = np.zeros((2, rows, steps), np.float32)
        ended, mask = np.zeros((2, rows, steps), bool)
        for b, episode in enumerate(episodes.tolist()):
            total = int(self.lengths[episode])
            begin = 0 if self._piece[stretches[b]] == 0 else int(rng.integers(0, total - steps + 1))
            n = min(steps, total - begin)
            frame = int(self.encoded.first_frame[episode]) + begin
            both[b, : n + 1] = latents[frame : frame + n + 1]
            acted[b, :n], rewards[b, :n] = self.encoded.played(episode, begin, n)
            ended[b, n - 1] = begin + n == total and self.encoded.terminated(episode)
            first[b, 0] = begin == 0
            mask[b, :n] = True
        arrays = (both[:, :, 0], both[:, :, 1], acted, rewards, ended, first, mask)
        return LatentBatch(*(torch.from_numpy(a) for a in arrays))
