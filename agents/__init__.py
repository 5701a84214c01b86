"""Agents: policies, training, evaluation in reality. Names are resolved on first use, because they bring torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worldsim.agents.actor import actor_of as actor_of
    from worldsim.agents.agent import Agent as Agent
    from worldsim.agents.agent import load_agent as load_agent
    from worldsim.agents.cma import train_cma as train_cma
    from worldsim.agents.evaluation import evaluate as evaluate
    from worldsim.agents.linear import LinearConfig as LinearConfig
    from worldsim.agents.linear import LinearController as LinearController
    from worldsim.agents.sb3 import SB3VecEnv as SB3VecEnv
    from worldsim.agents.score import Score as Score
    from worldsim.agents.seat import Seat as Seat
    from worldsim.agents.training import train_agent as train_agent

_LAZY = {
    "Agent": "worldsim.agents.agent",
    "LinearConfig": "worldsim.agents.linear",
    "LinearController": "worldsim.agents.linear",
    "SB3VecEnv": "worldsim.agents.sb3",
    "Score": "worldsim.agents.score",
    "Seat": "worldsim.agents.seat",
    "actor_of": "worldsim.agents.actor",
    "evaluate": "worldsim.agents.evaluation",
    "load_agent": "worldsim.agents.agent",
    "train_agent": "worldsim.agents.training",
    "train_cma": "worldsim.agents.cma",
}
__all__ = [*_LAZY]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'worldsim.agents' has no attribute {name!r}")
