"""The real Pac-Man beside the fastest Ms. Pac-Man that Gymnasium offers, and the car beside Gymnasium's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import cycle

import gymnasium as gym
import numpy as np

import worldsim.envs.registration  # noqa: F401 (registers)
from worldsim.bench.contest import Entry, repeat

_AIM = 20.0
_ALE = "ALE/MsPacman-v5"


def games(rows: int, threads: int) -> list[Entry]:
    """Steps of environments with pictures: ``rows`` side by side, and one."""
    ale = find_spec("ale_py") is not None
    skips = "84x84 grey, 4 frames skipped and stacked (its default)"
    return [
        Entry(
            "ale_py Ms. Pac-Man",
            f"{rows} envs, {threads} threads, {skips}",
            "steps/s",
            repeat(_ale(rows, threads), rows) if ale else None,
            note="" if ale else 'not installed: pip install "worldsim-rl[ale]"',
        ),
        *(
            Entry(
                id,
                f"{rows} envs, 84x84x3 pixels, one core",
                "steps/s",
                repeat(_vector(id, rows), rows),
                "ale_py Ms. Pac-Man",
                _AIM,
            )
            for id in ("WorldSim/PacManFlag-v0", "WorldSim/PacMan-v0")
        ),
    ]


def single_games() -> list[Entry]:
    """One environment, as `gymnasium.make` gives it."""
    ids = ("WorldSim/PacManFlag-v0", "WorldSim/PacMan-v0")
    pixels = [Entry(id, "1 env, 84x84x3 pixels", "steps/s", repeat(_single(id), 1)) for id in ids]
    return pixels + _cars() if find_spec("Box2D") is not None else pixels


def _cars() -> list[Entry]:
    """The paper's cut and shrunk pictures beside Gymnasium's; the physics is the same."""
    theirs, ours = "CarRacing-v3", "WorldSim/CarRacing-v0"
    return [
        Entry(theirs, "1 env, 96x96x3 pixels", "steps/s", repeat(_single(theirs), 1)),
        Entry(ours, "1 env, 64x64x3 pixels", "steps/s", repeat(_single(ours), 1), theirs),
    ]


def _vector(id: str, rows: int) -> Callable[[], object]:
    env = gym.make_vec(id, num_envs=rows)
    env.reset(seed=0)
    return _acting(env, rows, int(env.single_action_space.n))  # type: ignore[attr-defined]


def _ale(rows: int, threads: int) -> Callable[[], object]:
    import ale_py

    gym.register_envs(ale_py)
    env = gym.make_vec(_ALE, num_envs=rows, num_threads=threads)
    env.reset(seed=0)
    return _acting(env, rows, int(env.single_action_space.n))  # type: ignore[attr-defined]


def _acting(env: gym.vector.VectorEnv, rows: int, actions: int) -> Callable[[], object]:
    drawn = cycle(np.random.default_rng(0).integers(0, actions, (61, rows)))
    return lambda: env.step(next(drawn))


def _single(id: str) -> Callable[[], object]:
    env = gym.make(id)
    env.reset(seed=0)
    env.action_space.seed(0)
    drawn = cycle([env.action_space.sample() for _ in range(997)])

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(next(drawn))
        if terminated or truncated:
            env.reset()

    return step
