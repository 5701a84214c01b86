"""Counter-based randomness in numpy: pure functions of a key and a position, the same on every machine.

The words are SplitMix64's finaliser (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators";
constants: Stafford's mix 13) of a counter. `worldsim.noise` does the same on tensors; recording must not need torch.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_COLUMNS = np.uint64(1 << 20)  # words that one step may use before it would touch the next step's
_ROUNDS = 4  # of the Feistel network in `permute`


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: a bijection of 64-bit words that scatters neighbours."""
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def key(*numbers: int) -> int:
    """One 64-bit key from several integers; their order matters."""
    state = np.zeros(1, np.uint64)
    for number in numbers:
        state = mix(state * _GOLDEN + np.array([number % (1 << 64)], np.uint64) + _GOLDEN)
    return int(state[0])


def named_key(*parts: int | str) -> int:
    """A seed in [0, 2**63) that differs wherever any part differs, also a word."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "little") >> 1


def uniforms(keys: NDArray[np.uint64], steps: NDArray[Any], columns: int) -> NDArray[np.float64]:
    """(n, columns) numbers in [0, 1): row i is a function of ``keys[i]`` and ``steps[i]`` alone."""
    counter = keys + steps.astype(np.uint64) * _COLUMNS
    words = mix((counter[:, None] + np.arange(columns, dtype=np.uint64)) * _GOLDEN)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def episode_seed(seed: int, index: int) -> int:
    """The seed of episode ``index`` of a recording with ``seed``: in [0, 2**31), different for every index."""
    return (key(seed) + index * 0x9E3779B1) % (1 << 31)


def permute(positions: NDArray[np.int64], size: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where a keyed shuffle of ``range(size)`` puts each position, without making the shuffled list.

    A Feistel network over the next power of four, walked until it falls inside (Black & Rogaway 2002, "Ciphers with
    arbitrary finite domains", cycle walking).

    Args:
        positions: (n,) in [0, size).
        size: how many there are to shuffle.
        keys: (n,) which shuffle; positions with the same key are mapped one to one.
    """
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half)) - 1)
    out = positions.astype(np.uint64)
    outside = np.ones(len(out), bool)
    while outside.any():
        x, k = out[outside], keys[outside]
        left, right = x >> half, x & mask
        for turn in range(_ROUNDS):
            scattered = mix((right + k + np.uint64(turn) * _COLUMNS) * _GOLDEN) & mask
            left, right = right, left ^ scattered
        out[outside] = (left << half) | right
        outside = out >= np.uint64(size)
    return out.astype(np.int64)
