"""start_as: a new world begins with the weights of another one, as far as they fit."""

from __future__ import annotations

import torch
from torch import nn

from worldsim.checkpoint import load
from worldsim.errors import BadInput


def start_as(model: nn.Module, other: str) -> str:
    """Take over the weights of another world of the same kind; returns its name.

    What has another size stays new (the clock of a spatial world whose episodes have become longer), and so does the
    outcome head where other rewards and endings were recorded, for its units stand for other things.

    Args:
        model: a new model; its outcome table is set.
        other: a world folder or a bundled name.

    Raises:
        BadInput: no such world, or one of another kind, of other frames or other actions.
    """
    world = load(other)
    mine, theirs = model.state_dict(), world.model.state_dict()
    if type(world.model) is not type(model):
        raise BadInput(f"--start-from needs a world of the kind that is trained, {other} is of kind {world.kind}")
    if world.model.action_space != getattr(model, "action_space", None):
        raise BadInput(f"--start-from {other} knows actions {world.model.action_space}; start from one of this game")
    table = [name for name in ("outcome.reward", "outcome.terminated") if name in mine]
    same = all(name in theirs and torch.equal(mine[name], theirs[name]) for name in table)
    fits = {
        name: value
        for name, value in theirs.items()
        if name in mine and mine[name].shape == value.shape and (same or not name.startswith("outcome."))
    }
    eyes = [name for name in mine if name.startswith("vision.")]
    if any(name not in fits for name in eyes):
        raise BadInput(
            f"--start-from {other} sees with networks of other sizes; give the sizes that it was trained with"
        )
    model.load_state_dict(fits, strict=False)
    return world.name
