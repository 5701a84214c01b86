"""FlatSimulator: the published GameGAN, whose state is one vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gamegan.disentangled import DisentangledRenderer
from worldsim.gamegan.dynamics import ActionLSTM
from worldsim.gamegan.encoder import FrameEncoder
from worldsim.gamegan.memory import Memory
from worldsim.gamegan.rendering import Blocks, SimpleRenderer
from worldsim.gamegan.simulator import Step
from worldsim.protocol import State


@dataclass(frozen=True)
class FlatConfig:
    """Sizes of `FlatSimulator`; the defaults are those of the release's VizDoom configuration without memory."""

    side: int = 64
    """Side of the picture; frames are resized to it."""
    action_width: int = 0
    """Width that actions are padded to; 0 does not pad (the release pads 3 actions to 10)."""
    noise: int = 32
    """Z."""
    hidden: int = 512
    """H, also the width of the encoded picture and D of the memory."""
    memory: bool = False
    """Whether there is a memory, and with it the disentangling renderer."""
    slots: int = 21
    """N, side of the memory's board (release 21, paper 39)."""
    gate: Literal["hidden", "difference"] = "hidden"
    """What the memory's gate reads (paper: h; release: the difference of the normalised h)."""
    first_board: Literal["normal", "uniform"] = "normal"
    """How the memory begins (paper: normal; release: uniform)."""
    opposites: tuple[tuple[int, int], ...] = ((1, 2), (3, 4))
    """Actions that take each other back (release, and worldsim's Pac-Man: stay, left, right, up, down)."""
    sharp: bool = False
    """Whether the memory's place moves by whole cells when playing (release: ``force_sharp``)."""
    components: int = 2
    """K of the disentangling renderer."""
    attributes: int = 512
    """Depth of its attribute maps."""
    types: int = 512
    """Width of its type vectors."""
    blocks: Blocks = "residual"
    """Blocks of the renderer."""
    width: int = 32
    """The release's ``nfilterG``."""


class FlatSimulator(nn.Module):
    """GameGAN as published: `FrameEncoder`, `ActionLSTM`, [`Memory`,] and a renderer.

    Source: Kim et al. 2020, arXiv:2005.12126, and its release, whose VizDoom configurations have 48.75 M parameters
    (33.88 M the renderer, 1.06 M the memory) and, without memory, 27.88 M (19.31 M).

    Shapes:
        seen (B, H); carried: h, c (B, H) and, with a memory, alpha (B, N, N), M (B, N*N, D) and m (B, D).
    """

    def __init__(self, config: FlatConfig, channels: int, action_size: int) -> None:
        super().__init__()
        self.config, self.image_shape = config, (channels, config.side, config.side)
        self.actions = max(config.action_width, action_size)
        self.noise_size, self.feature_size = config.noise, 2 * config.hidden
        depth = config.hidden if config.memory else 0
        self.encoder = FrameEncoder(config.side, channels, config.hidden)
        self.dynamics = ActionLSTM(self.actions, config.noise, depth, config.hidden, config.hidden)
        self.memory: Memory | None = None
        self.renderer: SimpleRenderer | DisentangledRenderer
        if config.memory:
            opposites = tuple((int(a), int(b)) for a, b in config.opposites)
            self.memory = Memory(
                self.actions, config.hidden, depth, config.slots, opposites, config.gate, config.first_board
            )
            self.renderer = DisentangledRenderer(
                config.blocks,
                config.side,
                channels,
                config.hidden,
                config.components,
                config.attributes,
                config.types,
                config.width,
            )
        else:
            self.renderer = SimpleRenderer(config.blocks, config.side, channels, config.hidden, config.width)

    def encode(self, image: Tensor) -> Tensor:
        """s: (B, C, side, side) -> (B, H)."""
        return self.encoder(image)

    def begin(self, seen: Tensor, noise: Tensor) -> State:
        """Nothing is remembered; the player stands in the middle of a fresh board."""
        zeros = seen.new_zeros(len(seen), self.config.hidden)
        carried = {"h": zeros, "c": zeros.clone()}
        if self.memory is not None:
            carried["alpha"], carried["board"] = self.memory.begin(len(seen))
            carried["m"] = zeros.clone()
        return carried

    def features(self, carried: State, seen: Tensor) -> Tensor:
        """The encoded picture and h: (B, 2 H)."""
        return torch.cat([seen, carried["h"]], 1)

    def step(
        self,
        carried: State,
        seen: Tensor,
        action: Tensor,
        noise: Tensor | None,
        temperature: Tensor | None = None,
        after: Tensor | None = None,
    ) -> Step:
        """One step; noise is drawn whatever comes after, as published."""
        if noise is None or (after is not None and len(after)):
            raise BadInput("the published GameGAN's noise cannot be supplied by the next frame; use the small presets")
        if temperature is not None:
            noise = noise * temperature.sqrt()[:, None]
        action = nn.functional.pad(action, (0, self.actions - action.shape[1]))
        h, c = self.dynamics(action, noise, carried.get("m"), seen, carried["h"], carried["c"])
        nats = noise.new_zeros(0)
        if self.memory is None:
            assert isinstance(self.renderer, SimpleRenderer)
            return Step({"h": h, "c": c}, self.renderer(h), nats, None)
        assert isinstance(self.renderer, DisentangledRenderer)
        sharp = self.config.sharp and not self.training
        read = self.memory(action, h, carried["h"], carried["alpha"], carried["board"], sharp)
        vectors = [read.m] + [read.dynamic] * (self.config.components - 1)
        image, layers = self.renderer(vectors)
        return Step({"h": h, "c": c, "alpha": read.place, "board": read.board, "m": read.m}, image, nats, layers)

    def static_again(self, alpha: Tensor, board: Tensor) -> Tensor:
        """What the static component draws of a board read anew at a place: (B, C, side, side)."""
        assert self.memory is not None
        assert isinstance(self.renderer, DisentangledRenderer)
        return self.renderer.static(self.memory.read(alpha, board))
