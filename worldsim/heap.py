"""Heap: what an update frees is kept for the next one."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
_LARGEST = 2**31 - 1  # mallopt takes an int


def keep_freed_memory() -> bool:
    """Tell the C library not to hand memory back to the kernel; False where it is not glibc.

    By default large tensors are mapped anew each time and their pages cleared one by one, which took a fifth of the
    processor time of a GameGAN's updates. The process keeps its largest size instead.
    `worldsim.training.fit` and every command do this; for dreams of many rows in a program of your own, call it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST))
