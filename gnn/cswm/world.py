"""C-SWM as a world: the five methods, as far as it has them."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gnn.cswm.model import CSWM, CSWMConfig
from worldsim.protocol import Imagined, State


class CSWMWorld(nn.Module):
    """Object slots that move; nothing here can draw.

    ``render`` retrieves: it shows that one of the frames it keeps (``remember``) whose slots are nearest to the state.
    Rewards are 0 and nothing ends: the published model predicts neither. No noise is used.

    Shapes:
        frame (B, H, W, C) uint8; state z (B, K, D); observation (K * D,)
    """

    Config = CSWMConfig
    frames: Tensor
    slots: Tensor

    def __init__(self, config: CSWMConfig) -> None:
        super().__init__()
        self.config = config
        self.model = CSWM(config)
        self.register_buffer("frames", torch.zeros(config.bank, *config.frame_shape, dtype=torch.uint8))
        self.register_buffer("slots", torch.zeros(config.bank, config.slots * config.dim))
        self.action_space = Discrete(config.actions)
        self.observation_space = Box(-np.inf, np.inf, (config.slots * config.dim,), np.float32)
        self.noise_size = 0

    @torch.no_grad()
    def remember(self, frames: Tensor) -> None:
        """Keep these frames (bank, H, W, C) to show."""
        if frames.shape != self.frames.shape:
            raise BadInput(f"expected {tuple(self.frames.shape)} frames to keep, got {tuple(frames.shape)}")
        self.frames.copy_(frames)
        self.slots.copy_(self.model.encode(self.frames).flatten(1))

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """The slots of a frame."""
        return {"z": self.model.encode(frame)}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """The slots of the new frame: all that is remembered is seen."""
        return self.start(frame, noise)

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """One step of the slots."""
        z = self.model(state["z"], action)
        return Imagined({"z": z}, z.new_zeros(len(z)), torch.zeros(len(z), dtype=torch.bool, device=z.device))

    def observe(self, state: State) -> Tensor:
        """The slots."""
        return state["z"].flatten(1).float()

    def render(self, state: State) -> Tensor:
        """The nearest frame of those that are kept."""
        return self.frames[torch.cdist(state["z"].flatten(1).float(), self.slots).argmin(1)]
