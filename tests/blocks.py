"""Recordings of a bright block that an action moves: 48 x 40 frames, continuous or discrete actions."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from gymnasium.spaces import Box, Discrete

from worldsim.data.episode import Episode
from worldsim.data.recording import Recording, write_shard
from worldsim.data.shard import About
from worldsim.space_json import to_json

HEIGHT, WIDTH = 48, 40


def record_block(
    folder: Path, episodes: int = 12, actions: Literal["box", "discrete"] = "box", shortest: int = 3, longest: int = 14
) -> Recording:
    """Write and open a recording; reward 1 and the end where the block touches the right edge."""
    rng = np.random.default_rng(0)
    space = Box(-1.0, 1.0, (2,), np.float32) if actions == "box" else Discrete(4, start=1)
    played = [episode(rng, space, int(rng.integers(shortest, longest + 1)), i) for i in range(episodes)]
    folder.mkdir(parents=True, exist_ok=True)
    about = About("toys/Block-v0", (HEIGHT, WIDTH, 3), to_json(space))
    write_shard(folder / "block.h5", played, about)
    return Recording(folder)


def episode(rng: np.random.Generator, space: Box | Discrete, most: int, index: int) -> Episode:
    """One episode; the block's row and column follow from the actions alone."""
    place, frames, actions, rewards = np.array([20.0, 4.0]), [], [], []
    frames.append(frame(place))
    for _ in range(most):
        if isinstance(space, Box):
            action = rng.uniform(-1, 1, 2).astype(np.float32)
            step = 6 * action
        else:
            action = rng.integers(1, 5)
            step = 6.0 * np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])[action - 1]
        place = np.clip(place + step, 0, [HEIGHT - 8, WIDTH - 8])
        frames.append(frame(place))
        actions.append(action)
        rewards.append(float(place[1] >= WIDTH - 8))
        if rewards[-1]:
            break
    return Episode(
        np.stack(frames),
        np.stack(actions),
        np.array(rewards, np.float32),
        terminated=rewards[-1] > 0,
        truncated=rewards[-1] == 0,
        seed=index,
        env_id="toys/Block-v0",
        index=index,
    )


def frame(place: np.ndarray) -> np.ndarray:
    """The picture of the block."""
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    row, col = place.round().astype(int)
    out[row : row + 8, col : col + 8] = (255, 200, 40)
    return out
