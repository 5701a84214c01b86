"""The processes of a training run, one per device: launch() starts them, in_first() does in one what all need."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from pathlib import Path

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


def in_first(write: Callable[[], object], path: Path) -> None:
    """Make sure that ``path`` is there: the first process writes it while the others wait.

    A machine that does not share the first one's disk writes its own.
    """
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    if (not several or torch.distributed.get_rank() == 0) and not path.is_file():
        write()
    if several:
        torch.distributed.barrier()
    if not path.is_file():
        write()


def _leave() -> None:
    """Gloo's threads must end before the interpreter does."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
