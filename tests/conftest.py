"""One thread, no window, no sound, no network: for every test, and for the programs that tests start."""

from __future__ import annotations

import os

# Before anything imports torch or pygame. On two busy cores one batch-1 step took 0.6 ms with one thread and 9.9 ms
# with two.
os.environ.update(
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    SDL_VIDEODRIVER="dummy",
    SDL_AUDIODRIVER="dummy",
    PYGAME_HIDE_SUPPORT_PROMPT="1",
    HF_HUB_OFFLINE="1",
)

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
Shell = Callable[..., subprocess.CompletedProcess[str]]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun behind a shell's &: what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Untrained networks are the same in every run, whichever tests are run."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """A connection to another machine is a mistake of the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if self.family in (socket.AF_INET, socket.AF_INET6) and host not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests do not use the network, got a connection to {host}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """``shell("record", "--help")``: the real command line in a process of its own, in an empty folder."""

    def run(*args: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "worldsim", *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run
