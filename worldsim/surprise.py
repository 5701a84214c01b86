"""surprise: how unsure a world is of what follows, as an agent's reward for going where it has not learned enough."""

from __future__ import annotations

import torch
from torch import Tensor

from worldsim.noise import normals
from worldsim.protocol import State, WorldModel

_APART = 1 << 32  # between the chance of a step and the other chance that it is compared with


def surprise(model: WorldModel, before: State, action: Tensor, key: Tensor, age: Tensor, drawn: State) -> Tensor:
    """``|o' - o''| / mean over streams |o'_b - o'_(b+1)|``: the distance of two draws of one step's features.

    0 where the world is certain, about 1 where it could be anywhere that the other streams are. Ha & Schmidhuber 2018
    (arXiv:1803.10122, section 5) suggest M's loss with its sign flipped; in a dream, where there is no real next frame,
    a world that knows how unsure it is expects as much loss as its own draws are spread.

    Args:
        model: the world's.
        before: B streams.
        action: (B, ...) taken there.
        key: (B,) of their chance.
        age: (B,) steps since they began.
        drawn: where they went.

    Returns:
        (B,) float32.
    """
    with torch.inference_mode():
        noise = normals(key + _APART, age, model.noise_size)
        other = model.observe(model.imagine(before, action, noise).state).flatten(1).float()
        mine = model.observe(drawn).flatten(1).float()
        usual = (mine - mine.roll(1, 0)).norm(dim=1).mean().clamp(min=1e-6)
        return (mine - other).norm(dim=1) / usual
