"""A committee: several controllers as one, whose outputs are the means of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.errors import BadInput


def committee(members: Sequence[LinearController]) -> LinearController:
    """One controller whose outputs, before they become an action, are the means of its members'.

    What a single agent has found that holds in its dream alone, others with other seeds have not; the mean keeps what
    they agree on. Members with a layer of tanh units become one with the units of all, so it costs one product a layer.

    Raises:
        BadInput: members of different sizes, features or spaces, or fewer than two.
    """
    if len(members) < 2:
        raise BadInput(f"a committee has two members or more, got {len(members)}")
    first = members[0]
    for other in members[1:]:
        same = (other.observation_space, other.action_space) == (first.observation_space, first.action_space)
        if not same or other.config != first.config:
            raise BadInput(f"members of a committee are alike, got {first.config} and {other.config}")
    layers = [member.layers(torch.from_numpy(member.parameters)[None]) for member in members]
    *middle, last = (list(same) for same in zip(*layers, strict=True))  # a layer of every member each
    parts: list[Tensor] = []
    for layer in middle:  # at most one: the units of all, beside each other
        parts += _flat(torch.cat([weight for weight, _ in layer], 1), _joined([bias for _, bias in layer], 1))
    weights, biases = [weight for weight, _ in last], [bias for _, bias in last]
    if middle:  # each member's units go on counting for it alone
        parts += _flat(torch.cat(weights, 2) / len(members), _mean(biases))
    else:
        parts += _flat(torch.stack(weights).mean(0), _mean(biases))
    config = LinearConfig(**{**vars(first.config), "hidden": first.config.hidden * len(members)})
    parameters = torch.cat([part.flatten() for part in parts]).numpy()
    return LinearController(first.observation_space, first.action_space, config, np.asarray(parameters))


def _flat(weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """As parameters lie: (inputs, outputs), then the bias."""
    return [weight[0].T, *([] if bias is None else [bias])]


def _joined(biases: Sequence[Tensor | None], axis: int) -> Tensor | None:
    known = [bias for bias in biases if bias is not None]
    return torch.cat(known, axis) if known else None


def _mean(biases: Sequence[Tensor | None]) -> Tensor | None:
    known = [bias for bias in biases if bias is not None]
    return torch.stack(known).mean(0) if known else None
