"""Spaces survive JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space, Text

from worldsim.errors import BadInput
from worldsim.space_json import from_json, to_json

SPACES = [
    Discrete(5),
    Discrete(3, start=-1),
    Box(-1.0, 1.0, (3,), np.float32),
    Box(np.array([-1.0, 0, 0], np.float32), 1.0, dtype=np.float32),
    Box(0, 255, (2, 2), np.uint8),
    Box(-np.inf, np.inf, (2,), np.float64),
    MultiDiscrete([2, 3]),
    MultiBinary(4),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_round_trip(space: Space) -> None:
    assert from_json(json.loads(json.dumps(to_json(space)))) == space


def test_other_spaces_are_refused() -> None:
    with pytest.raises(BadInput, match="expected a Discrete, Box"):
        to_json(Text(3))
    with pytest.raises(BadInput, match="got 'Graph'"):
        from_json({"type": "Graph"})
