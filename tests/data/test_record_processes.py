"""Recording as a program: killed, interrupted, run twice, out of disk."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tests.data.toy as toy
from tests.data.made import same
from tests.engines import running
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.data.source import make_source

ROOT = Path(__file__).resolve().parents[2]
SLOW = '{"delay": 0.002}'  # seconds a step; half of the 40 steps on average


def start(out: Path, *args: str, env_kwargs: str = SLOW, most: int | None = None) -> subprocess.Popen[str]:
    """`worldsim record` of the toy, as a process; ``most`` bytes a file where the disk is to be full."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    command = [sys.executable, "-m", "worldsim", "record", "tests.data.toy:Test/Toy-v0", "--out", str(out)]
    command += ["--env-kwargs", env_kwargs, "--shard-frames", "60", *args]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
        cwd=out.parent,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.strip().splitlines()[-1] if err.strip() else ""


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.h5")) if folder.exists() else []


def wait_for_shards(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while len(shards(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_again_and_again_it_loses_only_the_open_shard_and_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    kept: dict[Path, bytes] = {}
    for number, seconds in enumerate([0.0, 0.07]):
        process = start(folder, "--episodes", "40")
        wait_for_shards(folder, len(kept) + 2, process)
        time.sleep(seconds)
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
        now = {path: path.read_bytes() for path in shards(folder)}
        assert kept.items() <= now.items()  # what was closed is as it was
        kept = now
        assert len(Recording(folder)) >= 2 + number
    (folder / f".{next(iter(kept)).name}.tmp").write_bytes(b"what a kill may leave")
    code, out, _ = finish(start(folder, "--episodes", "40"))
    assert code == 0
    assert "40 episodes" in out
    assert "next: worldsim train" in out
    assert kept.items() <= {path: path.read_bytes() for path in shards(folder)}.items()
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))
    whole = record(toy.__name__ + ":Test/Toy-v0", "random", 40, tmp_path / "whole", env_kwargs={"delay": 0.002})
    resumed = Recording(folder)
    assert len(resumed) == len(whole) == 40
    assert all(same(a, b) for a, b in zip(resumed.episodes(), whole.episodes(), strict=True))


def test_two_recorders_on_one_folder(tmp_path: Path) -> None:
    """Another seed works side by side; the very same recording is refused while the first is at it."""
    folder = tmp_path / "r"
    first = start(folder, "--episodes", "30")
    wait_for_shards(folder, 1, first)
    other = start(folder, "--episodes", "30", "--seed", "1")
    code, out, line = finish(start(folder, "--episodes", "30"))
    assert first.poll() is None, "the first finished too early for this test"
    assert (code, out) == (2, "")
    assert "another process is making this very recording" in line
    assert "--seed" in line
    assert finish(first)[0] == finish(other)[0] == 0
    both = Recording(folder)
    assert len(both) == 60
    assert len(set(both.seeds)) == 60
    assert both.lengths.sum() == sum(shard.lengths.sum() for shard in both.shards)


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    process = start(folder, "--episodes", "500")
    wait_for_shards(folder, 1, process)
    before = len(Recording(folder))
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    code, out, line = finish(process)
    assert code == 130
    assert out == ""
    assert line.startswith("worldsim: stopped")
    assert "the same command goes on from there" in line
    kept = len(Recording(folder))
    assert kept > before  # also of the shard that was open
    assert f"{kept:,} episodes" in line


def test_closing_does_not_mind_processes_that_are_gone() -> None:
    source = make_source(toy.__name__ + ":Test/Toy-v0", None, {}, 10, 2)
    source.reset([1, 2])
    gone, other = source.venv.processes  # type: ignore[attr-defined]
    gone.kill()
    gone.join(10)
    source.close()
    other.join(10)
    assert not other.is_alive()
    source.close()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks processes up in /proc")
def test_a_sigterm_to_all_its_processes_ends_games_that_are_processes_themselves(tmp_path: Path) -> None:
    engines = tmp_path / "engines"
    engines.mkdir()
    kwargs = json.dumps({"delay": 0.002, "engine": str(engines)})
    process = start(tmp_path / "r", "--episodes", "500", "--processes", "2", env_kwargs=kwargs)
    wait_for_shards(tmp_path / "r", 1, process)
    os.killpg(process.pid, signal.SIGTERM)
    code, _, line = finish(process)
    assert code != 0
    assert "the same command goes on from there" in line
    assert running(engines) == []


@pytest.mark.parametrize("first", [0, 5])
def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path: Path, first: int) -> None:
    folder = tmp_path / "r"
    if first:
        assert finish(start(folder, "--episodes", str(first), env_kwargs="{}"))[0] == 0
    before = shards(folder)
    code, out, line = finish(start(folder, "--episodes", "100", env_kwargs="{}", most=6000))
    assert code == 1
    assert out == ""
    assert line.startswith("worldsim: File too large")  # the limit stands in for a full disk
    assert f"{first} episodes" in line
    assert shards(folder) == before
    assert not list(folder.glob(".*.tmp"))
    assert finish(start(folder, "--episodes", "12", env_kwargs="{}"))[0] == 0
    assert len(Recording(folder)) == 12
