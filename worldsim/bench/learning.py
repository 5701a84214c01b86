"""Updates of what is trained: vision and memory of both kinds of world."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from worldsim.bench.contest import Entry, repeat
from worldsim.checkpoint import World
from worldsim.spatial.episodes import CodeBatch
from worldsim.spatial.objective import TransitionObjective, VisionObjective
from worldsim.training.config import FitConfig
from worldsim.training.turns import turns_of
from worldsim.vae.colour import colour_weights
from worldsim.vae.objective import ConvVAEObjective, Pictures
from worldsim.vision_memory.latents import LatentBatch
from worldsim.vision_memory.objective import MemoryObjective


@dataclass(frozen=True)
class Batches:
    """What one update sees."""

    frames: int = 100
    """Of the convolutional V."""
    patches: int = 2048
    """Of the spatial world's V."""
    stretches: int = 48
    """Of either M."""
    length: int = 40
    """Steps of a stretch."""


def contests(car: World, spatial: World, sizes: Batches) -> list[list[Entry]]:
    """One contest for each part: the same update in fp32 and in bf16."""
    frames = torch.randint(0, 256, (sizes.frames, 64, 64, 3), dtype=torch.uint8)
    pictures = Pictures(frames, torch.ones(sizes.frames, dtype=torch.bool))
    vision, patch = spatial.model.vision, spatial.model.config.vision.patch
    patches = torch.randint(0, 256, (sizes.patches, patch * patch * 3), dtype=torch.uint8)
    stretches = f"{sizes.stretches} x {sizes.length} steps"
    for world in (car, spatial):
        world.model.requires_grad_(True)
    return [
        _both(f"train V of {car.name}", f"{sizes.frames} frames 64x64", ConvVAEObjective(car.model.vision), pictures),
        _both(f"train M of {car.name}", stretches, MemoryObjective(car.model), _latents(car, sizes)),
        _both(
            f"train V of {spatial.name}",
            f"{sizes.patches:,} patches",
            VisionObjective(vision, colour_weights(frames), 0),
            patches,
        ),
        _both(f"train M of {spatial.name}", stretches, TransitionObjective(spatial.model), _codes(spatial, sizes)),
    ]


def _both(what: str, settings: str, objective: nn.Module, batch: Any) -> list[Entry]:
    update = _update(objective, batch)
    return [
        Entry(
            f"{what}, {settings}",
            name,
            "updates/s",
            repeat(lambda bf16=bf16: update(bf16), 1),  # type: ignore[misc]
            "fp32" if bf16 else "",
        )
        for name, bf16 in (("fp32", False), ("bf16-mixed", True))
    ]


def _update(objective: nn.Module, batch: Any) -> Callable[[bool], None]:
    """One step of Adam, as `worldsim.training.fit` does it."""
    config = FitConfig(clip_norm=1.0)
    objective.train()
    (turn,) = turns_of(objective, config)
    generator = torch.Generator().manual_seed(0)

    def update(bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            loss, _ = objective.loss(batch, generator, turn.name)  # type: ignore[operator]
        turn.update(loss, 0, config, 1)

    return update


def _latents(world: World, sizes: Batches) -> LatentBatch:
    shape, config = (sizes.stretches, sizes.length), world.model.config
    return LatentBatch(
        torch.randn(sizes.stretches, sizes.length + 1, config.latent).half(),
        torch.full((sizes.stretches, sizes.length + 1, config.latent), -2.0).half(),
        torch.rand(*shape, 3),
        torch.zeros(shape),
        torch.zeros(shape, dtype=torch.bool),
        torch.zeros(shape),
        torch.ones(shape, dtype=torch.bool),
    )


def _codes(world: World, sizes: Batches) -> CodeBatch:
    shape, model = (sizes.stretches, sizes.length), world.model
    return CodeBatch(
        torch.randint(0, model.config.vision.codes, (sizes.stretches, sizes.length + 1, model.rows, model.cols)),
        torch.randint(0, 5, shape),
        torch.zeros(shape),
        torch.zeros(shape, dtype=torch.bool),
        torch.ones(shape, dtype=torch.bool),
    )
