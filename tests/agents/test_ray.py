"""CMA-ES over a real Ray cluster of this machine alone: the curve of worker processes, and an actor that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.agents.jobs import Broken, Doubler
from worldsim.agents.ray_workers import RayWorkers
from worldsim.errors import BadInput, WorkerDied

ray = pytest.importorskip("ray", reason="pip install ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[str]:
    """Two CPUs' worth of Ray in processes of this machine."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield "auto"
    ray.shutdown()


def test_jobs_on_a_cluster(cluster: str) -> None:
    workers = RayWorkers(2, Doubler, cluster)
    results = workers.map([(i,) for i in range(8)])
    assert [doubled for doubled, _ in results] == list(range(0, 16, 2))
    processes = {process for _, process in results}
    assert os.getpid() not in processes
    with pytest.raises(WorkerDied, match=r"Ray worker \d of 2 failed at job 1: ValueError: no number below 0"):
        workers.map([(1,), (-1,), (2,)])
    for process in processes:
        os.kill(process, signal.SIGKILL)
    with pytest.raises(WorkerDied, match=r"Ray worker \d of 2 died at job \d: The actor died unexpectedly"):
        workers.map([(1,), (2,)])


def test_what_it_refuses(cluster: str) -> None:
    with pytest.raises(WorkerDied, match="OSError: no such game"):
        RayWorkers(1, Broken, cluster).map([(1,)])
    with pytest.raises(BadInput, match="3 workers need as many CPUs, the Ray cluster at auto has 2"):
        RayWorkers(3, Doubler, cluster)


def test_where_there_is_none() -> None:
    with pytest.raises(BadInput, match="no Ray cluster answers at auto; start one with ray start --head"):
        RayWorkers(1, Doubler, "auto")
