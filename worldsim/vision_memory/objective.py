"""What M is trained on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.nn.action import encode_action
from worldsim.nn.mixture import mean, nll
from worldsim.vae.conv_vae import Posterior
from worldsim.vae.images import to_frames
from worldsim.vision_memory.latents import LatentBatch
from worldsim.vision_memory.world import VisionMemoryWorld

_SHOWN = 8  # pictures in a sample


class MemoryObjective(nn.Module):
    """Trains M, and the outcome head where the world has one, on stretches of real play (teacher forcing).

    ``loss = -log p(z' | z, a, h)`` in nats per dimension ``+ BCE(done logit) + outcome_weight * -log p(outcome)``
    ``+ action_weight * -log p(next action)``, each averaged over the steps before the end of their episode. z is drawn
    anew from V's posterior for every batch; a step's target is its last frame too where the episode ends there.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, appendix A.2 and the released code (endings weigh 10).

    With ``rows`` the memory is carried on from batch to batch (see `LatentStream`), as in the published Doom code,
    where the 2,100-step limit counts as a death and the last step's target is the next episode's first frame. Without,
    every stretch begins with an empty memory, "done" means terminated, and the target is the episode's own last frame.

    Differs from the paper: the outcome head is ours.

    Args:
        world: whose ``memory`` and ``outcome`` are trained.
        done_weight: how much an ending counts against a step without one (released Doom code: 10).
        outcome_weight: nats of the outcome against nats per dimension.
        action_weight: nats of the player's next action, where the world has a head for it.
        rows: of the batches whose memory is carried on; 0 carries nothing.
    """

    carried_h: Tensor
    carried_c: Tensor

    def __init__(
        self,
        world: VisionMemoryWorld,
        done_weight: float = 10.0,
        outcome_weight: float = 1.0,
        action_weight: float = 1.0,
        rows: int = 0,
    ) -> None:
        super().__init__()
        for name in ("carried_h", "carried_c"):  # buffers, so that a run that goes on has them
            self.register_buffer(name, torch.zeros(rows, world.config.hidden))
        self.memory, self.outcome, self.action_space = world.memory, world.outcome, world.action_space
        self.next_action = world.next_action
        self.done_weight, self.outcome_weight, self.action_weight = done_weight, outcome_weight, action_weight
        self._decode = world.vision.decode  # a method, so that V is no part of what is trained and saved here

    def loss(self, batch: LatentBatch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch; logs nats per dimension and what the other heads cost."""
        normal = torch.randn(batch.mu.shape, generator=generator, device=batch.mu.device)
        z = Posterior(batch.mu.float(), batch.logvar.float()).sample(normal)
        h = self._remembered(z[:, :-1], batch)
        action = self._next_action(h, batch)
        after, h, ended = z[:, 1:][batch.mask], h[batch.mask], batch.terminated[batch.mask]
        prediction = self.memory.predict(h)
        loss = nll(prediction.mixture, after).mean()
        logs = {"nats_per_dim": loss.detach()}
        if prediction.done is not None:
            weight = torch.full_like(prediction.done, self.done_weight)
            done = F.binary_cross_entropy_with_logits(prediction.done, ended.float(), pos_weight=weight)
            loss, logs["done_nats"] = loss + done, done.detach()
        if self.outcome is not None:
            features = torch.cat([h, after], 1)
            outcome = self.outcome.loss(features, batch.rewards[batch.mask], ended, torch.ones_like(ended))
            loss, logs["outcome_nats"] = loss + self.outcome_weight * outcome, outcome.detach()
        if action is not None:
            loss, logs["action_nats"] = loss + self.action_weight * action, action.detach()
        return loss, logs

    def _next_action(self, h: Tensor, batch: LatentBatch) -> Tensor | None:
        """What it costs to say the next action of the same episode."""
        if self.next_action is None:
            return None
        goes_on = batch.mask[:, 1:] & ~batch.terminated[:, :-1] & (batch.first[:, 1:] == 0)
        return self.next_action.loss(h[:, :-1][goes_on], batch.actions[:, 1:][goes_on])

    def _remembered(self, z: Tensor, batch: LatentBatch) -> Tensor:
        """M's memory after each step (B, T, H)."""
        action = encode_action(self.action_space, batch.actions)
        if batch.carried is None:
            h: Tensor = self.memory(z, action, batch.first)
            return h
        goes_on = batch.carried[:, None]
        h, (last_h, last_c) = self.memory.through(
            z, action, batch.first, (self.carried_h * goes_on, self.carried_c * goes_on)
        )
        if self.training:
            self.carried_h, self.carried_c = last_h.detach(), last_c.detach()
        return h

    def samples(self, batch: LatentBatch) -> dict[str, Tensor]:
        """The first steps of one stretch as V keeps them, and the mean of what M expects one step ahead."""
        mu, steps = batch.mu[:1].float(), slice(0, _SHOWN)
        h = self.memory(mu[:, :-1], encode_action(self.action_space, batch.actions[:1]), batch.first[:1])
        expected = mean(self.memory.predict(h[0, steps]).mixture)
        return {"real": to_frames(self._decode(mu[0, 1:][steps])), "predicted": to_frames(self._decode(expected))}
