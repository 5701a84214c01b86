"""Provenance: where a world comes from, for its config.json and its card."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from gymnasium.envs.registration import load_env_creator

from worldsim.data.recording import Recording


def provenance(recording: Recording, **more: Any) -> dict[str, Any]:
    """What is known of a recording and of this installation, then ``more`` (steps, seconds, seed, losses...)."""
    return {
        "env_id": recording.env_id,
        "env_kwargs": recording.env_kwargs,
        "frames": recording.num_frames,
        "episodes": len(recording),
        "policy": recording.policy,
        "recording_seed": recording.about.seed,
        "render_fps": _render_fps(recording.env_id),
        **more,
        "date": datetime.now(UTC).date().isoformat(),
        "worldsim": _version("worldsim-rl"),
        "torch": str(torch.__version__),
        "commit": _commit(),
    }


def _render_fps(env_id: str) -> int:
    """The pace at which a person can play the real environment; 30 where it does not say."""
    try:
        entry = gym.spec(env_id).entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
        metadata = getattr(creator, "metadata", {})
        return int(metadata.get("render_fps", 30)) if isinstance(metadata, dict) else 30  # a wrapper's is a property
    except (gym.error.Error, ImportError):
        return 30


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "source"


def _commit() -> str:
    """The checkout's commit, or "" outside one."""
    here = Path(__file__).resolve().parents[1]
    if not (here / ".git").exists():
        return ""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    return done.stdout.strip()
