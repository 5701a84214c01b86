"""fit(): a run that is interrupted in any way goes on along the same curve; several processes follow one."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.toys import Regression, Slopes, config, curve, rows_at
from worldsim.errors import BadInput, Stopped
from worldsim.training import fit

ROOT = Path(__file__).resolve().parents[2]


def program(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a Python file in a process of its own."""
    path = folder / "program.py"
    path.write_text(body)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=120)


NOISY = {"steps": 60, "ema": 0.9, "clip_norm": 1.0, "warmup": 5, "schedule": "exponential"}


def test_killed_and_started_again_it_follows_the_same_curve(tmp_path: Path) -> None:
    whole = Regression(dropout=0.3, noise=0.5)
    fit(whole, rows_at, config(**NOISY), tmp_path / "whole")
    # Kill -9 once the log is past the last checkpoint (30) and in the middle of a log line's steps.
    done = program(
        tmp_path,
        f"""
import os, signal, time
from pathlib import Path
from tests.toys import Regression, rows_at
from worldsim.training import FitConfig, fit
out = Path({str(tmp_path / "killed")!r})

def batch_at(step, rank, world_size):
    while step == 36 and '"step": 33' not in (out / "train.jsonl").read_text():
        time.sleep(0.01)
    if step == 36:
        os.kill(os.getpid(), signal.SIGKILL)
    return rows_at(step)

config = FitConfig(**{config(**NOISY)!r}.__dict__)
fit(Regression(dropout=0.3, noise=0.5), batch_at, config, out)
""",
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert curve(tmp_path / "killed")[-1]["step"] >= 33
    (tmp_path / "killed" / "train.jsonl").open("a").write('{"step": 36, "lo')  # and the kill cut a line in two
    again = Regression(dropout=0.3, noise=0.5, seed=9)
    asked = []
    result = fit(again, lambda step, *_: asked.append(step) or rows_at(step), config(**NOISY), tmp_path / "killed")
    assert asked[0] == 30
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert torch.equal(again.layer.weight, whole.layer.weight)
    assert result.logs["loss"] == curve(tmp_path / "whole")[-1]["loss"]


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    whole = Regression(noise=0.5)
    fit(whole, rows_at, config(), tmp_path / "whole")
    handler = signal.getsignal(signal.SIGINT)

    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 17:
            os.kill(os.getpid(), signal.SIGINT)
        return rows_at(step)

    stopped = Regression(noise=0.5)
    with pytest.raises(Stopped, match=r"stopped after 1\d of 40 steps; .*train\.pt keeps them all: run the same"):
        fit(stopped, batch_at, config(), tmp_path / "stopped")
    assert signal.getsignal(signal.SIGINT) is handler
    fit(stopped, rows_at, config(), tmp_path / "stopped")
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    assert torch.equal(stopped.layer.weight, whole.layer.weight)


def test_ctrl_c_is_heard_while_a_batch_is_slow(tmp_path: Path) -> None:
    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 5:
            while '"step": 5' not in (tmp_path / "train.jsonl").read_text():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):  # ends as soon as the loop has saved itself
                if (tmp_path / "train.pt").exists():
                    break
                time.sleep(0.05)
        return rows_at(step)

    start = time.monotonic()
    with pytest.raises(Stopped, match="stopped after 5 of 40"):
        fit(Regression(), batch_at, config(log_every=1), tmp_path)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, {"learning_rate": 0.5}, "learning_rate was 0.001, now 0.5; repeat"),
        ({}, {"seed": 1, "ema": 0.5}, "ema was 0.0, now 0.5; seed was 0, now 1"),
        ({"schedule": "cosine"}, {"schedule": "cosine", "steps": 50}, "steps was 40, now 50"),
        ({}, {"steps": 20}, "a run of 40 steps, more than the 20 asked for"),
    ],
)
def test_refuses_to_go_on_with_other_settings(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], message: str
) -> None:
    fit(Regression(), rows_at, config(**before), tmp_path)
    with pytest.raises(BadInput, match=message) as refused:
        fit(Regression(), rows_at, config(**after), tmp_path)
    assert "\n" not in str(refused.value)


def test_a_run_from_before_a_field_was_there_had_its_default(tmp_path: Path) -> None:
    old = config().to_json()
    del old["schedules"], old["seed"]
    assert config().differences(old) == []
    assert config(seed=3, schedules={"model": "cosine"}).differences(old) == [
        "schedules was {}, now {'model': 'cosine'}",
        "seed was 0, now 3",
    ]


def test_more_steps_and_other_reports_go_on(tmp_path: Path) -> None:
    fit(Regression(noise=1.0), rows_at, config(steps=60), tmp_path / "whole")
    fit(Regression(noise=1.0), rows_at, config(steps=30, sample_every=7), tmp_path / "longer")
    fit(Regression(noise=1.0), rows_at, config(steps=60, checkpoint_every=25, threads=1), tmp_path / "longer")
    assert curve(tmp_path / "longer") == curve(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["truncated", "foreign", "other model"])
def test_refuses_a_file_that_is_not_its_own(tmp_path: Path, damage: str) -> None:
    fit(Regression(), rows_at, config(), tmp_path)
    path = tmp_path / "train.pt"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    objective = Slopes() if damage == "other model" else Regression()
    reason = "holds another model" if damage == "other model" else r"is not a checkpoint of fit\(\), or is damaged"
    with pytest.raises(BadInput, match=rf"train.pt {reason}.*choose another folder") as refused:
        fit(objective, rows_at, config(), tmp_path)
    assert "\n" not in str(refused.value)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Writing more fails, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_stops_the_log_in_one_line(tmp_path: Path) -> None:
    fit(Regression(noise=0.5), rows_at, config(log_every=1), tmp_path / "whole")
    with files_up_to(2_000), pytest.raises(OSError, match=r"could not write the log \(.*no checkpoint yet") as failed:
        fit(Regression(noise=0.5), rows_at, config(log_every=1, checkpoint_every=40), tmp_path / "full")
    assert "\n" not in str(failed.value)
    fit(Regression(noise=0.5), rows_at, config(log_every=1), tmp_path / "full")
    assert curve(tmp_path / "full") == curve(tmp_path / "whole")


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path) -> None:
    class Big(Regression):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("ballast", torch.zeros(200_000))

    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return rows_at(step)

    with pytest.raises(Stopped):
        fit(Big(), batch_at, config(), tmp_path)
    before = (tmp_path / "train.pt").read_bytes()
    with (
        files_up_to(300_000),
        pytest.raises(
            OSError, match=r"could not write .*train.pt \(.*previous checkpoint is intact: make room"
        ) as failed,
    ):
        fit(Big(), rows_at, config(), tmp_path)
    assert "\n" not in str(failed.value)
    assert (tmp_path / "train.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    assert fit(Big(), rows_at, config(), tmp_path).steps == 40


def test_a_finished_run_returns_at_once_with_its_weights(tmp_path: Path) -> None:
    first = Regression()
    result = fit(first, rows_at, config(ema=0.5), tmp_path)
    second = Regression(seed=3)
    again = fit(second, lambda *_: pytest.fail("asked for a batch"), config(ema=0.5), tmp_path)
    assert torch.equal(second.layer.weight, first.layer.weight)
    assert (again.steps, again.seconds, again.logs) == (result.steps, result.seconds, result.logs)


def test_a_batch_that_cannot_be_made_ends_the_run(tmp_path: Path) -> None:
    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        if step == 12:
            raise BadInput("shard 3 is damaged")
        return rows_at(step)

    with pytest.raises(BadInput, match="shard 3 is damaged"):
        fit(Regression(), batch_at, config(), tmp_path)
    assert fit(Regression(), rows_at, config(), tmp_path).steps == 40


def test_two_processes_equal_one_with_all_their_rows(tmp_path: Path) -> None:
    changes = {"steps": 30, "learning_rate": 0.05, "clip_norm": 0.5, "checkpoint_every": 100}
    alone = Regression()
    fit(alone, rows_at, config(**changes), tmp_path / "one")
    done = program(
        tmp_path,
        f"""
import os
from pathlib import Path
from tests.toys import Regression, rows_at
from worldsim.training import FitConfig, fit

def batch_at(step, rank, world_size):
    assert world_size == 2
    return rows_at(step, rank, world_size)

objective = Regression(seed=int(os.environ.get("LOCAL_RANK", 0)))  # the first process's weights count
config = FitConfig(**{{**{config(**changes)!r}.__dict__, "devices": 2}})
result = fit(objective, batch_at, config, {str(tmp_path / "two")!r})
again = fit(objective, batch_at, config, {str(tmp_path / "two")!r}, "again")  # a second one in the same processes
Path({str(tmp_path)!r}, f"rank-{{result.rank}}{{again.rank}}").touch()
""",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("rank-*")) == ["rank-00", "rank-11"]
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert [line["step"] for line in two] == [line["step"] for line in one]
    for key in ("loss", "error", "grad_norm", "learning_rate"):
        assert np.allclose([line[key] for line in two], [line[key] for line in one], rtol=1e-5), key
    weights = torch.load(tmp_path / "two" / "train.pt", weights_only=True)["objective"]["layer.weight"]
    assert torch.allclose(weights, alone.layer.weight, atol=1e-6)
