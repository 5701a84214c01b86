"""`worldsim bench`: contests count right, and the command measures every part."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from worldsim.bench.contest import Entry, Pace, measure, repeat
from worldsim.bench.rival import Rival
from worldsim.commands.bench import Bench
from worldsim.errors import BadInput

Shell = Callable[..., subprocess.CompletedProcess[str]]


class Ticking(Pace):
    """A clock that moves on by a hundredth of a second whenever it is read."""

    reads = 0

    def clock(self) -> float:
        Ticking.reads += 1
        return Ticking.reads / 100


def test_a_rate_is_units_over_seconds_and_the_first_call_does_not_count() -> None:
    calls = []
    assert repeat(lambda: calls.append(0), 5)(Ticking(0.0999, 1)) == pytest.approx(500)
    assert len(calls) == 11


def test_the_two_clocks() -> None:
    wall, cpu = Pace(1, 1), Pace(1, 1, cpu_time=True)
    before = wall.clock(), cpu.clock()
    time.sleep(0.05)
    assert wall.clock() - before[0] >= 0.05
    assert cpu.clock() - before[1] < 0.05  # sleep costs no processor


def test_entries_take_turns_and_ratios_are_of_rounds() -> None:
    """The machine slows down tenfold from round to round, for all alike: the ratio does not notice."""
    order = []

    def timer(name: str, rate: float) -> Callable[[Pace], float]:
        def once(pace: Pace) -> float:
            order.append(name)
            return rate / 10 ** (len(order) // 2 + (len(order) % 2))

        return once

    slow, fast, absent = measure(
        [
            Entry("slow", "", "x/s", timer("slow", 1000)),
            Entry("fast", "", "x/s", timer("fast", 3000), against="slow", aim=2),
            Entry("absent", "", "x/s", None, against="slow", note="not here"),
        ],
        Pace(1, 3),
    )
    assert order == ["slow", "fast"] * 3
    assert fast.ratio == pytest.approx(3)
    assert fast.rate == pytest.approx(30)
    assert slow.rate == pytest.approx(10)
    assert slow.ratio is None
    assert absent.rate is None
    assert absent.ratio is None


def test_quick_measures_every_part(shell: Shell, tmp_path: Path) -> None:
    done = shell("bench", "--quick", "--threads", "1", "--seconds", "9", "--worlds", "--out", "kept/speed.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "kept" / "speed.json").read_text())
    assert found["machine"]["threads"] == 1
    assert found["machine"]["torch"]
    parts = {"games", "recording", "loading", "dreams", "rival", "training", "gamegan"}
    assert {row["part"] for row in found["rows"]} == parts
    for row in found["rows"]:
        assert row["rate"] is None or row["rate"] > 0
        assert row["rate"] is not None or "not installed" in row["note"]
    compared = [row for row in found["rows"] if row["ratio"] is not None]
    assert any(row["settings"] == "bf16" and row["against"] == "fp32" for row in compared)
    assert "1 threads" in done.stdout
    assert "wrote kept/speed.json" in done.stdout


def test_bad_input_is_one_line(shell: Shell) -> None:
    for args, hint in (
        (("--only", "everything"), "everything"),
        (("--rounds", "0"), "must be above 0"),
        (("--presets", "huge"), "--presets takes small, small-m"),
        (("--worlds", "nowhere", "--only", "dreams"), "no world named 'nowhere'"),
    ):
        done = shell("bench", *args)
        assert done.returncode != 0
        assert done.stderr.splitlines()[-1].startswith("worldsim: ")
        assert hint in done.stderr
        assert "Traceback" not in done.stderr


def test_a_rival_that_cannot_run() -> None:
    with pytest.raises(BadInput, match="found no program nowhere"):
        Rival("nowhere", 1)
    if "simulusion" not in sys.modules:
        with pytest.raises(BadInput, match="cannot run simulusion"):
            Rival(sys.executable, 1)


def test_the_defaults_are_those_of_the_issue() -> None:
    assert Bench().threads == 2
    assert Bench().envs == 512
    assert Bench().streams == (1, 16, 64, 256, 1024)
