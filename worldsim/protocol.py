"""The seam: what a world model is, and the alphabet of shapes used everywhere.

``B`` streams, ``T`` steps, ``H W C`` image, ``A`` actions, ``Z`` latent size, ``K`` mixture components or codes,
``V`` graph nodes, ``F`` node features, ``G`` ghosts, ``N`` noise size. Images are uint8 ``(H, W, C)`` at every
boundary; coordinates are (row, col).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor

State = dict[str, Tensor]
"""All that B streams remember; every value is (B, ...), row b is stream b. The keys are private to the model, but
for ``temperature`` (B,) float32: a model that can be sampled hotter or colder carries it there, 1 after ``start``."""


class Imagined(NamedTuple):
    """What one transition without a real frame yields."""

    state: State
    reward: Tensor  # (B,) float32, in the real environment's unit
    terminated: Tensor  # (B,) bool


@runtime_checkable
class WorldModel(Protocol):
    """The five methods that make a learned simulator; `worldsim.testing.check_world_model` holds a model to them.

    Every method works on a batch of independent streams, keeps nothing on ``self``, draws no random numbers (noise
    is an argument: standard normals) and leaves the state that it was given unchanged.
    """

    observation_space: Box  # what observe() returns for one stream
    action_space: Space  # of the environment it learned
    noise_size: int  # N, standard normals that one transition consumes per stream

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Begin streams at their first real frame: frame (B, H, W, C) uint8, noise (B, N)."""

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """The real environment answered: action (B, ...), frame (B, H, W, C) uint8, noise (B, N)."""

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """No real frame came: the model makes up what follows. action (B, ...), noise (B, N)."""

    def observe(self, state: State) -> Tensor:
        """What the agent sees: (B, *observation_space.shape)."""

    def render(self, state: State) -> Tensor:
        """What a person sees: (B, H, W, C) uint8."""


def select(state: State, rows: Tensor) -> State:
    """The streams ``rows`` (indices or a mask) of a state."""
    return {name: value[rows] for name, value in state.items()}


def where(rows: Tensor, new: State, old: State) -> State:
    """Row by row, ``new`` where ``rows`` (B,) bool is true and ``old`` elsewhere; both have the same keys."""
    return {name: torch.where(rows.view(-1, *[1] * (value.dim() - 1)), new[name], value) for name, value in old.items()}
