"""The spatial world: a picture becomes a grid of codes, and the codes move."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from worldsim.heads import OutcomeHead
from worldsim.nn.action import action_size, encode_action
from worldsim.noise import uniforms
from worldsim.protocol import Imagined, State
from worldsim.space_json import from_json
from worldsim.spatial.transition import Transition, TransitionConfig
from worldsim.vae.patch_vq import PatchVQ, PatchVQConfig


@dataclass(frozen=True)
class SpatialConfig:
    """What a `SpatialWorld` is made of."""

    frame_shape: tuple[int, int, int]
    """(H, W, C) of the real frames."""
    action: dict[str, Any]
    """The real action space, as `worldsim.space_json` writes it."""
    outcomes: int
    """Entries of the outcome table."""
    vision: PatchVQConfig = field(default_factory=PatchVQConfig)
    """The codebook."""
    transition: TransitionConfig = field(default_factory=TransitionConfig)
    """The transition."""


class SpatialWorld(nn.Module):
    """Codes on a grid (`PatchVQ`) moved by `Transition`, with reward and ending from `OutcomeHead`.

    The state is the code grid x, the LSTM's h and c, and the stream's age. The agent sees a summary of x and h, both
    within (-1, 1): as in World Models, h is the memory from before the present picture and action are consumed.
    ``follow`` encodes the real frame; ``imagine`` draws the next grid, and reads reward and ending from what it drew.

    Source: ours; it stands beside the published VAE + MDN-RNN, which loses flags and ghosts on this game.

    Shapes:
        noise (B, R*C + 1): one normal for each cell, one for the outcome.
    """

    Config = SpatialConfig
    tiles: Tensor

    def __init__(self, config: SpatialConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = PatchVQ(config.vision, config.frame_shape[2])
        self.rows, self.cols = self.vision.grid(*config.frame_shape[:2])
        self.action_space = from_json(config.action)
        actions, sizes = action_size(self.action_space), config.transition
        self.transition = Transition(sizes, config.vision.codes, self.rows, self.cols, actions)
        picture = self.rows * self.cols * sizes.summary
        self.outcome = OutcomeHead(
            2 * picture + config.vision.codes + actions + sizes.hidden, sizes.outcome_hidden, config.outcomes
        )
        side, channels = config.vision.patch, config.frame_shape[2]
        self.register_buffer("tiles", torch.zeros(config.vision.codes, side, side, channels, dtype=torch.uint8))
        self.observation_space = Box(-1.0, 1.0, (picture + sizes.hidden,), np.float32)
        self.noise_size = self.rows * self.cols + 1

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Begin at a real frame; no noise is used, the codes of a frame are certain."""
        codes = self.vision.encode(frame)
        zeros = torch.zeros(len(frame), self.config.transition.hidden, device=frame.device)
        age = torch.zeros(len(frame), device=frame.device)
        return {"codes": codes, "h": zeros, "c": zeros.clone(), "age": age, "temperature": torch.ones_like(age)}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Remember the picture and the action, then look at the new frame."""
        _, h, c = self._remember(state, action)
        return {**state, "codes": self.vision.encode(frame), "h": h, "c": c, "age": state["age"] + 1}

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Remember the picture and the action, then draw what comes next."""
        if noise.shape[1] != self.noise_size:
            raise ValueError(f"noise must be (B, {self.noise_size}), got {tuple(noise.shape)}")
        seen, h, c = self._remember(state, action)
        uniform = uniforms(noise)
        cells = self.transition.read(state["codes"], seen, h)
        codes = self.transition.draw(cells, uniform[:, :-1], state["temperature"])
        features = torch.cat([seen, self.transition.summary(codes), h], -1)
        reward, terminated = self.outcome.sample(features, uniform[:, -1])
        return Imagined({**state, "codes": codes, "h": h, "c": c, "age": state["age"] + 1}, reward, terminated)

    def observe(self, state: State) -> Tensor:
        """The summary of the picture and the memory: (B, R*C*summary + H)."""
        return torch.cat([self.transition.summary(state["codes"]), state["h"]], -1).float()

    def latent(self, state: State) -> Tensor:
        """What the codes say to LSTM, gate and agent, cell by cell: (B, R*C*summary)."""
        return self.transition.summary(state["codes"])

    def render(self, state: State) -> Tensor:
        """The picture, tile by tile from a table: (B, H, W, C) uint8."""
        return self.vision.decode(state["codes"], *self.config.frame_shape[:2], self.tiles)

    def _remember(self, state: State, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        codes, m = state["codes"], self.transition
        seen = m.seen(codes, m.summary(codes), encode_action(self.action_space, action))
        h, c = m.step(m.remember(seen, state["age"]), state["h"], state["c"])
        return seen, h, c
