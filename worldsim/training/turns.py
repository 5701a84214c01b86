"""Turn: a group of parameters with its own optimizer; one update of a model is one or several turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from worldsim.errors import BadInput
from worldsim.training.config import FitConfig


@dataclass(frozen=True)
class Turn:
    """What is updated together, and by whom."""

    name: str
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer

    def update(self, loss: Tensor, step: int, config: FitConfig, world_size: int) -> Tensor | None:
        """Descend one step on ``loss``; returns the gradient's norm before clipping, where it was computed."""
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        if world_size > 1:
            _average_gradients(self.parameters, world_size)
        if config.clip_value is not None:
            nn.utils.clip_grad_value_(self.parameters, config.clip_value)
        norm = None
        if config.clip_norm is not None:
            norm = nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(step, self.name)
        self.optimizer.step()
        return norm


def turns_of(objective: nn.Module, config: FitConfig) -> list[Turn]:
    """The objective's own turns, or one named "model" with all parameters; frozen parameters are left out."""
    own = getattr(objective, "turns", None)
    groups: dict[str, Iterable[nn.Parameter]] = {"model": objective.parameters()} if own is None else own()
    for field in ("learning_rates", "schedules"):
        if unknown := set(getattr(config, field)) - set(groups):
            raise BadInput(f"{field} names {sorted(unknown)}, but this model's turns are {list(groups)}")
    turns = []
    for name, group in groups.items():
        parameters = [parameter for parameter in group if parameter.requires_grad]
        if not parameters:
            raise BadInput(f"turn {name!r} has no trainable parameters; was everything frozen?")
        optimizer = torch.optim.AdamW(
            parameters, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay, fused=True
        )
        turns.append(Turn(name, parameters, optimizer))
    return turns


def give_gradients_to(chosen: Turn | None, turns: list[Turn]) -> None:
    """Let only one turn's parameters (None: all) collect gradients: it need not pay for the others'."""
    for turn in turns:
        for parameter in turn.parameters:
            parameter.requires_grad_(chosen is None)
    for parameter in chosen.parameters if chosen is not None else []:
        parameter.requires_grad_(True)


def _average_gradients(parameters: list[nn.Parameter], world_size: int) -> None:
    """Replace every gradient by its mean over processes, in one transfer."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([cast(Tensor, parameter.grad).flatten() for parameter in parameters])
    torch.distributed.all_reduce(flat)
    flat /= world_size
    means = torch.split(flat, [parameter.numel() for parameter in parameters])
    for parameter, mean in zip(parameters, means, strict=True):
        cast(Tensor, parameter.grad).copy_(mean.view_as(parameter))


def prefix(turn: Turn, turns: list[Turn]) -> str:
    """Of a turn's names in the log: nothing where there is one turn only."""
    return f"{turn.name}/" if len(turns) > 1 else ""
