"""Random numbers as a pure function of (seed, episode, step, purpose), so that no game depends on its neighbours.

A generator per row would give the same, at 512 Python calls a step. Here one hash serves all rows at once: the
finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.types import Floats, Ints, Keys

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MASK = (1 << 64) - 1


def mix(x: Keys) -> Keys:
    """Hash every element; neighbouring inputs give unrelated outputs."""
    x = x + _GOLDEN
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def row_seeds(seed: int, count: int) -> Keys:
    """(count,) uint64: seed, seed + 1, ... as Gymnasium's own vector environments do."""
    return np.array([(seed + row) & _MASK for row in range(count)], dtype=np.uint64)


def episode_keys(seed: Keys, episode: Ints) -> Keys:
    """(B,) uint64: the key of one episode of each row."""
    return mix(mix(seed) + episode.astype(np.uint64))


def step_keys(keys: Keys, age: Ints) -> Keys:
    """(B,) uint64: the key of one step of each episode."""
    return mix(keys ^ mix(age.astype(np.uint64)))


def bits(keys: Keys, purpose: int, count: int) -> Keys:
    """(B, count) uint64: independent random bits for one purpose (a small number, named by the caller)."""
    lanes = np.arange(purpose << 20, (purpose << 20) + count, dtype=np.uint64) * _GOLDEN
    return mix(keys[:, None] + lanes)


def uniforms(keys: Keys, purpose: int, count: int) -> Floats:
    """(B, count) float64 in [0, 1)."""
    return (bits(keys, purpose, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(keys: Keys, purpose: int, bound: int) -> Ints:
    """(B,) int64 in [0, bound)."""
    return (uniforms(keys, purpose, 1)[:, 0] * bound).astype(np.int64)
