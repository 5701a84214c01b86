from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from worldsim.agents.agent import algorithms
from worldsim.agents.hyperparameters import IMAGES, VECTORS, complete, default_policy, parse
from worldsim.errors import BadInput

VECTOR, IMAGE = Box(-1, 1, (4,)), Box(0, 255, (84, 84, 3), np.uint8)


def test_words_become_values():
    words = ["learning_rate=3e-4", "net_arch=64,64", "n_steps=8", "ent_coef=auto", "policy_kwargs={'net_arch': [8]}"]
    assert parse(words) == {
        "learning_rate": 3e-4,
        "net_arch": (64, 64),
        "n_steps": 8,
        "ent_coef": "auto",
        "policy_kwargs": {"net_arch": [8]},
    }
    for wrong in ("learning_rate", "=3"):
        with pytest.raises(BadInput, match="name=value"):
            parse([wrong])


def test_the_defaults_exist_in_their_algorithms():
    for table, space in ((VECTORS, VECTOR), (IMAGES, IMAGE)):
        for algo, settings in table.items():
            assert algo in algorithms()
            assert complete(algo, space, settings, rows=128) == settings


def test_what_is_given_wins_and_a_batch_is_no_larger_than_a_rollout():
    chosen = complete("ppo", VECTOR, {"net_arch": 32, "gamma": 0.5}, rows=4)
    assert chosen["policy_kwargs"] == {"net_arch": [32]}
    assert chosen["gamma"] == 0.5
    assert chosen["batch_size"] == 4 * chosen["n_steps"]
    assert complete("ppo", VECTOR, {}, rows=128)["batch_size"] == 512
    assert VECTORS["ppo"]["policy_kwargs"] == {"net_arch": [128, 128]}


def test_policies_by_observations():
    assert default_policy(VECTOR) == "MlpPolicy"
    assert default_policy(IMAGE) == "CnnPolicy"
    assert default_policy(Box(0, 255, (16, 84, 3), np.uint8)) == "MlpPolicy"
    assert default_policy(Box(0, 1, (84, 84, 3), np.uint8)) == "MlpPolicy"  # a grid
    assert default_policy(Dict({"x": Discrete(3)})) == "MultiInputPolicy"
