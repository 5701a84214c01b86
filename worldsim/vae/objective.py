"""What the convolutional V is trained on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from worldsim.vae.colour import pixel_weights
from worldsim.vae.conv_vae import ConvVAE
from worldsim.vae.images import to_frames, to_unit
from worldsim.vae.loss import floored_kl, gaussian_kl, masked_mean, squared_error

_SHOWN = 8  # pictures in a sample


class Pictures(NamedTuple):
    """A batch of single frames at V's size."""

    frames: Tensor  # (n, 64, 64, C) uint8
    mask: Tensor  # (n,) bool, false for what only fills up the batch


class ConvVAEObjective(nn.Module):
    """Trains a `ConvVAE`: ``|x - x'|^2 + kl_weight * max(KL, tolerance * Z)``, averaged over the batch.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, appendix A.1, and the released code (weight 1, tolerance 0.5).

    Differs from the paper: rare colours may weigh more (`worldsim.vae.colour`), and the KL term may have another
    weight; by default neither is so. The mean is over the frames that ``mask`` keeps.
    """

    colours: Tensor | None

    def __init__(
        self, vision: ConvVAE, tolerance: float = 0.5, kl_weight: float = 1.0, colours: Tensor | None = None
    ) -> None:
        super().__init__()
        self.vision, self.tolerance, self.kl_weight = vision, tolerance, kl_weight
        self.register_buffer("colours", colours)

    def loss(self, batch: Pictures, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch; logs the weighted squared error and the KL before its floor."""
        real = to_unit(batch.frames)
        posterior = self.vision.encode(real)
        mu, logvar = posterior.mu.float(), posterior.logvar.float()
        normal = torch.randn(mu.shape, generator=generator, device=mu.device)
        drawn = self.vision.decode(type(posterior)(mu, logvar).sample(normal))
        weight = None if self.colours is None else pixel_weights(batch.frames, self.colours).permute(0, 3, 1, 2)
        error = masked_mean(squared_error(drawn, real, weight), batch.mask)
        kl = masked_mean(floored_kl(mu, logvar, self.tolerance), batch.mask)
        logs = {"squared_error": error.detach(), "kl": masked_mean(gaussian_kl(mu, logvar), batch.mask).detach()}
        return error + self.kl_weight * kl, logs

    def samples(self, batch: Pictures) -> dict[str, Tensor]:
        """Some frames, and what V keeps of them (the posterior's mean, decoded)."""
        real = batch.frames[batch.mask][:_SHOWN]
        mu = self.vision.encode(to_unit(real)).mu
        return {"real": real, "predicted": to_frames(self.vision.decode(mu.float()))}
