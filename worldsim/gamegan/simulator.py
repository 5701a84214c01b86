"""Simulator: what the small GameGAN and the published ones have in common, as world and objective see them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from worldsim.protocol import State


class Layers(NamedTuple):
    """A picture taken apart: ``picture = sum_k masks[:, k] * pictures[:, k]``; layer 0 is the static one."""

    pictures: Tensor  # (B, K, C, H, W)
    masks: Tensor  # (B, K, 1, H, W), sum 1 over K


class Moving(NamedTuple):
    """What a simulator on a grid says of what moves and comes into view, to be held against the real pictures."""

    view: Tensor  # (B, 9) log-probabilities of where the view goes
    presence: Tensor  # (B, R, C) logits that a cell holds something that moves
    coming: Tensor  # (B, R, C) how many such things come to it
    quiet: Tensor  # (B, R, C) 1 where only what was remembered is drawn
    back: Tensor  # (B, R, C) 1 where what was remembered has just come back into view
    looks: Tensor  # (B, K, R, C) log-probabilities of the kind that each such thing looks like
    ways: Tensor  # (P, 9, R, C) log-probabilities of where it goes, of rows that know the next picture
    choices: Tensor  # (P, K, R, C) log-probabilities of the alternatives, of the same rows


class Step(NamedTuple):
    """What one step of a simulator yields."""

    carried: State  # what the next step needs besides what is seen
    image: Tensor  # (B, C, H, W) signal, see worldsim.gamegan.signal
    nats: Tensor  # (P, 2, R, C) what the choices cost that a real next frame supplied, to the prior and to themselves
    layers: Layers | None  # if the renderer has several
    moving: Moving | None = None  # if the simulator tells


class Simulator(Protocol):
    """A dynamics engine with its encoder, memory and renderer; an ``nn.Module``.

    A step is ``seen = encode(image); step(carried, seen, action, noise)``; the image that it draws is encoded in turn.
    """

    noise_size: int  # normals that a step consumes
    feature_size: int  # F
    image_shape: tuple[int, int, int]  # (C, H, W) of the signal

    def encode(self, image: Tensor) -> Tensor:
        """What the engine sees of a picture: (B, C, H, W) -> (B, ...)."""

    def begin(self, seen: Tensor, noise: Tensor) -> State:
        """What is carried before the first step."""

    def step(
        self,
        carried: State,
        seen: Tensor,
        action: Tensor,
        noise: Tensor | None,
        temperature: Tensor | None = None,
        after: Tensor | None = None,
    ) -> Step:
        """One step.

        Args:
            carried: from `begin` or the last step.
            seen: of the present picture.
            action: (B, A) one-hot.
            noise: (B, noise_size) standard normals.
            temperature: (B,) of sampling, 1 if None.
            after: what is seen of the real next picture of the first P rows; these take their noise from it.
        """

    def features(self, carried: State, seen: Tensor) -> Tensor:
        """What agents and the outcome head read: (B, F)."""
