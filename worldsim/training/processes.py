"""launch(): the processes of a training run, one per device."""

from __future__ import annotations

import atexit
import logging

import torch
from lightning_fabric import Fabric

from worldsim.errors import BadInput
from worldsim.training.config import FitConfig


def launch(config: FitConfig) -> Fabric:
    """Start the other processes, if any, and connect to them.

    Each runs the whole calling program again, from its first line, unless torchrun or Slurm started it already.
    """
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    found = torch.cuda.device_count()
    if device == "cuda" and config.devices > found:
        raise BadInput(f"asked for {config.devices} CUDA device(s), but torch sees {found}; use device cpu, or fewer")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces every process in four lines
    fabric = Fabric(
        accelerator=device,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy="ddp" if config.devices * config.nodes > 1 else "auto",
        precision=config.precision,
    )
    fabric.launch()
    if fabric.world_size > 1:
        atexit.register(_leave)
    return fabric


def _leave() -> None:
    """Gloo's threads must end before the interpreter does."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
