"""GameGANWorld: GameGAN through the five methods, with the reward and ending that it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.gamegan.flat import FlatConfig, FlatSimulator
from worldsim.gamegan.grid.simulator import GridConfig, GridSimulator
from worldsim.gamegan.signal import Range, to_frames, to_signal
from worldsim.gamegan.simulator import Layers, Step
from worldsim.heads import OutcomeHead
from worldsim.nn.action import one_hot
from worldsim.noise import uniforms
from worldsim.protocol import Imagined, State
from worldsim.space_json import from_json

_OUTCOME_HIDDEN = 128
_OURS = ("frame", "seen", "temperature")  # what is in the state besides what the simulator carries


@dataclass(frozen=True)
class GameGANConfig:
    """What a `GameGANWorld` is made of."""

    frame_shape: tuple[int, int, int]
    """(H, W, C) of the real frames."""
    action: dict[str, Any]
    """The real action space, as `worldsim.space_json` writes it; discrete."""
    outcomes: int
    """Entries of the outcome table."""
    simulator: Literal["grid", "flat"] = "grid"
    """Ours, on a grid of cells, or the published one."""
    grid: GridConfig = field(default_factory=GridConfig)
    """Sizes of the first."""
    flat: FlatConfig = field(default_factory=FlatConfig)
    """Sizes of the second."""
    preset: str = ""
    """What it was trained as."""


class GameGANWorld(nn.Module):
    """GameGAN (Kim et al. 2020, arXiv:2005.12126) as a world model.

    The state is the present frame as a person sees it, what the simulator sees of it, and what it carries: h and c, and
    a canvas or alpha, M and m where there is a memory. ``follow`` takes the real frame (and, on a grid, the choices
    that led to it); ``imagine`` takes the frame that it drew, with 256 levels a pixel like any other. Reward and ending
    come from one draw of an `OutcomeHead` that sees the features before and after the step.

    The agent sees the features: of picture and memory together, see `worldsim.gamegan.simulator.Simulator`.

    Shapes:
        noise (B, Z + 1): the simulator's, and one for the outcome.

    Differs from the paper: the outcome head is ours (an agent needs an external classifier there); frames are rounded
    to 256 levels before they are fed back; temperature scales the choices' logits, or the variance of z.
    """

    Config = GameGANConfig

    def __init__(self, config: GameGANConfig) -> None:
        super().__init__()
        self.config = config
        self.action_space = from_json(config.action)
        if not isinstance(self.action_space, Discrete):
            raise BadInput(
                f"GameGAN needs a discrete action space, got {self.action_space}; use worldsim train vision-memory, or "
                "record with an environment that is wrapped to discrete actions"
            )
        actions, channels = int(self.action_space.n), config.frame_shape[2]
        self._first, self._actions = int(self.action_space.start), actions  # NumPy's integers do not compile
        self.simulator: GridSimulator | FlatSimulator
        if config.simulator == "grid":
            self.simulator = GridSimulator(config.grid, channels, actions)
        else:
            self.simulator = FlatSimulator(config.flat, channels, actions)
        self.scale: Range = "unit" if config.simulator == "grid" else "signed"
        features = self.simulator.feature_size
        self.outcome = OutcomeHead(2 * features + actions, _OUTCOME_HIDDEN, config.outcomes)
        edge = 1.0 if config.simulator == "grid" else np.inf
        self.observation_space = Box(-edge, edge, (features,), np.float32)
        self.noise_size = self.simulator.noise_size + 1

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Look at a real frame; nothing is remembered yet."""
        self._check(noise)
        seen = self._look(frame)
        ones = torch.ones(len(frame), device=frame.device)
        return {"frame": frame, "seen": seen, "temperature": ones, **self.simulator.begin(seen, noise)}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Take the step, then look at the new real frame."""
        self._check(noise)
        seen = self._look(frame)
        step = self._step(state, action, noise, seen if self.config.simulator == "grid" else None)
        return {"frame": frame, "seen": seen, "temperature": state["temperature"], **step.carried}

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Take the step, and look at the frame that it drew."""
        self._check(noise)
        step = self._step(state, action, noise, None)
        frame = to_frames(step.image, *self.config.frame_shape[:2], self.scale)
        seen = self._look(frame)
        after = {"frame": frame, "seen": seen, "temperature": state["temperature"], **step.carried}
        acted = one_hot(action - self._first, self._actions)
        features = torch.cat([self.observe(state), acted, self.observe(after)], 1)
        return Imagined(after, *self.outcome.sample(features, uniforms(noise[:, -1])))

    def observe(self, state: State) -> Tensor:
        """The features of picture and memory: (B, F)."""
        return self.simulator.features(_carried(state), state["seen"])

    def latent(self, state: State) -> Tensor:
        """What the engine sees of the present frame, real or drawn: (B, ...)."""
        return state["seen"]

    def render(self, state: State) -> Tensor:
        """The present frame."""
        return state["frame"]

    def layers(self, state: State, action: Tensor, noise: Tensor) -> Layers | None:
        """The components of the frame that `imagine` would draw, or None if the renderer has only one."""
        return self._step(state, action, noise, None).layers

    def memory_map(self, state: State) -> Tensor | None:
        """What is remembered where, in [0, 1]: (B, rows, cols), or None without a memory.

        The published memory's attention; on a grid, how much the canvas holds, half as bright where it is out of view.
        """
        if "alpha" in state:
            return state["alpha"] / state["alpha"].amax((1, 2), keepdim=True).clamp(min=1e-6)
        if "canvas" not in state:
            return None
        held = state["canvas"].norm(dim=1)
        held = held / held.amax((1, 2), keepdim=True).clamp(min=1e-6)
        m = self.config.grid.margin
        light = torch.full_like(held, 0.5)
        light[:, m:-m, m:-m] = 1
        return held * light

    def _look(self, frame: Tensor) -> Tensor:
        _, height, width = self.simulator.image_shape
        return self.simulator.encode(to_signal(frame, height, width, self.scale))

    def _step(self, state: State, action: Tensor, noise: Tensor, after: Tensor | None) -> Step:
        acted = one_hot(action - self._first, self._actions)
        return self.simulator.step(_carried(state), state["seen"], acted, noise[:, :-1], state["temperature"], after)

    def _check(self, noise: Tensor) -> None:
        if noise.shape[1] != self.noise_size:
            raise ValueError(f"noise must be (B, {self.noise_size}), got {tuple(noise.shape)}")


def _carried(state: State) -> State:
    return {name: value for name, value in state.items() if name not in _OURS}
