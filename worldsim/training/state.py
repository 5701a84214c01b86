"""The file that a training run leaves behind and goes on from: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from worldsim.errors import BadInput
from worldsim.training.config import FitConfig


def save_state(path: Path, content: dict[str, Any]) -> None:
    """Write to a temporary name, then rename: whatever happens meanwhile, ``path`` is the old or the new state."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        temporary.unlink(missing_ok=True)
        raise error if isinstance(error, OSError) else OSError(str(error).splitlines()[0]) from error


def load_state(path: Path, config: FitConfig, device: torch.device) -> dict[str, Any]:
    """What `save_state` wrote, if ``config`` goes on with the same run."""
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        step, saved = int(content["step"]), dict(content["config"])
    except OSError:
        raise
    except Exception as error:  # torch raises many types for a file that is not its own
        raise BadInput(
            f"{path} is not a checkpoint of fit(), or is damaged ({type(error).__name__}); delete it or choose "
            "another folder"
        ) from error
    if differences := config.differences(saved):
        raise BadInput(
            f"{path.parent} holds a run with other settings: {'; '.join(differences)}; repeat those to go on, or "
            "choose another folder"
        )
    if step > config.steps:
        raise BadInput(
            f"{path.parent} holds a run of {step:,} steps, more than the {config.steps:,} asked for; choose another "
            "folder"
        )
    return content
