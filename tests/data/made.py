"""Episodes and recordings made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldsim.data.episode import Episode
from worldsim.data.recording import Recording
from worldsim.data.shard import About, write_shard

SHAPE = (4, 3, 3)
ABOUT = About("Made/Up-v0", SHAPE, {"type": "Discrete", "n": 5, "start": 0}, seed=7, policy="random")


def episode(index: int, steps: int, terminated: bool = True) -> Episode:
    """Frame t holds (index, t) and noise; action t is t % 5; reward t is index + t / 100."""
    frames = np.random.default_rng(index).integers(0, 256, (steps + 1, *SHAPE), np.uint8)
    frames[:, 0, 0, 0], frames[:, 0, 0, 1] = index, np.arange(steps + 1) % 256
    rewards = (index + np.arange(steps) / 100).astype(np.float32)
    actions = np.arange(steps) % 5
    return Episode(frames, actions, rewards, terminated, not terminated, 100 + index, "Made/Up-v0", "random", index)


def recording(folder: Path, lengths: Sequence[int], per_shard: int = 3) -> Recording:
    """Episode i has ``lengths[i]`` steps; the even ones terminate."""
    folder.mkdir(exist_ok=True)
    episodes = [episode(i, steps, i % 2 == 0) for i, steps in enumerate(lengths)]
    for start in range(0, len(episodes), per_shard):
        write_shard(folder / f"{start}.h5", episodes[start : start + per_shard], ABOUT)
    return Recording(folder)


def same(a: Episode, b: Episode) -> bool:
    """Whether two episodes are equal to the last byte."""
    arrays = all(
        x.dtype == y.dtype and np.array_equal(x, y)
        for x, y in [(a.frames, b.frames), (a.actions, b.actions), (a.rewards, b.rewards)]
    )
    return arrays and all(
        getattr(a, name) == getattr(b, name)
        for name in ("terminated", "truncated", "seed", "env_id", "policy", "index")
    )
