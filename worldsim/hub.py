"""Worlds on the Hugging Face hub: the same folder, uploaded and downloaded; huggingface_hub is an extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymnasium.error import DependencyNotInstalled

from worldsim.errors import BadInput

_FILES = ["config.json", "model.safetensors", "openings.h5", "README.md"]


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise DependencyNotInstalled(
            'worlds from the hub need huggingface_hub: run `pip install "worldsim-rl[hub]"`'
        ) from None
    return huggingface_hub


def download(repo_id: str) -> Path:
    """Fetch a world (or find it in the local cache) and return its folder."""
    hub = _hub()
    try:
        return Path(hub.snapshot_download(repo_id, allow_patterns=_FILES))
    except (OSError, ValueError) as error:  # the hub's own errors are one of the two
        reason = str(error).splitlines()[0]
        raise BadInput(f"no world at hf:{repo_id} ({reason}); check the name and the network") from None


def push(folder: str | Path, repo_id: str, private: bool = False) -> str:
    """Upload a world folder and return its address; log in with the hub's own ``hf auth login`` first."""
    hub = _hub()
    if not (Path(folder) / "config.json").is_file():
        raise BadInput(f"expected a world folder with config.json, got {folder}")
    hub.create_repo(repo_id, private=private, exist_ok=True)
    return str(hub.upload_folder(folder_path=str(folder), repo_id=repo_id, allow_patterns=_FILES))
