"""Games that are processes of their own, for tests of who ends them; nothing here is slow to import."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path


class Engine:
    """A process of its own, as some games have; a file in ``folder`` has its number."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (Path(folder) / str(self.process.pid)).touch()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def running(folder: Path) -> list[int]:
    """The engines that are not over within ten seconds."""
    engines, deadline = [int(path.name) for path in folder.iterdir()], time.monotonic() + 10
    assert engines
    while engines and time.monotonic() < deadline:
        engines = [number for number in engines if Path(f"/proc/{number}").exists()]
        time.sleep(0.05)
    return engines
