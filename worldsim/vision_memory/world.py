"""The vision-memory world: V turns a picture into a vector, M dreams the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from worldsim.heads import OutcomeHead
from worldsim.nn.action import action_size, encode_action
from worldsim.nn.mixture import sample
from worldsim.noise import uniforms
from worldsim.protocol import Imagined, State
from worldsim.space_json import from_json
from worldsim.vae.conv_vae import ConvVAE, ConvVAEConfig, Posterior
from worldsim.vae.images import shrink, to_frames, to_unit
from worldsim.vision_memory.memory import MDNRNN, MemoryConfig
from worldsim.vision_memory.next_action import NextAction

_OUTCOME_HIDDEN = 128
_SMALL = 16  # streams below which bfloat16 costs more than it saves


@dataclass(frozen=True)
class VisionMemoryConfig:
    """What a `VisionMemoryWorld` is made of."""

    frame_shape: tuple[int, int, int]
    """(H, W, C) of the real frames."""
    action: dict[str, Any]
    """The real action space, as `worldsim.space_json` writes it."""
    latent: int = 64
    """Z (World Models: 32 for CarRacing, 64 for Doom)."""
    hidden: int = 512
    """H (World Models: 256 for CarRacing, 512 for Doom)."""
    mixtures: int = 5
    """K, Gaussians per dimension of z."""
    done: bool = False
    """The published Doom M: a restart flag goes in, the logit of the end comes out."""
    outcomes: int = 0
    """Entries of the outcome table; 0 has no outcome head, so that V and M are exactly the published ones."""
    reward: float = 0.0
    """Of every step of a world without an outcome head (1 in TakeCover: alive)."""
    cell: bool = False
    """Whether the agent also sees the LSTM's cell: (z, c, h), as in the published Doom controller."""
    next_action: bool = False
    """Whether M has learned to say what the player does next (`NextAction`)."""
    ends_above: float = 0.0
    """With `done`: the dream ends where that logit is above this; published 0. Lower ones make a dream that is too kind
    deadlier (`worldsim.agents.clock.as_deadly`)."""


class VisionMemoryWorld(nn.Module):
    """World Models as published (Ha & Schmidhuber 2018, arXiv:1803.10122): V a `ConvVAE`, M an `MDNRNN`.

    The state is z, h and c. ``start`` and ``follow`` draw z from V's posterior; ``imagine`` draws it from M's mixture.
    The agent sees (z, h): h from before M has consumed the present z and action. Reward and ending come from one draw
    of an `OutcomeHead` that reads (h', z'), or, in the published worlds, from a constant and from
    ``logit > ends_above``.
    Temperature acts on the mixture alone.

    `precision` may be set to "bf16-mixed": with 16 streams or more the multiplications are then done in bfloat16.

    Shapes:
        noise (B, 2 Z [+ 1]): Z normals that, as uniforms, choose components; Z that are added; one for the outcome.
        observation (B, Z + H), or (B, Z + H + H) as (z, c, h) with `VisionMemoryConfig.cell`.

    Differs from the paper: V sees the frame shrunk with averaging, the released code drops pixels and stretches the
    contrast of each; the outcome head is ours; log-sigma is bounded; ``ends_above`` may be other than 0.
    """

    Config = VisionMemoryConfig

    def __init__(self, config: VisionMemoryConfig) -> None:
        super().__init__()
        self.config = config
        self.action_space = from_json(config.action)
        self.vision = ConvVAE(ConvVAEConfig(config.latent, config.frame_shape[2]))
        actions = action_size(self.action_space)
        self.memory = MDNRNN(MemoryConfig(config.latent, actions, config.hidden, config.mixtures, config.done))
        self.outcome = (
            OutcomeHead(config.hidden + config.latent, _OUTCOME_HIDDEN, config.outcomes) if config.outcomes else None
        )
        self.next_action = NextAction(self.action_space, config.hidden) if config.next_action else None
        width = config.latent + config.hidden * (2 if config.cell else 1)
        self.observation_space = Box(-np.inf, np.inf, (width,), np.float32)
        self._columns = [config.latent, config.latent, 1 if config.outcomes else 0]
        self.noise_size = sum(self._columns)
        self.precision: Literal["32-true", "bf16-mixed"] = "32-true"

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Look at a real frame; nothing is remembered yet."""
        zeros = torch.zeros(len(frame), self.config.hidden, device=frame.device)
        ones = zeros.new_ones(len(frame))
        state = {"z": self._look(frame, noise), "h": zeros, "c": zeros.clone(), "temperature": ones}
        return state | ({"first": ones.clone()} if self.config.done else {})

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Remember the last picture and the action, then look at the new frame."""
        h, c = self._remember(state, action)
        return self._state(state, self._look(frame, noise), h, c)

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Remember the last picture and the action, then draw what comes next."""
        h, c = self._remember(state, action)
        batch = len(noise)
        mixture, done = self.memory.predict(h, self._dtype(batch))
        which, where, what = torch.split(noise, self._columns, 1)
        z = sample(mixture, uniforms(which), where, state["temperature"])
        following = self._state(state, z, h, c)
        if self.outcome is not None:
            features = torch.cat([h, z], 1)
            return Imagined(following, *self.outcome.sample(features, uniforms(what[:, 0])))
        ended = torch.zeros(batch, dtype=torch.bool, device=z.device) if done is None else done > self.config.ends_above
        return Imagined(following, torch.full((batch,), self.config.reward, device=z.device), ended)

    def observe(self, state: State) -> Tensor:
        """The latent vector and the memory: (z, h), or (z, c, h)."""
        return torch.cat([state[key] for key in (("z", "c", "h") if self.config.cell else ("z", "h"))], 1)

    def latent(self, state: State) -> Tensor:
        """z: V's draw for a real frame, M's in a dream (B, Z)."""
        return state["z"]

    def render(self, state: State) -> Tensor:
        """What V makes of z, at the real frames' size."""
        drawn = to_frames(self.vision.decode(state["z"], self._dtype(len(state["z"]))))
        return shrink(drawn, *self.config.frame_shape[:2])

    def _look(self, frame: Tensor, noise: Tensor) -> Tensor:
        _, where, _ = torch.split(noise, self._columns, 1)
        seen = to_unit(shrink(frame))
        with torch.autocast(frame.device.type, torch.bfloat16, self._dtype(len(frame)) == torch.bfloat16):
            mu, logvar = self.vision.encode(seen)
        return Posterior(mu.float(), logvar.float()).sample(where)

    def _remember(self, state: State, action: Tensor) -> tuple[Tensor, Tensor]:
        act = encode_action(self.action_space, action)
        dtype = self._dtype(len(act))
        return self.memory.step(state["z"], act, state["h"], state["c"], state.get("first"), dtype)

    def _state(self, before: State, z: Tensor, h: Tensor, c: Tensor) -> State:
        after = {"z": z, "h": h, "c": c, "temperature": before["temperature"]}
        return after | ({"first": torch.zeros_like(before["first"])} if self.config.done else {})

    def _dtype(self, batch: int) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16-mixed" and batch >= _SMALL else torch.float32
