"""How the next state is decided: drawn from noise, or told by what really happened."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from worldsim.noise import uniforms

SIZES = {
    "move": 1,
    "ghost_move": 4,
    "mode": 4,
    "turn": 4,
    "gone": 2,
    "fright": 1,
    "streak": 1,
    "tick": 2,
    "outcome": 1,
}
"""Every choice of a transition and how many of it there are in a game, in the order in which they are made."""

NOISE = sum(SIZES.values())


class Choose(Protocol):
    """Decides one kind of choice for all games at once."""

    def __call__(self, name: str, log_p: Tensor) -> Tensor:
        """log_p (B, n, K) normalised -> (B, n) int64."""


class Draw:
    """Draws each choice with a normal of its own.

    The temperature is that of the ghosts' moves, p^(1/temperature) normalised; all else is drawn as learned.

    Args:
        noise: (B, NOISE) standard normals; zeros take the median, which is the likeliest of two.
        temperature: (B,).
    """

    def __init__(self, noise: Tensor, temperature: Tensor) -> None:
        parts = uniforms(noise).split(list(SIZES.values()), 1)
        self.uniform = dict(zip(SIZES, parts, strict=True))
        self.temperature = temperature

    def __call__(self, name: str, log_p: Tensor) -> Tensor:
        if name == "ghost_move":
            log_p = (log_p / self.temperature[:, None, None]).log_softmax(-1)
        total = log_p.exp().cumsum(-1)
        uniform = self.uniform[name][..., None] * total[..., -1:]
        picked = (uniform >= total[..., :-1]).sum(-1)
        # Where the uniform is 1, or a sum is rounded, the last that is possible at all.
        last = torch.where(log_p > -60.0, torch.arange(log_p.shape[-1], device=log_p.device), 0).amax(-1)
        return picked.minimum(last)


class Told:
    """Takes what happened and counts its nats.

    Args:
        truth: by name, (B, n) int64.
        there: (B, 4) bool: which ghosts count.
    """

    def __init__(self, truth: dict[str, Tensor], there: Tensor) -> None:
        self.truth, self.there = truth, there
        self.nats: dict[str, Tensor] = {}  # (B, n)
        self.right: dict[str, Tensor] = {}  # (B, n): the likeliest is the truth

    def __call__(self, name: str, log_p: Tensor) -> Tensor:
        truth = self.truth[name]
        nats = -log_p.gather(-1, truth[..., None])[..., 0]
        right = log_p.argmax(-1) == truth
        if name in ("ghost_move", "mode", "turn"):
            nats, right = torch.where(self.there, nats, 0.0), right | ~self.there
        self.nats[name], self.right[name] = nats, right
        return truth
