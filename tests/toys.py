"""Toys whose behaviour is known exactly: a linear-Gaussian world, a regression to train, their batches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from worldsim import space_json
from worldsim.protocol import Imagined, State
from worldsim.training.config import FitConfig


@dataclass(frozen=True)
class LinearConfig:
    """A world of a point on a plane."""

    frame_shape: tuple[int, int, int] = (8, 8, 3)
    action: dict[str, Any] = field(default_factory=lambda: {"type": "Discrete", "n": 5, "start": 0})
    keep: float = 0.9
    sigma: float = 0.05


class LinearWorld(nn.Module):
    """A linear-Gaussian world: x' = keep x + effect[action] + sigma sqrt(temperature) noise, x (B, 2).

    The first two pixels of the red channel hold x, 1/32 a level, 128 is 0; everything else in a frame is black. The
    reward is x'[0]; the episode ends where |x'| exceeds 3. Five actions: stay, left, right, up, down.
    """

    Config = LinearConfig

    def __init__(self, config: LinearConfig | None = None) -> None:
        super().__init__()
        self.config = config or LinearConfig()
        self.observation_space = Box(-4.0, 4.0, (2,), np.float32)
        self.action_space = space_json.from_json(self.config.action)
        self.noise_size = 2
        self.effect = nn.Parameter(0.25 * torch.tensor([[0.0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]]))  # (A, 2)

    def start(self, frame: Tensor, noise: Tensor) -> State:
        """Where the frame says."""
        assert noise.shape == (len(frame), 2), noise.shape
        return {"x": (frame[:, 0, :2, 0].float() - 128) / 32, "temperature": torch.ones(len(frame))}

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        """Where the frame says."""
        return self.start(frame, noise) | {"temperature": state["temperature"]}

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """The formula of the class."""
        assert noise.shape == state["x"].shape, noise.shape
        spread = self.config.sigma * state["temperature"].sqrt()[:, None]
        x = (self.config.keep * state["x"] + self.effect.detach()[action] + spread * noise).clamp(-4, 4)
        return Imagined(state | {"x": x}, x[:, 0].clone(), x.abs().amax(1) > 3)

    def observe(self, state: State) -> Tensor:
        """The point."""
        return state["x"].clone()

    def render(self, state: State) -> Tensor:
        """The point, as in a real frame."""
        frame = torch.zeros(len(state["x"]), *self.config.frame_shape, dtype=torch.uint8)
        frame[:, 0, :2, 0] = (state["x"] * 32 + 128).round().clamp(0, 255).to(torch.uint8)
        return frame


class Regression(nn.Module):
    """Fit y = x @ [1, -2, 3] with a linear layer behind dropout, plus noise in the target from the generator."""

    truth = torch.tensor([1.0, -2.0, 3.0])

    def __init__(self, dropout: float = 0.0, noise: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        self.dropout, self.noise = nn.Dropout(dropout), noise
        self.layer = nn.Linear(3, 1, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(1, 3, generator=torch.Generator().manual_seed(seed)))

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error of a batch of x (B, 3)."""
        target = batch @ self.truth
        target = target + self.noise * torch.randn(target.shape, generator=generator)
        error = self.layer(self.dropout(batch)).squeeze(1).float() - target
        loss = error.square().mean()
        return loss, {"error": error.detach().abs().mean()}


class Duel(nn.Module):
    """Two players of one parameter each, as in a GAN: the loss of each turn depends on both."""

    def __init__(self) -> None:
        super().__init__()
        self.critic, self.maker = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(2.0))

    def turns(self) -> dict[str, Iterable[nn.Parameter]]:
        """The critic moves first."""
        return {"critic": [self.critic], "maker": [self.maker]}

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic goes down on their product, the maker up."""
        product = self.critic * self.maker * batch.mean()
        return (product if turn == "critic" else -product), {}


def rows_at(step: int, rank: int = 0, world_size: int = 1, rows: int = 8) -> Tensor:
    """x (rows, 3) of a step: with several processes each gets its share of the same rows."""
    whole = torch.randn(rows, 3, generator=torch.Generator().manual_seed(step))
    return whole.chunk(world_size)[rank]


class Slopes(nn.Module):
    """A loss whose gradient is known: (3, -4, 0.5) everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3))
        self.seen: list[Tensor] = []

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        self.seen.append(self.w.detach().clone())
        return self.w @ torch.tensor([3.0, -4.0, 0.5]), {}


def config(**changes: Any) -> FitConfig:
    """A short run on the CPU."""
    return FitConfig(**{"steps": 40, "log_every": 3, "checkpoint_every": 10, "device": "cpu", **changes})


def curve(out: Path, name: str = "train") -> list[dict[str, float]]:
    """The log without its times."""
    lines = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "steps_per_second")} for line in lines]
