"""Worker processes: results in order; who dies or fails is named, and nobody waits for them."""

from __future__ import annotations

import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gymnasium.error import DependencyNotInstalled

from tests.agents.jobs import Broken, Doubler, Owner
from tests.engines import running
from worldsim.agents.ray_workers import RayWorkers
from worldsim.agents.workers import Alone, Workers
from worldsim.errors import BadInput, WorkerDied


def test_results_come_in_order_from_several_processes() -> None:
    with Workers(2, Doubler) as workers:
        results = workers.map([(i,) for i in range(8)])
        assert [doubled for doubled, _ in results] == list(range(0, 16, 2))
        assert len({process for _, process in results}) == 2
        with pytest.raises(WorkerDied, match=r"worker \d of 2 died at job 1 \(exit code 3\)"):
            workers.map([(1,), (-2,), (3,)])
    assert not any(process.is_alive() for process in workers.processes)


def test_work_that_fails_says_why() -> None:
    with (
        Workers(1, Doubler) as workers,
        pytest.raises(WorkerDied, match="worker 0 of 1 failed at job 0: ValueError: no number"),
    ):
        workers.map([(-1,)])
    with Workers(1, Broken) as workers, pytest.raises(WorkerDied, match="OSError: no such game"):
        workers.map([(1,)])
    assert Alone(Doubler).map([(4,), (5,)])[1][0] == 10


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("sent", [False, True])
def test_what_a_worker_made_is_closed_also_after_a_sigterm(sent: bool, tmp_path: Path) -> None:
    with Workers(1, partial(Owner, str(tmp_path))) as workers:
        assert workers.map([()]) == [workers.processes[0].pid]
        if sent:
            workers.processes[0].terminate()
    assert running(tmp_path) == []


def test_ray_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for Ray, which is no dependency (test_ray.py has the real one)."""

    class Remote:
        def __init__(self, function: Any) -> None:
            self.remote = function

    class Actor:
        def __init__(self, cls: Any, *args: Any) -> None:
            mine = cls(*args)
            self.run = Remote(lambda job: lambda: mine.run(job))

    def get(promise: Any) -> Any:
        fine, result = promise()
        if fine and result[0] == 14:
            raise RuntimeError("The actor died.\nAdvice.")
        return fine, result

    ray = types.ModuleType("ray")
    ray.init = lambda address, ignore_reinit_error: None  # type: ignore[attr-defined]
    ray.shutdown = lambda: None  # type: ignore[attr-defined]
    ray.cluster_resources = lambda: {"CPU": 3.0}  # type: ignore[attr-defined]
    ray.remote = lambda num_cpus: lambda cls: Remote(lambda *args: Actor(cls, *args))  # type: ignore[attr-defined]
    ray.wait = lambda promises: (promises[-1:], promises[:-1])  # type: ignore[attr-defined]
    ray.get = get  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    workers = RayWorkers(3, Doubler, "auto")
    assert [doubled for doubled, _ in workers.map([(i,) for i in range(7)])] == list(range(0, 14, 2))
    with pytest.raises(WorkerDied, match=r"Ray worker \d of 3 failed at job 1: ValueError: no number below 0"):
        workers.map([(1,), (-1,), (2,)])
    with pytest.raises(WorkerDied, match=r"Ray worker \d of 3 died at job 0: The actor died; what was saved is kept"):
        workers.map([(7,)])
    workers.close()
    with pytest.raises(WorkerDied, match="OSError: no such game"):
        RayWorkers(1, Broken, "auto").map([(1,)])
    with pytest.raises(BadInput, match="4 workers need as many CPUs, the Ray cluster at auto has 3"):
        RayWorkers(4, Doubler, "auto")
    with pytest.raises(BadInput, match="no Ray cluster answers at 127.0.0.1:1; start one with ray start --head"):
        RayWorkers(1, Doubler, "127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyNotInstalled, match="pip install ray"):
        RayWorkers(1, Doubler, "auto")
