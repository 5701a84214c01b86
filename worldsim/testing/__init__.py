"""Checkers for your own worlds and environments: each raises AssertionError, saying what was most likely done wrong.

Example:
    >>> import gymnasium as gym, worldsim
    >>> from worldsim.testing import check_vector_env
    >>> check_vector_env(gym.make_vec("WorldSim/PacManFlag-v0", num_envs=3))
"""

from __future__ import annotations

from worldsim.testing.vector_env import check_vector_env
from worldsim.testing.world_model import check_world_model

__all__ = ["check_vector_env", "check_world_model"]
