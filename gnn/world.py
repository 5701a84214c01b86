"""The graph world: a board of any size, its movers on the nodes, and one learned step."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from worldsim.envs.pacman import tiles
from worldsim.errors import BadInput
from worldsim.gnn.board import decode
from worldsim.gnn.choices import NOISE, Draw
from worldsim.gnn.looks import paint, window
from worldsim.gnn.transition import GraphConfig, GraphTransition
from worldsim.protocol import Imagined, State


class GraphWorld(nn.Module):
    """A maze game as a graph, moved by `GraphTransition`.

    A frame is not a picture but the planes of the whole board (`WorldSim/PacManGraph-v0` with observation="board"), so
    the state is the true one, the adjacency included; nothing in it depends on the model's weights. What it does not
    know is chance, and the rules, which it learned. ``observe`` shows the agent the symbolic window of
    `WorldSim/PacMan-v0` (observation="grid"), so it can sit down in either; ``render`` is the real game's painter.

    Shapes:
        frame (B, rows, cols, 18) uint8 of any size; noise (B, 20); render (B, 12 rows, 12 cols, 3) uint8
    """

    Config = GraphConfig
    words: Tensor

    def __init__(self, config: GraphConfig) -> None:
        super().__init__()
        self.config = config
        self.transition = GraphTransition(config)
        words = tiles.planes_of(np.arange(tiles.NUM_TILES, dtype=np.uint8))
        self.register_buffer("words", torch.from_numpy(words), persistent=False)
        self.action_space = Discrete(5)
        self.observation_space = Box(0.0, 1.0, (config.view**2 * words.shape[1],), np.float32)
        self.noise_size = NOISE

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Read the board; no noise is used."""
        return {**decode(frame), "temperature": torch.ones(len(frame), device=frame.device)}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Read the board: a frame tells all that there is to remember."""
        return {**decode(frame), "temperature": state["temperature"]}

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Draw one step."""
        if noise.shape[1] != self.noise_size:
            raise BadInput(f"noise must be (B, {self.noise_size}), got {tuple(noise.shape)}")
        after, reward, terminated = self.transition(state, action, Draw(noise, state["temperature"]))
        return Imagined(after, reward, terminated)

    def observe(self, state: State) -> Tensor:
        """The symbolic window around the player: (B, view * view * 22)."""
        return window(state, self.config.view, self.words)

    def render(self, state: State) -> Tensor:
        """The whole board, painted: (B, 12 rows, 12 cols, 3) uint8."""
        return paint(state)
