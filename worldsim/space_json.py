"""Gymnasium spaces as plain JSON, so that a checkpoint or a recording can say which actions it was made for."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from worldsim.errors import BadInput


def to_json(space: Space[Any]) -> dict[str, Any]:
    """A space as a dictionary of plain values."""
    if isinstance(space, Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, Box):
        low, high = space.low.tolist(), space.high.tolist()
        return {"type": "Box", "low": low, "high": high, "shape": list(space.shape), "dtype": str(space.dtype)}
    if isinstance(space, MultiDiscrete):
        return {"type": "MultiDiscrete", "nvec": space.nvec.tolist()}
    if isinstance(space, MultiBinary):
        return {"type": "MultiBinary", "n": np.asarray(space.n).tolist()}
    raise BadInput(
        f"expected a Discrete, Box, MultiDiscrete or MultiBinary space, got {space}; wrap the environment so that "
        "its actions are one of these"
    )


def from_json(data: dict[str, Any]) -> Space[Any]:
    """The space that `to_json` wrote."""
    kind = data.get("type")
    if kind == "Discrete":
        return Discrete(data["n"], start=data.get("start", 0))
    if kind == "Box":
        dtype = np.dtype(data["dtype"])
        low = np.asarray(data["low"], dtype).reshape(data["shape"])
        high = np.asarray(data["high"], dtype).reshape(data["shape"])
        return Box(low, high, dtype=dtype.type)
    if kind == "MultiDiscrete":
        return MultiDiscrete(np.asarray(data["nvec"]))
    if kind == "MultiBinary":
        return MultiBinary(data["n"])
    raise BadInput(f"expected a space of type Discrete, Box, MultiDiscrete or MultiBinary, got {kind!r}")
