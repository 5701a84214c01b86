"""CauchyPolicy: a random linear controller for each episode, as World Models explored CarRacing."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from worldsim.data.chance import uniforms
from worldsim.data.turn import Array, Turn, checked, size
from worldsim.errors import BadInput

_SEEN = 16  # pixels of a picture's side that a controller looks at, at most 31


class CauchyPolicy:
    """``action = tanh(W x + b)``, scaled to the action space; W and b are s times standard Cauchy numbers.

    s is drawn for each episode from U(0, ``most``) and the weights stay through it; x are some 16x16 pixels of the
    picture in [0, 1]. Of discrete actions the one with the largest output is taken. Cauchy's heavy tails make
    controllers that turn, brake or speed in earnest, where action noise would only tremble.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, released code (most = 0.01).

    Differs from the paper: there all weights of V, M and C are such numbers; here C alone is, and sees pixels.
    """

    blind = False
    observation_space: Space[Any] | None = None

    def __init__(self, space: Space[Any], most: float = 0.01) -> None:
        if not isinstance(space, Box | Discrete):
            raise BadInput(f"cauchy:S plays Box or Discrete actions, got {space}")
        if not most > 0:
            raise BadInput(f"the scale in cauchy:S is above 0, got {most}")
        self._space, self._most = checked(space), most
        self._outputs = int(space.n) if isinstance(space, Discrete) else size(space)
        self.name = f"cauchy:{most:g}"
        self._weights: dict[int, NDArray[np.float64]] = {}  # episode's key -> (outputs, inputs + 1)

    def act(self, turn: Turn) -> Array:
        seen = look(turn.observations)  # (n, F)
        keys, lots = turn.keys.tolist(), turn.lots()
        weights = [self._of(key, lot, seen.shape[1] + 1) for key, lot in zip(keys, lots.tolist(), strict=True)]
        if len(self._weights) > 4 * len(keys) + 64:  # episodes that are over
            self._weights = dict(zip(keys, weights, strict=True))
        out = np.einsum("naf,nf->na", np.stack(weights), np.concatenate([seen, np.ones((len(seen), 1))], 1))
        if isinstance(self._space, Discrete):
            return (self._space.start + out.argmax(1)).astype(np.int64)
        assert isinstance(self._space, Box)
        low, high = self._space.low.ravel(), self._space.high.ravel()
        action = low + (np.tanh(out) + 1) / 2 * (high - low)
        return action.reshape(len(out), *self._space.shape).astype(self._space.dtype).clip(low.min(), high.max())

    def _of(self, key: int, lot: float, inputs: int) -> NDArray[np.float64]:
        if key not in self._weights:
            chance = uniforms(np.array([key], np.uint64), np.zeros(1), 2 + self._outputs * inputs)[0, 2:]
            cauchy = np.tan(np.pi * (chance - 0.5))
            self._weights[key] = lot * self._most * cauchy.reshape(self._outputs, inputs)
        return self._weights[key]


def look(observations: Any) -> NDArray[np.float64]:
    """Observations (n, ...) as rows of numbers: some pixels of pictures, others as they are."""
    seen = np.asarray(observations)
    if seen.dtype == np.uint8 and seen.ndim == 4:
        seen = seen[:, :: max(1, seen.shape[1] // _SEEN), :: max(1, seen.shape[2] // _SEEN)] / 255
    return seen.reshape(len(seen), -1).astype(np.float64)
