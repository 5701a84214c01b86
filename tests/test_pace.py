"""scripts/pace.py: what is counted of an agent's episodes."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.spaces import Discrete

from tests.scripts import load_script
from worldsim.space_json import to_json
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld


def test_halts_are_long_stretches_without_reward() -> None:
    paid = np.full((3, 200), -0.1)
    paid[0, [10, 40, 95, 190]] = 3.0  # gaps 11, 30, 55, 95, 10
    paid[1, 20] = 3.0  # gaps 21, 29: over after 49 steps
    paid[2, :100:10] = 3.0  # ten gaps of 1 and 10, then nothing for 110
    found = load_script("pace").halts(paid, np.array([200, 49, 200]))
    assert found["halts"] == 3
    assert found["to_the_end"] == 1
    assert found["per_1000"] == 1000 * 3 / (11 + 30 + 10 + 21 + 29 + 91)


def test_moved_by_itself_a_dream_is_its_own() -> None:
    config = VisionMemoryConfig((64, 64, 3), to_json(Discrete(3)), latent=4, hidden=8, outcomes=2)
    world, other = (VisionMemoryWorld(config).eval().requires_grad_(False) for _ in range(2))
    frames, draws = torch.zeros(2, 64, 64, 3, dtype=torch.uint8), torch.Generator().manual_seed(0)
    noise = torch.randn(4, 2, world.noise_size, generator=draws)
    moved = {mover: load_script("pace").Moved(world, mover) for mover in (world, other)}
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
