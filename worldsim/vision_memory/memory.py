"""M of World Models: an LSTM that predicts the next latent vector as a mixture of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from worldsim.nn.init import glorot
from worldsim.nn.lstm import LSTM
from worldsim.nn.mixture import Mixture, component_major
from worldsim.nn.prepared import Prepared
from worldsim.nn.product import Product


@dataclass(frozen=True)
class MemoryConfig:
    """Sizes of `MDNRNN`."""

    latent: int = 32
    """Z."""
    action: int = 3
    """A, width of an action as a vector."""
    hidden: int = 256
    """H (World Models: 256 for CarRacing, 512 for Doom)."""
    mixtures: int = 5
    """K, Gaussians per dimension."""
    done: bool = False
    """Doom's two extras: an input that marks an episode's first frame, and an output, the logit of its end."""


class Prediction(NamedTuple):
    """What M expects to come next."""

    mixture: Mixture  # of z, (..., K, Z) each
    done: Tensor | None  # (...,) logit


class MDNRNN(Prepared):
    """Mixture density network on an LSTM (Ha & Schmidhuber 2018, arXiv:1803.10122, section 2.2 and appendix A.2).

    ``h', c' = LSTM([z, a], h, c)``; ``P(z' | h')`` = for each dimension of z its own mixture of K Gaussians, whose
    parameters are linear in h'. With `MemoryConfig.done` the input has the restart flag and the output a logit for
    "the episode ends with this step", as in the paper's Doom experiment.

    Shapes:
        sequence: z (B, T, Z), action (B, T, A) [, first (B, T)] -> h (B, T, H);
        `step`: z (B, Z), action (B, A), h (B, H), c (B, H) -> h, c; `predict`: h (..., H) -> `Prediction`.
        Parameters: 422,368 (Z 32, A 3, H 256) and 1,678,785 (Z 64, A 1, H 512, done), the published counts.

    Differs from the paper: log-sigma is bounded (`worldsim.nn.mixture`).

    Example:
        >>> sum(p.numel() for p in MDNRNN(MemoryConfig(32, 3, 256)).parameters())
        422368
    """

    order: Tensor

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config
        extra = int(config.done)
        self.lstm = LSTM(config.latent + config.action + extra, config.hidden)
        # The published layout: the logit first, then a row of K log-weights, K means, K log-sigmas per dimension.
        self.head = nn.Linear(config.hidden, extra + config.latent * 3 * config.mixtures)
        glorot(self.head)
        order = component_major(config.latent, config.mixtures) + extra
        if extra:
            order = torch.cat([order, torch.zeros(1, dtype=order.dtype)])
        self.register_buffer("order", order, persistent=False)

    def forward(self, z: Tensor, action: Tensor, first: Tensor | None = None) -> Tensor:
        """All steps of a sequence from a zero state: h after each."""
        out, _ = self.lstm(self._input(z, action, first))
        return out

    def through(
        self, z: Tensor, action: Tensor, first: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All steps from a memory (h, c), which is emptied where ``first`` is 1: h after each, and the last (h, c)."""
        return self.lstm.through(self._input(z, action, first), first, state)

    def step(
        self,
        z: Tensor,
        action: Tensor,
        h: Tensor,
        c: Tensor,
        first: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> tuple[Tensor, Tensor]:
        """One step: the memory after (z, action); ``first`` (B,) is 1 at an episode's first frame, else 0."""
        return self.lstm.step(self._input(z, action, first), h, c, dtype)

    def predict(self, h: Tensor, dtype: torch.dtype = torch.float32) -> Prediction:
        """The distribution of what follows a memory."""
        sorted_head = self.prepared(dtype, (self.head.weight, self.head.bias), lambda: self._sort(dtype))
        raw = sorted_head(h.flatten(0, -2).to(dtype)).float()
        split, shape = 3 * self.config.latent * self.config.mixtures, h.shape[:-1]
        parts = raw[:, :split].view(*shape, 3, self.config.mixtures, self.config.latent).unbind(-3)
        return Prediction(Mixture(*parts), raw[:, split].view(shape) if self.config.done else None)

    def _input(self, z: Tensor, action: Tensor, first: Tensor | None) -> Tensor:
        if not self.config.done:
            return torch.cat([z, action], -1)
        flag = z.new_zeros(z.shape[:-1]) if first is None else first
        return torch.cat([z, action, flag[..., None]], -1)

    def _sort(self, dtype: torch.dtype) -> Product:
        """The head with its units in the order (3, K, Z), which is faster to reduce over K; the logit comes last."""
        weight, bias = self.head.weight[self.order], self.head.bias[self.order]
        return Product(weight.T.contiguous().to(dtype), bias.to(dtype))
