"""SIGTERM (kill, a cluster's scheduler, docker stop) made to mean what Ctrl-C means."""

from __future__ import annotations

import os
import signal
from typing import Any


def leave(number: int, frame: Any) -> None:
    """A worker's answer to SIGTERM: out through every ``finally``, so that a game that is a process ends, too.

    Another SIGTERM, of a parent that was told as well, would stop that; a game that does not close gets ten seconds.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.alarm(10)
    raise SystemExit(128 + number)


def end_like_ctrl_c() -> None:
    """From now on SIGTERM is like Ctrl-C in this process: what runs saves, and games are closed."""
    program = os.getpid()

    def end(number: int, frame: Any) -> None:
        if (
            os.getpid() != program
        ):  # a worker that was forked off and ignores Ctrl-C: its parent means it, or all are meant
            leave(number, frame)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun behind a shell's &
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, end)
