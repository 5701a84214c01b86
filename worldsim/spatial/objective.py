"""What the spatial world's two parts are trained on, and where their batches come from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from worldsim.nn.action import encode_action
from worldsim.spatial.world import SpatialWorld
from worldsim.vae.colour import pixel_weights
from worldsim.vae.patch_vq import PatchVQ


class VisionObjective(nn.Module):
    """Trains a `PatchVQ` on patches drawn evenly from a pool of frames, rare colours weighing more."""

    def __init__(self, vision: PatchVQ, colours: Tensor, reseed_until: int) -> None:
        super().__init__()
        self.vision = vision
        self.reseed_until = reseed_until
        self.register_buffer("colours", colours)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """batch: (n, p * p * C) uint8 patches."""
        pixels = batch.reshape(len(batch), -1, self.vision.channels)
        weight = pixel_weights(pixels, self.colours).expand(*pixels.shape).flatten(1)
        loss, code, z, error = self.vision.loss(batch.float() / 255, weight)
        self.vision.update(code, z)
        moved = 0
        if self.step % 25 == 0 and self.step < self.reseed_until:
            moved = self.vision.reseed(z, error, generator)
        self.step += 1
        used = (self.vision.mass > 0.05).sum()
        return loss, {"patch_error": error.mean(), "codes_used": used, "reseeded": torch.tensor(moved)}


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


class TransitionObjective(nn.Module):
    """Trains transition and outcome head: nats a cell of the next grid plus nats a step of the outcome.

    ``loss = mean over cells of -log p(x'_i | ...) + outcome_weight * -log p(reward, end | x, x', a, h)``, averaged
    over the steps before the end of each episode; real codes are fed at every step (teacher forcing).
    """

    def __init__(self, world: SpatialWorld, outcome_weight: float = 0.5) -> None:
        super().__init__()
        self.transition, self.outcome = world.transition, world.outcome
        self.action_space = world.action_space
        self.outcome_weight = outcome_weight

    def loss(self, batch: CodeBatch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch; logs nats a cell, nats a step of the outcome, and the share of cells predicted exactly."""
        m, mask = self.transition, batch.mask
        rows, steps = mask.shape
        action = encode_action(self.action_space, batch.actions)
        summary = m.summary(batch.codes.flatten(0, 1)).reshape(rows, steps + 1, -1)
        age = torch.arange(steps, device=mask.device).expand(rows, steps)
        h, _ = m.lstm(m.remember(summary[:, :-1], action, age))
        kept = mask.flatten().nonzero()[:, 0]  # only real steps cost time
        before = batch.codes[:, :-1].flatten(0, 1)[kept]
        after = batch.codes[:, 1:].flatten(0, 1)[kept]
        now, act, mem = (x.flatten(0, 1)[kept] for x in (summary[:, :-1], action, h))
        logits = m.log_likelihood_logits(m.read(before, now, act, mem), after).float()
        nats = F.cross_entropy(logits.flatten(0, 1), after.flatten(), reduction="none")
        features = torch.cat([now, summary[:, 1:].flatten(0, 1)[kept], act, mem], -1)
        reward, ended = batch.rewards.flatten()[kept], batch.terminated.flatten()[kept]
        outcome = self.outcome.loss(features, reward, ended, torch.ones_like(ended))
        wrong = (logits.detach().argmax(-1) != after.flatten(1)).float().mean()
        logs = {"cell_nats": nats.mean().detach(), "outcome_nats": outcome.detach(), "cells_wrong": wrong}
        return nats.mean() + self.outcome_weight * outcome, logs
