"""A GameGAN keeps the contract of world models."""

from __future__ import annotations

import pytest
import torch
from gymnasium.spaces import Box

from tests.gamegan.sizes import FULL, GRID, world
from worldsim.errors import BadInput
from worldsim.gamegan.world import GameGANWorld
from worldsim.space_json import to_json
from worldsim.testing import check_world_model


def frames(model: GameGANWorld, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, *model.config.frame_shape), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("simulator", "changes", "rows"),
    [
        ("grid", {}, 256),
        ("grid", {"grid": GRID.__class__(**{**GRID.__dict__, "memory": 0}), "frame_shape": (30, 50, 1)}, 64),
        ("flat", {}, 40),
        ("flat", {"flat": FULL, "frame_shape": (70, 66, 3)}, 40),
    ],
    ids=["grid", "grid-m", "flat-m", "flat"],
)
def test_it_keeps_the_contract(simulator: str, changes: dict[str, object], rows: int) -> None:
    model = world(simulator, **changes).eval().requires_grad_(False)
    check_world_model(model, frames(model, 4), rows=rows)


def test_following_looks_at_the_real_frame_and_imagining_at_its_own() -> None:
    model = world().eval().requires_grad_(False)
    seen, action, noise = frames(model, 6), torch.arange(3), torch.randn(3, model.noise_size)
    state = model.start(seen[:3], noise)
    followed = model.follow(state, action, seen[3:], noise)
    assert torch.equal(model.render(followed), seen[3:])
    imagined = model.imagine(state, action, noise).state
    assert not torch.equal(imagined["frame"], seen[3:])
    looked = model.start(imagined["frame"], noise)["seen"]
    torch.testing.assert_close(imagined["seen"], looked)


def test_what_followed_decides_the_choices_that_are_remembered() -> None:
    model = world().eval().requires_grad_(False)
    noise, action = torch.randn(64, model.noise_size), torch.zeros(64, dtype=torch.int64)  # few choices differ at first
    first, second, third = frames(model, 3)[:, None].expand(-1, 64, -1, -1, -1)
    state = model.start(first, noise)
    one, two = (model.follow(state, action, after, noise) for after in (second, third))
    assert not torch.equal(one["h"], two["h"])


def test_layers_are_those_of_the_imagined_frame() -> None:
    model = world().eval().requires_grad_(False)
    noise, action = torch.randn(2, model.noise_size), torch.tensor([1, 4])
    state = model.start(frames(model, 2), noise)
    layers = model.layers(state, action, noise)
    assert layers is not None
    image = (layers.pictures * layers.masks).sum(1).clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1)
    assert torch.equal(image, model.imagine(state, action, noise).state["frame"])
    assert (
        world("flat")
        .eval()
        .layers(world("flat").start(frames(world("flat"), 1), torch.zeros(1, 4)), action[:1], torch.zeros(1, 4))
        is None
    )


def test_reward_and_ending_come_from_one_draw() -> None:
    model = world().eval().requires_grad_(False)
    noise = torch.randn(100, model.noise_size)
    state = model.start(frames(model, 1).expand(100, -1, -1, -1), noise)
    imagined = model.imagine(state, torch.zeros(100, dtype=torch.int64), noise)
    assert torch.equal(imagined.terminated, imagined.reward == 2)
    assert len(imagined.reward.unique()) == 3


def test_a_continuous_action_space_is_refused() -> None:
    with pytest.raises(BadInput, match="GameGAN needs a discrete action space, got Box"):
        world(action=to_json(Box(-1, 1, (2,))))
