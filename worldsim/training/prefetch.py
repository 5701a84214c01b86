"""Prefetch: a background thread that makes the next batches while the model trains on this one."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Calls ``make(i)`` for i in [first, last) in a thread, ``depth`` ahead; `take` hands them out in order.

    An exception of ``make`` is raised by the `take` of its index. Use as a context manager: leaving stops the thread.
    """

    def __init__(self, make: Callable[[int], T], first: int, last: int, depth: int = 2) -> None:
        self._queue: Queue[tuple[T | None, BaseException | None]] = Queue(depth)
        self._stop = Event()
        self._thread = Thread(target=self._work, args=(make, first, last), name="worldsim-prefetch", daemon=True)

    def __enter__(self) -> Prefetch[T]:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the thread; a batch that is being made is finished first."""
        self._stop.set()
        self._thread.join()

    def take(self, timeout: float | None = None) -> T | None:
        """The next batch, or None if it was not ready within ``timeout`` seconds."""
        try:
            item, error = self._queue.get(timeout=timeout)
        except Empty:
            return None
        if error is not None:
            raise error
        return item

    def _work(self, make: Callable[[int], T], first: int, last: int) -> None:
        for index in range(first, last):
            try:
                made: tuple[T | None, BaseException | None] = (make(index), None)
            except BaseException as error:  # handed to the thread that asks for this batch
                made = (None, error)
            while not self._stop.is_set():
                try:
                    self._queue.put(made, timeout=0.1)
                    break
                except Full:
                    continue
            if self._stop.is_set() or made[1] is not None:
                return
