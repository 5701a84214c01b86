"""SIGTERM (kill, a cluster's scheduler, docker stop) made to mean what Ctrl-C means."""

from __future__ import annotations

import os
import signal
from typing import Any


def end_like_ctrl_c() -> None:
    """From now on SIGTERM is like Ctrl-C in this process: what runs saves, and games are closed."""
    program = os.getpid()

    def end(number: int, frame: Any) -> None:
        if os.getpid() != program:  # a worker that was forked off and ignores Ctrl-C: its parent means it
            os._exit(128 + number)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun behind a shell's &
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, end)
