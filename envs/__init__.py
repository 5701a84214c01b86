"""Environments: real ones (no torch) and dreamed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worldsim.envs.frame import FrameEnv as FrameEnv

__all__ = ["FrameEnv"]


def __getattr__(name: str) -> Any:
    if name == "FrameEnv":
        from worldsim.envs.frame import FrameEnv

        return FrameEnv
    raise AttributeError(f"module 'worldsim.envs' has no attribute {name!r}")
