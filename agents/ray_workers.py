"""RayWorkers: the same as `Workers` on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gymnasium.error import DependencyNotInstalled

from worldsim.agents.workers import Make
from worldsim.errors import WorkerDied


class RayWorkers:
    """``count`` actors of a Ray cluster; worldsim must be installed on its machines.

    Args:
        count: actors, of one CPU each.
        make: makes what does the jobs, on the machine that does them.
        address: of the cluster, "auto" for the one that this machine belongs to.

    Raises:
        DependencyNotInstalled: there is no Ray here.
        WorkerDied: from `map`, when an actor died or its work raised.
    """

    def __init__(self, count: int, make: Make, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise DependencyNotInstalled("--ray needs Ray; run pip install ray") from None
        self._ray = ray
        ray.init(address=address, ignore_reinit_error=True)
        remote = ray.remote(num_cpus=1)(_Actor)
        self._actors = [remote.remote(make) for _ in range(count)]

    def map(self, jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The results in the jobs' order; each actor takes the next job when it is done with one."""
        results: list[Any] = [None] * len(jobs)
        todo, busy = iter(enumerate(jobs)), dict[Any, tuple[int, int]]()  # promise -> (actor, job)

        def give(actor: int) -> None:
            if (job := next(todo, None)) is not None:
                busy[self._actors[actor].run.remote(job[1])] = (actor, job[0])

        for actor in range(len(self._actors)):
            give(actor)
        while busy:
            (promise, *_), _ = self._ray.wait(list(busy))
            actor, job = busy.pop(promise)
            try:
                results[job] = self._ray.get(promise)
            except Exception as error:  # Ray has many types for what an actor can suffer
                line = " ".join(str(error).split())[-300:]
                raise WorkerDied(f"Ray worker {actor} of {len(self._actors)} failed at job {job}: {line}") from None
            give(actor)
        return results

    def close(self) -> None:
        """Leave the cluster; its actors end."""
        self._ray.shutdown()


class _Actor:
    """What lives on the cluster."""

    def __init__(self, make: Make) -> None:
        self._work = make()

    def run(self, job: tuple[Any, ...]) -> Any:
        return self._work(*job)
