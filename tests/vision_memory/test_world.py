"""The vision-memory world keeps the contract, and is the published one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from worldsim.noise import uniforms
from worldsim.protocol import State
from worldsim.space_json import to_json
from worldsim.testing import check_world_model
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld

SMALL = VisionMemoryConfig((48, 40, 3), to_json(Discrete(5)), latent=4, hidden=12, mixtures=3, outcomes=3)


def a_world(config: VisionMemoryConfig = SMALL) -> VisionMemoryWorld:
    torch.manual_seed(0)
    world = VisionMemoryWorld(config).eval().requires_grad_(False)
    with torch.no_grad():
        world.memory.head.weight.mul_(3)
    if world.outcome is not None:
        world.outcome.reward.copy_(torch.arange(config.outcomes))
        world.outcome.terminated[-1] = True
    return world


def frames(n: int, config: VisionMemoryConfig = SMALL) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (n, *config.frame_shape), dtype=torch.uint8, generator=generator)


def started(world: VisionMemoryWorld, n: int) -> tuple[State, torch.Tensor, torch.Tensor]:
    """States some steps in, actions, and noise."""
    noise = torch.randn(n, world.noise_size, generator=torch.Generator().manual_seed(2))
    action = torch.from_numpy(np.stack([world.action_space.sample() for _ in range(n)]))
    state = world.start(frames(n, world.config), noise)
    for _ in range(3):
        state = world.imagine(state, action, noise).state
    return state, action, noise


@pytest.mark.parametrize(
    ("space", "extra"),
    [
        (Discrete(3, start=2), {}),
        (Box(-1, 1, (1,)), {"outcomes": 0, "done": True, "cell": True, "reward": 1.0}),
    ],
    ids=["outcomes", "doom"],
)
def test_it_keeps_the_contract(space: Space, extra: dict[str, object]) -> None:
    config = replace(SMALL, action=to_json(space), **extra)  # type: ignore[arg-type]
    check_world_model(a_world(config), frames(1))


@pytest.mark.parametrize("space", [Box(-1, 1, (2, 2)), MultiDiscrete([3, 2]), MultiBinary(4)], ids=str)
def test_every_kind_of_action_counts(space: Space) -> None:
    world = a_world(replace(SMALL, action=to_json(space)))
    state, _, noise = started(world, 1)
    one, two = (torch.from_numpy(np.asarray(f(space.sample()))[None]) for f in (np.zeros_like, np.ones_like))
    after = [world.imagine(state, action, noise).state for action in (one, two)]
    assert not torch.equal(after[0]["h"], after[1]["h"])
    assert all(torch.equal(world.imagine(state, one, noise).state[k], v) for k, v in after[0].items())


def test_frames_may_be_grey() -> None:
    world = a_world(replace(SMALL, frame_shape=(64, 64, 1)))
    state, _, _ = started(world, 2)
    assert world.render(state).shape == (2, 64, 64, 1)


@pytest.mark.parametrize(
    ("space", "extra", "count", "seen"),
    [
        (Box(-1, 1, (3,)), {"latent": 32, "hidden": 256}, 4_348_547 + 422_368, 32 + 256),
        (Box(-1, 1, (1,)), {"latent": 64, "hidden": 512, "done": True, "cell": True}, 4_446_915 + 1_678_785, 64 + 1024),
    ],
    ids=["car", "doom"],
)
def test_the_published_worlds_are_v_and_m_and_nothing_else(
    space: Space, extra: dict[str, int], count: int, seen: int
) -> None:
    world = VisionMemoryWorld(VisionMemoryConfig((64, 64, 3), to_json(space), **extra))
    assert sum(p.numel() for p in world.parameters()) == count
    assert world.observation_space.shape == (seen,)


def test_the_agent_sees_the_memory_from_before_this_picture() -> None:
    world = a_world()
    noise = torch.zeros(2, world.noise_size)
    state = world.start(frames(2), noise)
    observed = world.observe(state)
    assert torch.equal(observed[:, :4], state["z"])
    assert (observed[:, 4:] == 0).all()  # h has consumed nothing yet
    action = torch.tensor([1, 2])
    after = world.follow(state, action, frames(2), noise)
    h, _ = world.memory.step(state["z"], torch.eye(5)[action], state["h"], state["c"])
    torch.testing.assert_close(world.observe(after)[:, 4:], h)


def test_following_looks_and_imagining_does_not() -> None:
    world = a_world()
    state, action, noise = started(world, 4)
    dark, bright = torch.zeros_like(frames(4)), torch.full_like(frames(4), 255)
    seen = [world.follow(state, action, f, noise) for f in (dark, bright)]
    assert not torch.equal(seen[0]["z"], seen[1]["z"])
    assert torch.equal(seen[0]["h"], seen[1]["h"])
    assert torch.equal(seen[0]["h"], world.imagine(state, action, noise).state["h"])


def test_the_posterior_is_sampled_with_the_noise() -> None:
    world = a_world()
    noise = torch.zeros(1, world.noise_size)
    mean = world.start(frames(1), noise)["z"]
    noise[:, 4:8] = 1
    high = world.start(frames(1), noise)["z"]
    noise[:, 4:8] = -1
    low = world.start(frames(1), noise)["z"]
    assert (high > mean).all()
    torch.testing.assert_close(high - mean, mean - low)


def test_without_heat_the_dream_is_certain() -> None:
    world = a_world()
    state, action, noise = started(world, 6)
    cold = {**state, "temperature": torch.full((6,), 1e-9)}
    other = torch.randn(6, world.noise_size)
    one, two = world.imagine(cold, action, noise), world.imagine(cold, action, other)
    torch.testing.assert_close(one.state["z"], two.state["z"], rtol=1e-3, atol=1e-3)
    hot = world.imagine({**state, "temperature": torch.full((6,), 2.0)}, action, noise)
    assert not torch.allclose(one.state["z"], hot.state["z"], atol=0.05)


def test_death_is_a_positive_logit_at_any_temperature() -> None:
    world = a_world(replace(SMALL, outcomes=0, done=True, reward=1.0))
    state, action, noise = started(world, 32)
    with torch.no_grad():
        world.memory.head.weight[0] *= 20
    ends = []
    for tau in (0.1, 1.0, 5.0):
        imagined = world.imagine({**state, "temperature": torch.full((32,), tau)}, action, noise)
        assert (imagined.reward == 1).all()
        ends.append(imagined.terminated)
    done = world.memory.predict(imagined.state["h"]).done
    assert done is not None
    assert torch.equal(ends[0], done > 0)
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[2])
    assert 0 < int(ends[0].sum()) < 32


def test_the_restart_flag_is_raised_for_one_step() -> None:
    world = a_world(replace(SMALL, outcomes=0, done=True))
    noise = torch.zeros(2, world.noise_size)
    state = world.start(frames(2), noise)
    assert state["first"].tolist() == [1, 1]
    after = world.imagine(state, torch.tensor([0, 1]), noise).state
    assert after["first"].tolist() == [0, 0]


def test_reward_and_ending_come_from_one_draw() -> None:
    world = a_world()
    state, action, noise = started(world, 200)
    imagined = world.imagine(state, action, noise)
    assert torch.equal(imagined.terminated, imagined.reward == 2)
    assert world.outcome is not None
    features = torch.cat([imagined.state["h"], imagined.state["z"]], 1)
    assert torch.equal(imagined.reward, world.outcome.sample(features, uniforms(noise[:, -1]))[0])
    assert set(imagined.reward.tolist()) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize("batch", [1, 64])
def test_bfloat16_is_a_rounding_and_only_of_large_batches(batch: int) -> None:
    world = a_world(replace(SMALL, frame_shape=(64, 64, 3)))
    state, action, noise = started(world, batch)
    exact = world.imagine(state, action, noise).state
    drawn, looked = world.render(state), world.start(frames(batch, world.config), noise)
    world.precision = "bf16-mixed"
    rough = world.imagine(state, action, noise).state
    assert torch.equal(exact["h"], rough["h"]) == (batch == 1)
    torch.testing.assert_close(exact["h"], rough["h"], rtol=0.05, atol=0.05)
    assert all(value.dtype == torch.float32 for value in rough.values())
    torch.testing.assert_close(
        looked["z"], world.start(frames(batch, world.config), noise)["z"], rtol=0.03, atol=0.03 if batch > 1 else 0
    )
    assert int((drawn.int() - world.render(state).int()).abs().max()) <= (0 if batch == 1 else 6)


def test_a_dream_can_be_differentiated() -> None:
    world = a_world().requires_grad_(True)
    state, action, noise = started(world, 2)
    world.imagine(state, action, noise).state["z"].sum().backward()
    assert world.memory.lstm.weight_hh.grad is not None
    assert world.vision.mu.weight.grad is not None
