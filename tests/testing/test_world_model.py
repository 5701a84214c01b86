"""check_world_model: good worlds pass, and each way of being wrong is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Discrete
from torch import Tensor, nn

from tests.toys import LinearConfig, LinearWorld
from worldsim.protocol import Imagined, State
from worldsim.testing import check_world_model


def test_a_good_world_passes_with_and_without_frames() -> None:
    world = LinearWorld()
    check_world_model(world)
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[0, :2, 0] = 128
    check_world_model(world, frame, rows=64)
    check_world_model(world, torch.from_numpy(np.stack([frame, frame + 1])), rows=64)
    box = {"type": "Box", "low": [-1.0], "high": [1.0], "shape": [1], "dtype": "float32"}

    class Continuous(LinearWorld):
        def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
            assert action.shape == (len(noise), 1)
            result = super().imagine(state, torch.zeros(len(noise), dtype=torch.int64), noise)
            return result._replace(state=result.state | {"x": (result.state["x"] + action).clamp(-4, 4)})

    check_world_model(Continuous(LinearConfig(action=box)), rows=64)


def test_a_passive_world_is_let_through_when_it_says_so() -> None:
    world = Broken(noise_only)
    with pytest.raises(AssertionError, match="no action made a difference"):
        check_world_model(world)
    check_world_model(world, action_matters=False)


def test_draws_that_tip_on_a_tie_are_tolerated_up_to_a_share() -> None:
    world = Broken(unlike_alone(share=0.05))
    with pytest.raises(AssertionError, match=r"\d+ of 128 rows differ between a batch of 1024 and a batch of 1"):
        check_world_model(world)
    check_world_model(world, flips=0.3)


class Broken(LinearWorld):
    """A LinearWorld whose answers are spoilt: ``spoil(world, verb, result, inputs)`` returns the result to give."""

    def __init__(self, spoil: Callable[..., Any]) -> None:
        super().__init__()
        self.spoil = spoil
        self.register_buffer("count", torch.zeros(()))
        self.memory: list[Tensor] = []

    def start(self, frame: Tensor, noise: Tensor) -> Any:
        return self.spoil(self, "start", super().start(frame, noise), (frame, noise))

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> Any:
        result = LinearWorld.start(self, frame, noise) | {k: v for k, v in state.items() if k != "x"}
        return self.spoil(self, "follow", result, (state, action, frame, noise))

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Any:
        return self.spoil(self, "imagine", super().imagine(state, action, noise), (state, action, noise))

    def observe(self, state: State) -> Any:
        return self.spoil(self, "observe", super().observe(state), (state,))

    def render(self, state: State) -> Any:
        return self.spoil(self, "render", super().render(state), (state,))


Change = Callable[[Any, LinearWorld, tuple[Any, ...]], Any]


def on(verb: str, change: Change) -> Callable[..., Any]:
    """Spoil one method's result."""
    return lambda world, at, result, inputs: change(result, world, inputs) if at == verb else result


def state_of(verb: str, change: Change) -> Callable[..., Any]:
    """Spoil the state that one method returns."""
    if verb == "imagine":
        return on(verb, lambda result, world, inputs: result._replace(state=change(result.state, world, inputs)))
    return on(verb, change)


def noise_only(world: LinearWorld, at: str, result: Any, inputs: tuple[Any, ...]) -> Any:
    if at != "imagine":
        return result
    state, action, noise = inputs
    return LinearWorld.imagine(world, state, torch.zeros_like(action), noise)


def unlike_alone(share: float) -> Callable[..., Any]:
    """A share of the rows comes out otherwise when alone."""

    def change(result: Imagined, world: LinearWorld, inputs: tuple[Any, ...]) -> Imagined:
        tipped = (inputs[2][:, 0] > torch.special.ndtri(torch.tensor(1 - share))) & (len(inputs[2]) == 1)
        return result._replace(terminated=result.terminated ^ tipped)

    return on("imagine", change)


def in_place(result: Any, world: LinearWorld, inputs: tuple[Any, ...]) -> Any:
    inputs[0]["x"].add_(1)
    return result


def draws(result: Any, world: LinearWorld, inputs: tuple[Any, ...]) -> Any:
    torch.rand(1)
    return result


def counts(result: Any, world: Any, inputs: tuple[Any, ...]) -> Any:
    world.count += 1
    return result


def remembers(result: Any, world: Any, inputs: tuple[Any, ...]) -> Any:
    world.memory.append(result)
    return result + len(world.memory) / 100


class Slicing(LinearWorld):
    """Takes the normals it needs and asks no questions."""

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        return super().imagine(state, action, noise[:, :2])


BROKEN_WORLDS: dict[str, tuple[Callable[..., Any], str]] = {
    "state no dict": (on("start", lambda s, w, i: s["x"]), r"start\(\) must return a dict of tensors, got Tensor"),
    "nested": (
        on("start", lambda s, w, i: s | {"h": (s["x"], s["x"])}),
        r"state\['h'\] as tuple, not a Tensor; the state",
    ),
    "not batch-first": (on("start", lambda s, w, i: s | {"x": s["x"].T}), r"state\['x'\] of shape \(2, 6\) for 6 rows"),
    "nan": (state_of("imagine", lambda s, w, i: s | {"x": s["x"] / 0 * 0}), r"imagine\(\) .* with NaN or infinity"),
    "new key": (
        state_of("imagine", lambda s, w, i: s | {"y": s["x"]}),
        r"imagine\(\) and start\(\) disagree on the keys",
    ),
    "dtype": (
        state_of("follow", lambda s, w, i: s | {"x": s["x"].half()}),
        r"follow\(\) .* torch.float16 a row, start",
    ),
    "plain tuple": (on("imagine", lambda r, w, i: tuple(r)), r"imagine\(\) must return worldsim.protocol.Imagined"),
    "reward (B, 1)": (
        on("imagine", lambda r, w, i: r._replace(reward=r.reward[:, None])),
        r"reward \(6,\).*got \(6, 1\)",
    ),
    "nan reward": (on("imagine", lambda r, w, i: r._replace(reward=r.reward / 0)), "reward that is NaN or infinite"),
    "probability": (
        on("imagine", lambda r, w, i: r._replace(terminated=r.reward)),
        r"terminated \(6,\) torch.bool, got",
    ),
    "observe shape": (
        on("observe", lambda x, w, i: x[:, :1]),
        r"observe\(\) returned \(6, 1\) float32, observation_space",
    ),
    "observe dtype": (on("observe", lambda x, w, i: x.double()), r"observe\(\) returned \(6, 2\) float64"),
    "out of space": (on("observe", lambda x, w, i: x + 9), r"observe\(\) left observation_space: values from"),
    "channels first": (
        on("render", lambda x, w, i: x.permute(0, 3, 1, 2)),
        r"\(6, 8, 8, 3\) uint8, like the real frames",
    ),
    "float pixels": (on("render", lambda x, w, i: x / 255), r"render\(\) must return .* got .* torch.float32"),
    "in place": (
        on("imagine", in_place),
        r"imagine\(\) changed the state\['x'\] that it was given; most likely an in-place",
    ),
    "in place, seen": (on("observe", in_place), r"observe\(\) changed the state\['x'\] that it was given"),
    "global randomness": (on("imagine", draws), r"imagine\(\) drew from the global random generator of torch"),
    "remembers": (
        on("render", lambda x, w, i: (remembers(x, w, i) * 50).byte()),
        r"render\(\) gave another drawn the second",
    ),
    "counts": (on("follow", counts), "the model's own count changed while it was used; most likely BatchNorm"),
    "batch mean": (
        state_of("imagine", lambda s, w, i: s | {"x": s["x"] - s["x"].mean(0)}),
        r"imagine\(\): another .* in row 2",
    ),
    "batch mean, frame": (
        state_of("start", lambda s, w, i: s | {"x": s["x"] - s["x"].mean(0)}),
        r"start\(\): another frame",
    ),
    "batch mean, follow": (
        state_of("follow", lambda s, w, i: s | {"x": s["x"] - s["x"].mean(0)}),
        r"follow\(\): another",
    ),
    "mean of the old": (
        on("imagine", lambda r, w, i: r._replace(reward=r.reward + i[0]["x"].mean())),
        "restarting rows 1 and 4 changed reward of the other rows; most likely the rows share",
    ),
    "hot start": (on("start", lambda s, w, i: s | {"temperature": s["temperature"] * 2}), "float32 and 1 after start"),
    "own temperature": (
        state_of("imagine", lambda s, w, i: s | {"temperature": torch.ones_like(s["temperature"])}),
        r"imagine\(\) changed state\['temperature'\] from 0.1; it belongs to the dream",
    ),
    "batch of one": (
        on("render", lambda x, w, i: x + 9 * (len(x) == 1)),
        r"rows differ between a batch of 1024 and a batch of 1 \(first in \['render\(\)'\]\)",
    ),
}


@pytest.mark.parametrize("fault", BROKEN_WORLDS)
def test_names_what_is_wrong_with_a_world(fault: str) -> None:
    spoil, message = BROKEN_WORLDS[fault]
    with pytest.raises(AssertionError, match=message) as found:
        check_world_model(Broken(spoil))
    assert "\n" not in str(found.value)


def test_names_what_is_wrong_with_a_world_as_such() -> None:
    with pytest.raises(AssertionError, match="the model has no observation_space, .*render; see worldsim.protocol"):
        check_world_model(nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=r"took 3 normals a row without complaint though noise_size is 2"):
        check_world_model(Slicing())
    world = LinearWorld()
    world.observation_space = Discrete(3)  # type: ignore[assignment]
    with pytest.raises(AssertionError, match="observation_space must be a Box"):
        check_world_model(world)
    world = LinearWorld()
    world.config = dataclasses.replace(world.config, frame_shape=())  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="pass a frame: the model has no config.frame_shape"):
        check_world_model(world)
    with pytest.raises(AssertionError, match=r"frame must be \(H, W, C\) or .* uint8, got \(8, 8, 3\) torch.float64"):
        check_world_model(LinearWorld(), np.zeros((8, 8, 3)))
    dropout = type("Dropout", (LinearWorld,), {"observe": lambda self, state: nn.functional.dropout(state["x"] / 2)})
    with pytest.raises(AssertionError, match=r"observe\(\) drew from the global random generator of torch"):
        check_world_model(dropout())
