"""The baseline: a world that shows the last real frame for ever, pays nothing and never ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor, nn

from worldsim.checkpoint import World
from worldsim.protocol import Imagined, State

NAME = "copy last frame"


@dataclass(frozen=True)
class CopyConfig:
    """Of what."""

    frame_shape: tuple[int, int, int]


class CopyLastFrame(nn.Module):
    """``frame' = frame``, through the seam like any other world."""

    def __init__(self, frame_shape: tuple[int, int, int], action_space: Space[Any]) -> None:
        super().__init__()
        self.config = CopyConfig(frame_shape)
        self.observation_space = Box(0, 255, frame_shape, np.uint8)
        self.action_space = action_space
        self.noise_size = 1

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Keep it."""
        return {"frame": frame}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Keep the new one."""
        return {"frame": frame}

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Nothing happens."""
        rows = len(state["frame"])
        return Imagined(state, torch.zeros(rows), torch.zeros(rows, dtype=torch.bool))

    def observe(self, state: State) -> Tensor:
        """The frame."""
        return state["frame"]

    def render(self, state: State) -> Tensor:
        """The frame."""
        return state["frame"]


def copying(like: World) -> World:
    """The baseline for the game of a world."""
    model = CopyLastFrame(tuple(like.model.config.frame_shape), like.model.action_space)
    return World("copy", model, like.openings, {}, NAME)
