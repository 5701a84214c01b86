"""worldsim/heap.py: pages are cleared once, not at each allocation."""

from __future__ import annotations

import subprocess
import sys

import pytest

from worldsim.heap import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from worldsim.heap import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(1 << 24)  # 128 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    np.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_is_not_handed_back() -> None:
    if not keep_freed_memory():
        pytest.skip("this C library has no mallopt")
    assert faults("keep") < 0.1 * faults("hand back")
