"""RayWorkers: the same as `Workers` on the machines of a Ray cluster."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from gymnasium.error import DependencyNotInstalled

from worldsim.agents.workers import GOES_ON, Make, Work, reason
from worldsim.errors import BadInput, WorkerDied

_PATIENCE = 10  # seconds


class RayWorkers:
    """``count`` actors of a Ray cluster; worldsim must be installed on its machines.

    Args:
        count: actors, of one CPU each.
        make: makes what does the jobs, on the machine that does them.
        address: of the cluster, "auto" for the one that this machine belongs to.

    Raises:
        DependencyNotInstalled: there is no Ray here.
        BadInput: no cluster at that address, or one with fewer CPUs (its actors would wait for ever).
        WorkerDied: from `map`, when an actor died or its work raised.
    """

    def __init__(self, count: int, make: Make, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise DependencyNotInstalled("--ray needs Ray; run pip install ray") from None
        self._ray = ray
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if host and port.isdigit():  # Ray itself knocks for minutes
                socket.create_connection((host, int(port)), _PATIENCE).close()
            ray.init(address=address, ignore_reinit_error=True)
        except OSError:
            raise BadInput(f"no Ray cluster answers at {address}; start one with ray start --head") from None
        if (cpus := int(ray.cluster_resources().get("CPU", 0))) < count:
            ray.shutdown()
            raise BadInput(f"{count} workers need as many CPUs, the Ray cluster at {address} has {cpus}")
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
            who = f"Ray worker {actor} of {len(self._actors)}"
            try:
                fine, result = self._ray.get(promise)
            except Exception as error:  # Ray has many types for what an actor can suffer, and pages of advice
                line = next(iter(str(error).splitlines()), type(error).__name__)
                raise WorkerDied(f"{who} died at job {job}: {line.rstrip('.')}; {GOES_ON}") from None
            if not fine:
                raise WorkerDied(f"{who} failed at job {job}: {result}")
            results[job] = result
            give(actor)
        return results

    def close(self) -> None:
        """Leave the cluster; its actors end."""
        self._ray.shutdown()


class _Actor:
    """What lives on the cluster; it makes its work with the first job, so that a failure there is told as any other."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._work: Work | None = None

    def run(self, job: tuple[Any, ...]) -> tuple[bool, Any]:
        try:
            if self._work is None:
                self._work = self._make()
            return True, self._work(*job)
        except Exception as error:  # whatever it is, the run must end with it
            return False, reason(error)
