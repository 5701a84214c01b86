"""What the spatial world's two parts are trained on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.nn.action import encode_action
from worldsim.spatial.episodes import CodeBatch
from worldsim.spatial.world import SpatialWorld
from worldsim.vae.colour import pixel_weights
from worldsim.vae.patch_vq import PatchVQ


class VisionObjective(nn.Module):
    """Trains a `PatchVQ` on patches drawn evenly from a pool of frames, rare colours weighing more."""

    colours: Tensor
    step: Tensor

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


class TransitionObjective(nn.Module):
    """Trains transition and outcome head: nats a cell of the next grid plus nats a step of the outcome.

    ``loss = mean over cells of (-log p(x'_i | drawn) - .3 log p(x'_i by itself)) - .05 sum over things of
    log p(still to come or not) - outcome_weight * log p(reward, end | x, x', a, h)``, averaged over the steps before
    the end of each episode; real codes are fed at every step (teacher forcing).
    """

    alone_weight = 0.3
    presence_weight = 0.05

    def __init__(self, world: SpatialWorld, outcome_weight: float = 0.5) -> None:
        super().__init__()
        self.transition, self.outcome = world.transition, world.outcome
        self.action_space = world.action_space
        self.outcome_weight = outcome_weight
        self._vision, self._tiles, self._shape = [world.vision], world.tiles, world.config.frame_shape  # not trained

    def picture(self, codes: Tensor) -> Tensor:
        """Frames of codes, for sample pictures."""
        return self._vision[0].decode(codes, *self._shape[:2], self._tiles)

    def samples(self, batch: CodeBatch) -> dict[str, Tensor]:
        """Pictures of eight steps: the real next frame and one drawn from the model."""
        m, rows, at = self.transition, min(8, len(batch.mask)), min(3, batch.mask.shape[1] - 1)
        before, after = batch.codes[:rows, at], batch.codes[:rows, at + 1]
        action = encode_action(self.action_space, batch.actions[:rows])
        past = batch.codes[:rows, : at + 1].flatten(0, 1)
        seen = m.seen(past, m.summary(past), action[:, : at + 1].flatten(0, 1)).reshape(rows, at + 1, -1)
        age = torch.arange(at + 1, device=before.device).expand(rows, at + 1)
        h, _ = m.lstm(m.remember(seen, age))
        cells = m.read(before, seen[:, -1], h[:, -1])
        half = torch.full((rows, before[0].numel()), 0.5, device=before.device)
        drawn = m.draw(cells, half, torch.ones(rows, device=before.device))
        return {"real": self.picture(after), "predicted": self.picture(drawn)}

    def loss(self, batch: CodeBatch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch; logs nats a cell, nats a step of the outcome, and the share of cells predicted exactly."""
        m, mask = self.transition, batch.mask
        rows, steps = mask.shape
        action = encode_action(self.action_space, batch.actions)
        summary = m.summary(batch.codes.flatten(0, 1)).reshape(rows, steps + 1, -1)
        before, after = batch.codes[:, :-1].flatten(0, 1), batch.codes[:, 1:].flatten(0, 1)
        seen = m.seen(before, summary[:, :-1].flatten(0, 1), action.flatten(0, 1))
        age = torch.arange(steps, device=mask.device).expand(rows, steps)
        h, _ = m.lstm(m.remember(seen.reshape(rows, steps, -1), age))
        kept = mask.flatten().nonzero()[:, 0]  # only real steps cost time
        before, after, seen = before[kept], after[kept], seen[kept]
        then, mem = summary[:, 1:].flatten(0, 1)[kept], h.flatten(0, 1)[kept]
        logits, alone, still = m.log_likelihood_logits(m.read(before, seen, mem), after)
        presence = F.binary_cross_entropy_with_logits(still, m.things_to_come(after), reduction="none").sum(-1).mean()
        nats = F.cross_entropy(logits.float().flatten(0, 1), after.flatten())
        nats_alone = F.cross_entropy(alone.float().flatten(0, 1), after.flatten())
        features = torch.cat([seen, then, mem], -1)
        reward, ended = batch.rewards.flatten()[kept], batch.terminated.flatten()[kept]
        outcome = self.outcome.loss(features, reward, ended, torch.ones_like(ended))
        wrong = (logits.detach().argmax(-1) != after.flatten(1)).float().mean()
        logs = {
            "cell_nats": nats.detach(),
            "cell_nats_alone": nats_alone.detach(),
            "presence_nats": presence.detach(),
            "outcome_nats": outcome.detach(),
            "cells_wrong": wrong,
        }
        loss = nats + self.alone_weight * nats_alone + self.presence_weight * presence
        return loss + self.outcome_weight * outcome, logs
