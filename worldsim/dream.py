"""Dream: the only code that steps a world model."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from worldsim.arithmetic import Precision, compile_once, in_precision
from worldsim.checkpoint import World
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.protocol import Imagined, State, WorldModel, select

_FIRST_STEP = 1 << 20  # noise steps of the dream proper; below lie the choice of an opening and of the next seed


class Snapshot(NamedTuple):
    """Everything that decides how a dream goes on; give it back to `Dream.set_state` to branch."""

    state: State
    key: Tensor  # (B,) int64
    age: Tensor  # (B,) int64, imagined steps so far
    opening: Tensor  # (B,) int64


class Dream:
    """B streams of imagined play: tensors in and out, no autoreset, no numpy.

    Row b depends on its own seed, opening and actions alone. The state of a stream is what the model has after
    following its opening; from there every step is imagined.

    Args:
        world: the model and its openings.
        num_streams: B.
        temperature: of sampling, 1 is as learned; a model without a temperature accepts only 1.
        device: where the model is.
        precision: "bf16" multiplies in bfloat16 (see `worldsim.arithmetic.in_precision`).
        compiled: compile the step (see `worldsim.arithmetic.compile_once`); the first one takes a quarter of a minute.

    Example:
        >>> import torch, worldsim
        >>> dream = worldsim.Dream(worldsim.load("pacman-spatial"), num_streams=2)
        >>> dream.reset(torch.arange(2), seeds=torch.tensor([0, 1]))
        >>> dream.step(torch.tensor([1, 4])).reward.shape
        torch.Size([2])
    """

    def __init__(
        self,
        world: World,
        num_streams: int,
        temperature: float = 1.0,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
        compiled: bool = False,
    ) -> None:
        self.world, self.num_streams = world, num_streams
        self.model = in_precision(world.model, precision)
        self._advance = compile_once(_advance(self.model)) if compiled else _advance(self.model)
        self.device = torch.device(device)
        self._temperature = _positive(temperature)
        self.state: State = {}
        self.key = torch.zeros(num_streams, dtype=torch.int64, device=self.device)
        self.age = torch.zeros_like(self.key)
        self.opening = torch.zeros_like(self.key)

    @torch.inference_mode()
    def reset(self, rows: Tensor, seeds: Tensor, openings: Tensor | None = None) -> None:
        """Begin streams ``rows`` (n,) anew from ``seeds`` (n,), at ``openings`` (n,) or where the seeds choose."""
        rows, seeds = rows.to(self.device), seeds.to(self.device)
        key = stream_keys(seeds)
        if openings is None:
            openings = torch.remainder(stream_keys(key + 1), len(self.world.openings))
        fresh = self.world.openings.states(self.world.model, openings.cpu(), self.device)
        if not self.state:
            self.state = {n: v.new_zeros(self.num_streams, *v.shape[1:]) for n, v in fresh.items()}
        self.state = {name: value.index_copy(0, rows, fresh[name]) for name, value in self.state.items()}
        self.key = self.key.index_copy(0, rows, key)
        self.age = self.age.index_fill(0, rows, 0)
        self.opening = self.opening.index_copy(0, rows, openings.to(self.device))
        self.temperature = self._temperature

    @torch.inference_mode()
    def step(self, action: Tensor) -> Imagined:
        """One imagined step of every stream: action (B, ...)."""
        imagined, self.age = self._advance(self.state, self.key, self.age, action.to(self.device))
        self.state = imagined.state
        return imagined

    def chance(self) -> Tensor:
        """The noise of the coming step: (B, N)."""
        return normals(self.key, self.age + _FIRST_STEP, self.model.noise_size)

    @torch.inference_mode()
    def observe(self) -> Tensor:
        """What the agents see: (B, *observation_space.shape)."""
        return self.model.observe(self.state)

    @torch.inference_mode()
    def render(self, rows: Tensor | None = None) -> Tensor:
        """What a person sees: (B or n, H, W, C) uint8."""
        return self.model.render(self.state if rows is None else select(self.state, rows.to(self.device)))

    @property
    def temperature(self) -> float:
        """Of sampling; may be set while the dream runs."""
        return self._temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._temperature = _positive(value)
        if self.state and "temperature" not in self.state:
            if value != 1.0:
                raise BadInput(f"world {self.world.name!r} has no temperature: expected 1, got {value}")
        elif self.state:
            filled = torch.full_like(self.state["temperature"], self._temperature)
            self.state = {**self.state, "temperature": filled}

    def get_state(self) -> Snapshot:
        """Where every stream is; states are never changed in place, so this copies nothing."""
        return Snapshot(self.state, self.key, self.age, self.opening)

    def set_state(self, snapshot: Snapshot) -> None:
        """Go back (or over) to where a snapshot was taken, of as many streams."""
        if len(snapshot.key) != self.num_streams:
            raise BadInput(f"expected a snapshot of {self.num_streams} streams, got one of {len(snapshot.key)}")
        self.state, self.key, self.age, self.opening = snapshot


def _advance(model: WorldModel) -> Callable[[State, Tensor, Tensor, Tensor], tuple[Imagined, Tensor]]:
    """One step of every stream, chance included: (state, key, age, action) -> what was imagined, age + 1."""

    def advance(state: State, key: Tensor, age: Tensor, action: Tensor) -> tuple[Imagined, Tensor]:
        noise = normals(key, age + _FIRST_STEP, model.noise_size)
        return model.imagine(state, action, noise), age + 1

    return advance


def _positive(temperature: float) -> float:
    if not 0 < temperature < 100:
        raise BadInput(f"temperature must be above 0 and below 100, got {temperature}; 1 is as learned")
    return float(temperature)
