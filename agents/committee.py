"""A committee: several controllers as one, whose outputs are the means of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from worldsim.agents.linear import LinearController
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
    parameters = np.mean([member.parameters for member in members], axis=0)  # the mean of linear maps is their mean
    config = first.config
    if config.hidden:  # the units of all beside each other; each member's count for it alone
        into, out = zip(*(member.layers(torch.from_numpy(member.parameters)[None]) for member in members), strict=True)
        parts = [torch.cat([weight for weight, _ in into], 1)[0].T, *(bias for _, bias in into if bias is not None)]
        parts.append(torch.cat([weight for weight, _ in out], 2)[0].T / len(members))
        if config.bias:
            parts.append(torch.stack([bias for _, bias in out if bias is not None]).mean(0))
        parameters = torch.cat([part.flatten() for part in parts]).numpy()
        config = replace(config, hidden=config.hidden * len(members))
    return LinearController(first.observation_space, first.action_space, config, parameters)
