"""How a dream computes: in which precision, and whether its steps are compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.protocol import Imagined, State, WorldModel

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")

F = TypeVar("F", bound=Callable[..., Any])


def in_precision(model: WorldModel, precision: Precision) -> WorldModel:
    """The model computing in float32, or with its multiplications in bfloat16; weights are shared, not copied.

    A model with an attribute ``precision`` ("32-true" or "bf16-mixed") decides for itself what that means. Any other
    one runs under autocast, which rounds the weights anew at every step; its state stays as it was. bf16 pays on CPUs
    with AVX512-BF16 or AMX and on GPUs, for some sixteen streams or more.
    """
    if precision not in PRECISIONS:
        raise BadInput(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "fp32":
        return model
    if hasattr(model, "precision"):
        same = copy.copy(model)
        same.precision = "bf16-mixed"
        return same
    return _Autocast(model)


class _Autocast(nn.Module):
    """A model whose transitions run under autocast; what it keeps and shows stays in the model's own types."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model = model
        self.observation_space, self.action_space = model.observation_space, model.action_space
        self.noise_size = model.noise_size

    def start(self, frame: Tensor, noise: Tensor) -> State:
        return self.model.start(frame, noise)

    def follow(self, state: State, action: Tensor, frame: Tensor, noise: Tensor) -> State:
        return self.model.follow(state, action, frame, noise)

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        with torch.autocast(noise.device.type, torch.bfloat16):
            after, reward, terminated = self.model.imagine(state, action, noise)
        return Imagined({name: value.to(state[name].dtype) for name, value in after.items()}, reward, terminated)

    def observe(self, state: State) -> Tensor:
        return self.model.observe(state)

    def render(self, state: State) -> Tensor:
        return self.model.render(state)


def compile_once(function: F) -> F:
    """`torch.compile` for one set of shapes, without graph breaks. The first call is slow and needs a C++ compiler.

    Only the arguments' shapes and types are checked at each call: what else the function uses, a model and its weights
    above all, must not change after the first.
    """
    from torch._dynamo import config  # it takes seconds to import

    config.allow_rnn = True  # models that keep their weights in torch's LSTM, and do not call it
    plain = cast(FunctionType, function)
    arguments = plain.__code__.co_varnames[: plain.__code__.co_argcount]

    def guards(entries: Sequence[Any]) -> list[bool]:
        return [not e.name or e.name.startswith(tuple(f"L['{name}']" for name in arguments)) for e in entries]

    # The compiler's cache hangs on the code object, and what it holds is no longer told apart by the model: a copy has
    # a cache of its own.
    own = FunctionType(plain.__code__.replace(), plain.__globals__, plain.__name__, None, plain.__closure__)
    made = torch.compile(own, dynamic=False, fullgraph=True, options={"guard_filter_fn": guards})
    prepared = False

    def call(*args: Any) -> Any:
        nonlocal prepared
        if not prepared:  # weights that the model rearranges are to be ready, not to be made anew at each call
            function(*args)
            prepared = True
        return made(*args)

    return cast(F, call)
