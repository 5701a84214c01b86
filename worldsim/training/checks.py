"""Checks: what batches cost that are looked at only, such as those of episodes that are not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
from lightning_fabric import Fabric

from worldsim.data.chance import named_key
from worldsim.training.turns import Turn, prefix


def mean_costs(
    objective: Any, checks: Mapping[str, Sequence[Any]], turns: list[Turn], fabric: Fabric, seed: int
) -> dict[str, float]:
    """The mean over each check's batches of the loss and of whatever else the objective logs, as ``CHECK_loss``.

    The draws are the same each time, so that a curve moves with the model alone.
    """
    costs: dict[str, list[float]] = {}
    for name, batches in checks.items():
        generator = torch.Generator(fabric.device).manual_seed(named_key(seed, name))
        for batch, turn in product(batches, turns):
            loss, logs = objective.loss(fabric.to_device(batch), generator, turn.name)
            for key, value in {"loss": loss, **logs}.items():
                costs.setdefault(f"{prefix(turn, turns)}{name}_{key}", []).append(float(value))
    return {key: sum(values) / len(values) for key, values in costs.items()}
