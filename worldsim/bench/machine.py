"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from worldsim import __version__

_FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "neon", "bf16")  # what torch has kernels for


@dataclass(frozen=True)
class Machine:
    """The processor, what it can do, and how much of it was used."""

    cpu: str
    cores: int
    """That this process may run on."""
    features: list[str]
    threads: int
    """Of torch, and of what else was told a number of threads."""
    load: float
    """Processes that wanted to run in the minute before, others' included."""
    torch: str
    python: str
    worldsim: str

    def __str__(self) -> str:
        busy = f"; load {self.load:.1f} before the first row" if self.load else ""
        return (
            f"{self.cpu}, {_count(self.cores, 'core')} ({', '.join(self.features) or 'no features known'}), "
            f"{_count(self.threads, 'thread')}, torch {self.torch}, python {self.python}, worldsim {self.worldsim}"
            f"{busy}"
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def this_machine(threads: int) -> Machine:
    """Where we are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    words = {line.split(":")[0].strip(): line.partition(":")[2].strip() for line in lines if ":" in line}
    flags = set(words.get("flags", words.get("Features", "")).split())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        words.get("model name") or platform.processor() or platform.machine(),
        cores,
        [name for name in _FEATURES if name in flags],
        threads,
        round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        torch.__version__,
        platform.python_version(),
        __version__,
    )
