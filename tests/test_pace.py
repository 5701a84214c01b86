"""scripts/pace.py: what is counted of an agent's episodes."""

from __future__ import annotations

import numpy as np

from tests.scripts import load_script


def test_halts_are_long_stretches_without_reward() -> None:
    paid = np.full((3, 200), -0.1)
    paid[0, [10, 40, 95, 190]] = 3.0  # gaps 11, 30, 55, 95, 10
    paid[1, 20] = 3.0  # gaps 21, 29: over after 49 steps
    paid[2, :100:10] = 3.0  # ten gaps of 1 and 10, then nothing for 110
    found = load_script("pace").halts(paid, np.array([200, 49, 200]))
    assert found["halts"] == 3
    assert found["to_the_end"] == 1
    assert found["per_1000"] == 1000 * 3 / (11 + 30 + 10 + 21 + 29 + 91)
