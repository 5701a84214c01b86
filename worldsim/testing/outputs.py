"""What a world model returns: its attributes, and the shapes, dtypes and ranges of states, outcomes and pictures."""

from __future__ import annotations

import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor

from worldsim.protocol import Imagined, State, WorldModel
from worldsim.testing.requirement import require


def check_attributes(model: WorldModel) -> None:
    """The five methods and three attributes are there."""
    wanted = ("observation_space", "action_space", "noise_size", "start", "follow", "imagine", "observe", "render")
    missing = [name for name in wanted if not hasattr(model, name)]
    require(not missing, f"the model has no {', '.join(missing)}; see worldsim.protocol.WorldModel for all it needs")
    require(isinstance(model.observation_space, Box), f"observation_space must be a Box, got {model.observation_space}")
    require(isinstance(model.action_space, Space), f"action_space must be a gymnasium Space, got {model.action_space}")
    size = model.noise_size
    require(isinstance(size, int) and size >= 0, f"noise_size must be an int that is not negative, got {size!r}")


def check_state(state: State, like: State, verb: str, rows: int) -> None:
    """A flat dict of finite tensors, batch-first, with the keys, dtypes and shapes of the state ``like``."""
    require(isinstance(state, dict), f"{verb}() must return a dict of tensors, got {type(state).__name__}")
    for key, value in state.items():
        what = f"{verb}() returned state[{key!r}]"
        require(
            isinstance(value, Tensor),
            f"{what} as {type(value).__name__}, not a Tensor; the state must be flat: most likely a tuple such as an "
            "LSTM's (h, c) needs a key for each part",
        )
        require(
            value.dim() > 0 and len(value) == rows,
            f"{what} of shape {tuple(value.shape)} for {rows} rows; every value must be batch-first: most likely an "
            "LSTM's (layers, B, H) needs a transpose",
        )
        require(not value.requires_grad, f"{what} with a gradient; most likely imagination runs in enable_grad")
        bad = value.is_floating_point() and not bool(torch.isfinite(value).all())
        require(not bad, f"{what} with NaN or infinity; most likely an unbounded exp() or a division by zero")
    changed = sorted(set(state) ^ set(like))
    require(not changed, f"{verb}() and start() disagree on the keys {changed}; rows could not be restarted")
    for key, value in state.items():
        old = like[key]
        require(
            value.dtype == old.dtype and value.shape[1:] == old.shape[1:],
            f"{verb}() returned state[{key!r}] as {tuple(value.shape[1:])} {value.dtype} a row, start() as "
            f"{tuple(old.shape[1:])} {old.dtype}; most likely autocast or an integer division changed it",
        )


def check_imagined(imagined: Imagined, like: State, rows: int) -> None:
    """A state, a reward and an ending for each of ``rows``."""
    require(
        isinstance(imagined, Imagined),
        f"imagine() must return worldsim.protocol.Imagined(state, reward, terminated), got {type(imagined).__name__}",
    )
    check_state(imagined.state, like, "imagine", rows)
    for name, dtype in (("reward", torch.float32), ("terminated", torch.bool)):
        value = getattr(imagined, name)
        got = f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
        require(
            isinstance(value, Tensor) and value.shape == (rows,) and value.dtype == dtype,
            f"imagine() must return {name} ({rows},) {dtype}, got {got}; most likely a missing squeeze(-1), "
            "or a probability in place of a draw",
        )
    require(bool(torch.isfinite(imagined.reward).all()), "imagine() returned a reward that is NaN or infinite")


def check_seen(model: WorldModel, state: State, frames: Tensor) -> None:
    """observe() is in its space, render() is a frame like the real ones."""
    rows = len(next(iter(state.values())))
    space, seen, drawn = model.observation_space, model.observe(state), model.render(state)
    dtype = str(seen.dtype).removeprefix("torch.")
    require(
        seen.shape == (rows, *space.shape) and dtype == str(space.dtype),
        f"observe() returned {tuple(seen.shape)} {dtype}, observation_space says {(rows, *space.shape)} {space.dtype}",
    )
    for row in seen.cpu().numpy():
        require(
            space.contains(row),
            f"observe() left observation_space: values from {row.min()} to {row.max()} in {space}; most likely the "
            "features have no bound: use Box(-inf, inf) or squash them",
        )
    # Frames that are no pictures (the planes of a board) are painted in another shape, which the model names.
    shape = tuple(getattr(getattr(model, "config", None), "picture_shape", frames.shape[1:]))
    require(
        drawn.shape == (rows, *shape) and drawn.dtype == torch.uint8,
        f"render() must return {(rows, *shape)} uint8, like the real frames, got {tuple(drawn.shape)} "
        f"{drawn.dtype}; most likely channels come first, or pixels are still floats in [0, 1]",
    )
