"""Work for worker processes; nothing here is slow to import."""

from __future__ import annotations

import os
import time

from tests.engines import Engine


class Doubler:
    """Doubles numbers, says in which process, and can be made to fail, to die or to be slow."""

    def __call__(self, number: int) -> tuple[int, int]:
        if number == -1:
            raise ValueError("no number below 0")
        if number == -2:
            os._exit(3)
        time.sleep(0.02)
        return 2 * number, os.getpid()


class Owner:
    """Has a process of its own."""

    def __init__(self, folder: str) -> None:
        self.engine = Engine(folder)

    def __call__(self) -> int:
        return os.getpid()

    def close(self) -> None:
        self.engine.close()


class Broken:
    """Cannot even be made."""

    def __init__(self) -> None:
        raise OSError("no such game")
