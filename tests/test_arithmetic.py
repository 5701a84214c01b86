"""Precision and compilation change how fast a dream is, not what it dreams."""

from __future__ import annotations

import pytest
import torch

from tests.worlds import spatial_world
from worldsim.arithmetic import compile_once, in_precision
from worldsim.bundled import bundled
from worldsim.checkpoint import load
from worldsim.dream import Dream
from worldsim.envs.dream import DreamEnv
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys


def dreamed(rows: int, steps: int, **options: object) -> Dream:
    dream = Dream(spatial_world(), rows, **options)  # type: ignore[arg-type]
    dream.reset(torch.arange(rows), torch.arange(rows))
    for t in range(steps):
        dream.step((torch.arange(rows) + t) % 5)
    return dream


def test_bf16_dreams_about_the_same_and_keeps_its_state_in_fp32() -> None:
    exact, rounded = dreamed(16, 1), dreamed(16, 1, precision="bf16")
    assert {n: v.dtype for n, v in rounded.state.items()} == {n: v.dtype for n, v in exact.state.items()}
    torch.testing.assert_close(rounded.state["h"], exact.state["h"], rtol=0, atol=0.02)
    assert not torch.equal(rounded.state["h"], exact.state["h"])
    assert (rounded.state["codes"] == exact.state["codes"]).float().mean() > 0.95
    assert rounded.observe().dtype == torch.float32


def test_bf16_shares_the_weights_and_leaves_the_model_as_it_was() -> None:
    model = spatial_world().model
    assert in_precision(model, "fp32") is model
    rounded = in_precision(model, "bf16")
    assert {p.data_ptr() for p in rounded.parameters()} == {p.data_ptr() for p in model.parameters()}
    opening = dreamed(4, 0, precision="bf16").state
    assert all(torch.equal(opening[name], value) for name, value in dreamed(4, 0).state.items())


def test_unknown_precision() -> None:
    with pytest.raises(BadInput, match="precision must be one of fp32, bf16, got 'fp8'"):
        DreamEnv(model=spatial_world(), precision="fp8")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 65])
def test_compiled_noise_is_the_noise(size: int) -> None:
    """An odd size once wrote past the end of its tensor."""
    draw = compile_once(lambda key, step: normals(key, step, size))
    key, step = stream_keys(torch.arange(33)), torch.arange(33)
    for _ in range(200):
        got = draw(key, step)
    torch.testing.assert_close(got, normals(key, step, size), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_dream_is_the_same_dream() -> None:
    plain, compiled = dreamed(8, 6), dreamed(8, 6, compiled=True)
    torch.testing.assert_close(compiled.state["h"], plain.state["h"], rtol=0, atol=1e-4)
    assert torch.equal(compiled.state["codes"], plain.state["codes"])


@pytest.mark.slow
def test_a_compiled_dream_in_bf16_rounds_a_little_differently() -> None:
    """One step: a code that falls on the other side of its threshold makes later states another dream."""
    plain, compiled = dreamed(16, 1, precision="bf16"), dreamed(16, 1, precision="bf16", compiled=True)
    torch.testing.assert_close(compiled.state["h"], plain.state["h"], rtol=0, atol=0.02)
    assert (compiled.state["codes"] == plain.state["codes"]).float().mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_every_bundled_world_compiles(name: str) -> None:
    world, rows = load(name), torch.arange(2)
    plain, compiled = Dream(world, 2), Dream(world, 2, compiled=True)
    for dream in (plain, compiled):
        dream.reset(rows, rows)
        dream.step(torch.zeros(2, *(world.model.action_space.shape or ()), dtype=torch.int64))
    torch.testing.assert_close(compiled.observe(), plain.observe(), rtol=0, atol=1e-3)
