"""Workers: processes that do jobs; one that dies or fails ends the run with a line that names it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from worldsim.errors import WorkerDied
from worldsim.sigterm import leave

Work = Callable[..., Any]
Told = Callable[[int, Any], None]
"""Told of every result as it comes, with the number of its job."""
Make = Callable[[], Work]
"""Makes what does the jobs; called in the process that does them, so it must pickle (a `functools.partial` does)."""

GOES_ON = "what was saved is kept, the same command goes on from there"


class Alone:
    """No processes: jobs are done here, one after another."""

    def __init__(self, make: Make) -> None:
        self._work = make()

    def map(self, jobs: Sequence[tuple[Any, ...]], told: Told | None = None) -> list[Any]:
        """The results in the jobs' order."""
        results = []
        for number, job in enumerate(jobs):
            results.append(self._work(*job))
            if told is not None:
                told(number, results[-1])
        return results

    def close(self) -> None:
        """Close what was made."""
        _close(self._work)


class Workers:
    """``count`` processes, each with a ``make()`` of its own; a context manager.

    Raises:
        WorkerDied: from `map`, when a process died or its work raised: which one, and why.
    """

    def __init__(self, count: int, make: Make) -> None:
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self.processes: list[Any] = []
        self._pipes: list[Connection] = []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, make), name=f"worldsim-{number}", daemon=True)
            process.start()
            theirs.close()  # so that a dead process shows as the end of the pipe
            self.processes.append(process)
            self._pipes.append(ours)

    def map(self, jobs: Sequence[tuple[Any, ...]], told: Told | None = None) -> list[Any]:
        """The results in the jobs' order; each process takes the next job when it is done with one."""
        results: list[Any] = [None] * len(jobs)
        todo, busy = iter(enumerate(jobs)), dict[int, int]()  # worker -> job
        for worker in range(len(self._pipes)):
            self._give(worker, todo, busy)
        while busy:
            for pipe in wait([self._pipes[worker] for worker in busy]):
                worker = next(number for number, mine in enumerate(self._pipes) if mine is pipe)
                try:
                    fine, result = self._pipes[worker].recv()
                except (EOFError, ConnectionResetError):
                    raise self._died(worker, busy[worker]) from None
                if not fine:
                    raise WorkerDied(f"worker {worker} of {len(self._pipes)} failed at job {busy[worker]}: {result}")
                done = busy.pop(worker)
                results[done] = result
                self._give(worker, todo, busy)
                if told is not None:
                    told(done, result)
        return results

    def _give(self, worker: int, todo: Any, busy: dict[int, int]) -> None:
        job = next(todo, None)
        if job is None:
            return
        busy[worker] = job[0]
        try:
            self._pipes[worker].send(job[1])
        except (BrokenPipeError, ConnectionResetError):
            raise self._died(worker, job[0]) from None

    def _died(self, worker: int, job: int) -> WorkerDied:
        self.processes[worker].join(5)
        code = self.processes[worker].exitcode
        return WorkerDied(f"worker {worker} of {len(self._pipes)} died at job {job} (exit code {code}); {GOES_ON}")

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self.processes:
            process.join(2)
            if process.is_alive():
                process.terminate()

    def __enter__(self) -> Workers:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the processes."""
        self.close()


def reason(error: Exception) -> str:
    """What happened, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _close(work: Any) -> None:
    if callable(close := getattr(work, "close", None)):
        close()


def _serve(pipe: Connection, make: Make) -> None:
    """One process: jobs in, results out, until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that saves
    signal.signal(signal.SIGTERM, leave)
    work: Any = None
    try:
        work = make()
        while True:
            job = pipe.recv()
            pipe.send((True, work(*job)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:  # whatever it is, the run must end with it
        pipe.send((False, reason(error)))
    finally:
        _close(work)
