"""A stretch of play as the simulator makes it: real frames first, then its own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from worldsim.gamegan.signal import Range, clip
from worldsim.gamegan.simulator import Layers, Moving, Simulator
from worldsim.protocol import State


class Rollout(NamedTuple):
    """T steps."""

    images: Tensor  # (B, T, C, H, W)
    nats: Tensor  # (P, T, 2, R, C), what the supplied choices cost the prior and themselves
    features: Tensor  # (B, T + 1, F), what the outcome head reads before and after each step
    carried: list[State]  # T
    layers: list[Layers]  # T, or none
    moving: list[Moving]  # T, or none


def roll_out(
    simulator: Simulator,
    real: Tensor,
    actions: Tensor,
    noise: Tensor | None,
    warm: int,
    given: int,
    scale: Range,
    blur: Tensor | None = None,
) -> Rollout:
    """Simulate a stretch: the first ``warm`` steps see real frames, the others the simulator's own.

    No gradient flows through a frame that is fed back, as in the release; it flows through what is carried.

    Args:
        simulator: with T + 1 real frames as signal.
        real: (B, T+1, C, H, W).
        actions: (B, T, A).
        noise: (B, T, Z), or None to let the simulator run without.
        warm: steps that see a real frame; the first always does.
        given: rows, from the first on, whose noise is supplied by the real next frame.
        scale: of the signal.
        blur: (B, T, C, H, W) noise that is added to frames that are fed back, against drift.
    """
    steps, warm = actions.shape[1], max(1, warm)
    kept = steps + 1 if given else warm
    encoded = simulator.encode(real[:, :kept].flatten(0, 1)).unflatten(0, (len(real), kept))
    seen = encoded[:, 0]
    carried = simulator.begin(seen, seen)
    images, nats, features, memories, layers = [], [], [simulator.features(carried, seen)], [], []
    moving: list[Moving] = []
    for t in range(steps):
        after = encoded[:given, t + 1] if given else None
        step = simulator.step(carried, seen, actions[:, t], None if noise is None else noise[:, t], None, after)
        carried = step.carried
        if t + 1 < warm:
            seen = encoded[:, t + 1]
        else:
            own = clip(step.image.detach(), scale)
            seen = simulator.encode(own if blur is None else own + blur[:, t])
        images.append(step.image)
        nats.append(step.nats)
        features.append(simulator.features(carried, seen))
        memories.append(carried)
        if step.layers is not None:
            layers.append(step.layers)
        if step.moving is not None:
            moving.append(step.moving)
    return Rollout(torch.stack(images, 1), torch.stack(nats, 1), torch.stack(features, 1), memories, layers, moving)
