"""Recorded play after vision: episodes of codes, and the batches that the transition trains on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class CodeBatch(NamedTuple):
    """Stretches of recorded play as codes."""

    codes: Tensor  # (B, T+1, R, C) int64
    actions: Tensor  # (B, T, ...)
    rewards: Tensor  # (B, T) float32
    terminated: Tensor  # (B, T) bool
    mask: Tensor  # (B, T) bool, false past the end


class CodeEpisodes:
    """A recording after vision: a few dozen bytes a frame, so it stays in memory.

    `batch` is a pure function of (seed, index, rank): episodes in a new order each epoch, those of a batch of like
    length, each cut to at most ``length`` steps at a random place (or from its first frame).
    """

    def __init__(
        self,
        codes: list[NDArray[np.int16]],  # (T+1, R, C) each
        actions: list[NDArray[np.generic]],  # (T, ...)
        rewards: list[NDArray[np.float32]],  # (T,)
        terminated: list[bool],
        length: int,
        batch_size: int,
        from_start: bool,
        seed: int,
    ) -> None:
        self.codes, self.actions, self.rewards, self.terminated = codes, actions, rewards, terminated
        self.length, self.batch_size, self.from_start, self.seed = length, batch_size, from_start, seed

    def batch(self, index: int, rank: int = 0, world_size: int = 1) -> CodeBatch:
        """Batch ``index`` of the endless sequence."""
        pool = self.batch_size * world_size * 8  # batches of like length are cut from pools of eight
        per_epoch = max(1, len(self.codes) // pool)
        number = index // 8
        order = np.random.default_rng([self.seed, number // per_epoch]).permutation(len(self.codes))
        at = (number % per_epoch) * pool
        picked = order[at : at + pool]
        rng = np.random.default_rng([self.seed, index, rank, 1])
        picked = picked[np.argsort([len(self.rewards[e]) for e in picked], kind="stable")]
        turn = np.random.default_rng([self.seed, number, 2]).permutation(8)[index % 8]
        share = picked[turn * self.batch_size * world_size :][rank : self.batch_size * world_size : world_size]
        return self._stack(share if len(share) else picked[: self.batch_size], rng)

    def _stack(self, episodes: NDArray[np.int64], rng: np.random.Generator) -> CodeBatch:
        steps = min(self.length, max(len(self.rewards[e]) for e in episodes))
        shape = self.codes[0].shape[1:]
        codes = np.zeros((len(episodes), steps + 1, *shape), np.int64)
        actions = np.zeros((len(episodes), steps, *self.actions[0].shape[1:]), self.actions[0].dtype)
        rewards = np.zeros((len(episodes), steps), np.float32)
        ended = np.zeros((len(episodes), steps), bool)
        mask = np.zeros((len(episodes), steps), bool)
        for row, e in enumerate(episodes):
            total = len(self.rewards[e])
            begin = 0 if self.from_start else int(rng.integers(0, max(1, total - steps + 1)))
            n = min(steps, total - begin)
            codes[row, : n + 1] = self.codes[e][begin : begin + n + 1]
            codes[row, n + 1 :] = codes[row, n]
            actions[row, :n] = self.actions[e][begin : begin + n]
            rewards[row, :n] = self.rewards[e][begin : begin + n]
            ended[row, n - 1] = self.terminated[e] and begin + n == total
            mask[row, :n] = True
        return CodeBatch(*(torch.from_numpy(a) for a in (codes, actions, rewards, ended, mask)))
