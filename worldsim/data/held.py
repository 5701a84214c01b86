"""HeldPolicy: random actions, each held for a random while, as World Models explored Doom."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space

from worldsim.data.turn import Array, Turn, checked, sample, size
from worldsim.errors import BadInput


class HeldPolicy:
    """A random action for 1 to ``most`` steps, then another one: both drawn uniformly, anew each time.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, released code (most = 10).
    """

    blind = True
    observation_space: Space[Any] | None = None

    def __init__(self, space: Space[Any], most: int = 10) -> None:
        if most < 1:
            raise BadInput(f"held:K holds an action for 1 to K steps, got {most}")
        self._space, self._most, self.name = checked(space), most, f"held:{most}"
        self._until: dict[int, int] = {}  # episode's key -> age at which its action ends

    def act(self, turn: Turn) -> Array:
        chances = turn.chances(1 + size(self._space))
        keys, ages = turn.keys.tolist(), turn.ages.tolist()
        new = np.array([age == 0 or age >= self._until[key] for key, age in zip(keys, ages, strict=True)])
        fresh = sample(self._space, chances[:, 1:])
        ends = turn.ages + 1 + np.floor(chances[:, 0] * self._most).astype(np.int64)
        for row in np.flatnonzero(new).tolist():
            self._until[keys[row]] = int(ends[row])
        if len(self._until) > 4 * len(keys) + 64:  # episodes that are over
            self._until = {key: self._until[key] for key in keys}
        return np.where(new.reshape(-1, *[1] * (fresh.ndim - 1)), fresh, turn.previous)
