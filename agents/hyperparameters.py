"""Hyperparameters: what each algorithm starts from on vectors and on images, and what a user writes as key=value."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from gymnasium import Space
from gymnasium.spaces import Dict

from worldsim.agents.agent import algorithm
from worldsim.agents.seat import is_image
from worldsim.errors import BadInput

VECTORS: dict[str, dict[str, Any]] = {
    "ppo": {
        # Short games, many rows: chosen in pilots of training in a dream of a 40-step game.
        "learning_rate": 5e-4,
        "n_steps": 32,
        "batch_size": 512,
        "n_epochs": 4,
        "gamma": 0.97,
        "ent_coef": 0.01,
        "policy_kwargs": {"net_arch": [128, 128]},
    },
    "a2c": {"n_steps": 8, "gamma": 0.97, "ent_coef": 0.01, "policy_kwargs": {"net_arch": [128, 128]}},
    "dqn": {
        "learning_starts": 1000,
        "buffer_size": 100_000,
        "train_freq": 1,
        "policy_kwargs": {"net_arch": [128, 128]},
    },
    "sac": {"learning_starts": 1000, "buffer_size": 100_000, "gradient_steps": -1},
    "td3": {"learning_starts": 1000, "buffer_size": 100_000, "gradient_steps": -1, "action_noise": 0.1},
    "ddpg": {"learning_starts": 1000, "buffer_size": 100_000, "gradient_steps": -1, "action_noise": 0.1},
}
"""What differs from Stable-Baselines3's defaults where observations are vectors. ``action_noise`` is the standard
deviation of normal noise; ``gradient_steps`` -1 makes one update per environment step."""

IMAGES: dict[str, dict[str, Any]] = {
    "ppo": {  # what is usual on Atari
        "learning_rate": 2.5e-4,
        "n_steps": 64,
        "batch_size": 512,
        "n_epochs": 4,
        "clip_range": 0.1,
        "ent_coef": 0.01,
    },
    "a2c": {"ent_coef": 0.01},
    "dqn": {"learning_starts": 1000, "buffer_size": 20_000},  # 84x84x3 frames, twice: 0.85 GB
    "sac": {"learning_starts": 1000, "buffer_size": 20_000, "gradient_steps": -1},
    "td3": {"learning_starts": 1000, "buffer_size": 20_000, "gradient_steps": -1, "action_noise": 0.1},
    "ddpg": {"learning_starts": 1000, "buffer_size": 20_000, "gradient_steps": -1, "action_noise": 0.1},
}
"""What differs from Stable-Baselines3's defaults where observations are images."""

ROWS = {"ppo": (128, 32), "a2c": (64, 16)}
"""Rows by algorithm, on vectors and on images."""
OTHER_ROWS = (8, 4)
SMALLEST_IMAGE = 36
"""Pixels that the convolutions of CnnPolicy need on both sides; smaller images go to an MlpPolicy."""


def default_policy(space: Space[Any]) -> str:
    """Stable-Baselines3's name of the kind of policy that fits the observations."""
    if isinstance(space, Dict):
        return "MultiInputPolicy"
    large = is_image(space) and sorted(space.shape or ())[1] >= SMALLEST_IMAGE
    return "CnnPolicy" if large else "MlpPolicy"


def default_rows(algo: str, image: bool) -> int:
    """How many rows an algorithm learns from at once."""
    return ROWS.get(algo, OTHER_ROWS)[image]


def complete(algo: str, space: Space[Any], given: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Defaults, overridden by what was given; ``net_arch`` alone is short for it within ``policy_kwargs``.

    Raises:
        BadInput: the algorithm has no such hyperparameter.
    """
    chosen = deepcopy((IMAGES if is_image(space) else VECTORS).get(algo, {}))
    known = set(inspect.signature(algorithm(algo).__init__).parameters) - {"self", "policy", "env", "_init_setup_model"}
    for name, value in given.items():
        if name == "net_arch":
            value = [value] if isinstance(value, int) else list(value)
            chosen["policy_kwargs"] = {**chosen.get("policy_kwargs", {}), "net_arch": value}
        elif name in known:
            chosen[name] = value
        else:
            raise BadInput(f"{algo} has no hyperparameter {name!r}; it has net_arch, {', '.join(sorted(known))}")
    if algo == "ppo" and "batch_size" not in given and isinstance(chosen["n_steps"], int):
        chosen["batch_size"] = min(chosen["batch_size"], chosen["n_steps"] * rows)  # no larger than what is collected
    return chosen


def parse(words: Sequence[str]) -> dict[str, Any]:
    """``["learning_rate=3e-4", "net_arch=64,64"]`` as a dictionary: numbers, tuples, dictionaries, else text."""
    chosen: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise BadInput(f"a hyperparameter is written name=value, such as learning_rate=3e-4, got {word!r}")
        try:
            chosen[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            chosen[name] = text
    return chosen
