"""`worldsim record` as a user meets it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from worldsim.data.recording import Recording

Shell = Callable[..., subprocess.CompletedProcess[str]]  # the fixture of tests/conftest.py
TOY = "tests.data.toy:Test/Toy-v0"


def test_record_says_what_it_wrote_and_what_comes_next(shell: Shell, tmp_path: Path) -> None:
    args = ("record", TOY, "--policy", "random", "--policy", "sticky", "--weights", "1", "2", "--out", "toys")
    done = shell(*args, "--episodes", "7")
    assert done.returncode == 0, done.stderr
    assert "toys: 7 episodes" in done.stdout
    assert "6x5x3 from observation" in done.stdout
    assert "next: worldsim train spatial toys --out runs/toys" in done.stdout
    assert "new frames at" in done.stdout
    assert Recording(tmp_path / "toys").policy == "0.333 random + 0.667 sticky"
    more = shell(*args, "--episodes", "9")
    assert "toys: 9 episodes" in more.stdout
    again = shell(*args, "--episodes", "9")
    assert "0 new frames" in again.stdout


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The message of a command that refused: one line after the progress bar, no traceback, nothing on stdout."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("worldsim: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("Absent-v0", "--out", "r"), "`Absent` doesn't exist"),
        (("no_module:Toy-v0", "--out", "r"), "no_module"),
        ((TOY,), "--out"),
        ((TOY, "--out", "r", "--episodes", "0"), "at least one"),
        ((TOY, "--out", "r", "--episodes", "3", "--frames", "4"), "one of both"),
        ((TOY, "--out", "r", "--policy", "sleepy"), "'sleepy'"),
        ((TOY, "--out", "r", "--policy", "sb3:absent.zip"), "absent.zip"),
        ((TOY, "--out", "r", "--weights", "1", "2"), "one weight"),
        ((TOY, "--out", "r", "--env-kwargs", "ghosts=2"), "--env-kwargs must be JSON"),
        ((TOY, "--out", "r", "--env-kwargs", '{"ghosts": 2}'), "ghosts"),
        ((TOY, "--out", "r", "--num-envs", "0"), "num-envs"),
    ],
)
def test_bad_input_is_one_line(shell: Shell, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    assert said in one_line(shell("record", *args), 2)
    assert not list(tmp_path.rglob("*.h5"))


def test_files_that_do_not_belong_are_named(shell: Shell, tmp_path: Path) -> None:
    assert shell("record", TOY, "--episodes", "2", "--out", "r").returncode == 0
    line = one_line(shell("record", "tests.data.toy:Test/NativeToy-v0", "--episodes", "2", "--out", "r"), 2)
    assert "is a recording of tests.data.toy:Test/Toy-v0" in line
    (shard,) = (tmp_path / "r").glob("*.h5")
    shard.write_bytes(shard.read_bytes()[:-100])
    assert f"r/{shard.name}" in one_line(shell("record", TOY, "--episodes", "3", "--out", "r"), 2)
    shard.unlink()
    with h5py.File(tmp_path / "r" / "results.h5", "w") as file:
        file["scores"] = [1, 2]
    assert "r/results.h5" in one_line(shell("record", TOY, "--episodes", "3", "--out", "r"), 2)
    (tmp_path / "file").write_text("")
    assert "file" in one_line(shell("record", TOY, "--episodes", "3", "--out", "file"), 1)
