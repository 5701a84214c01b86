"""A vision-memory world whose M knows nothing: the baseline that every result of C needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from worldsim.checkpoint import World, new_model
from worldsim.errors import BadInput
from worldsim.vision_memory.world import VisionMemoryWorld


def without_memory(world: World, folder: Path, seed: int = 0) -> World:
    """The same V and outcome table, with M's (and the outcome head's) first random weights; saved in ``folder``."""
    if not isinstance(world.model, VisionMemoryWorld):
        raise BadInput(f"expected a vision-memory world, got {world.name} of kind {world.kind}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = new_model(world.kind, world.model.config)
    model.vision.load_state_dict(world.model.vision.state_dict())
    model.load_state_dict(dict(world.model.named_buffers()), strict=False)
    provenance = {**world.provenance, "summary": f"{world.name} with an untrained M, for comparison.", "losses": {}}
    made = replace(world, model=model.eval().requires_grad_(False), provenance=provenance, name=folder.name)
    made.save(folder)
    return made
