"""Moved: one world's dream seen through another."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gymnasium.spaces import Discrete

from tests.worlds import spatial_world
from worldsim.errors import BadInput
from worldsim.space_json import to_json
from worldsim.testing import check_world_model
from worldsim.vision_memory.moved import Moved
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld

CONFIG = VisionMemoryConfig((64, 64, 3), to_json(Discrete(3)), latent=4, hidden=8, outcomes=2)


def a_world(**changes: object) -> VisionMemoryWorld:
    return VisionMemoryWorld(replace(CONFIG, **changes)).eval().requires_grad_(False)  # type: ignore[arg-type]


def test_it_keeps_the_contract() -> None:
    frame = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    check_world_model(Moved(a_world(), a_world(hidden=12, outcomes=3)).eval(), frame)


def test_moved_by_itself_a_dream_is_its_own() -> None:
    world, other = a_world(), a_world()
    frames, draws = torch.zeros(2, 64, 64, 3, dtype=torch.uint8), torch.Generator().manual_seed(0)
    noise = torch.randn(4, 2, world.noise_size, generator=draws)
    moved = {mover: Moved(world, mover) for mover in (world, other)}
    states = {mover: model.start(frames, noise[0]) for mover, model in moved.items()}
    own = world.start(frames, noise[0])
    for step in range(1, 4):
        action = torch.tensor([step % 3, 1])
        found = {mover: model.imagine(states[mover], action, noise[step]) for mover, model in moved.items()}
        expected = world.imagine(own, action, noise[step])
        states, own = {mover: made.state for mover, made in found.items()}, expected.state
        assert torch.equal(found[world].reward, expected.reward)
        assert torch.equal(moved[world].observe(states[world]), world.observe(own))
        assert torch.equal(states[other]["z"], states[other]["moved.z"])  # the other one makes z,
        assert not torch.equal(states[other]["h"], states[other]["moved.h"])  # each remembers it in its own way
    assert not torch.equal(states[other]["z"], own["z"])


def test_who_does_not_fit() -> None:
    with pytest.raises(BadInput, match="must have latent 4 like the agent's own, got 5"):
        Moved(a_world(), a_world(latent=5))
    with pytest.raises(BadInput, match="has no head for reward and ending"):
        Moved(a_world(), a_world(outcomes=0))
    with pytest.raises(BadInput, match="both are of vision-memory"):
        Moved(a_world(), spatial_world().model)
