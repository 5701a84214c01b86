"""worldsim iterate: rounds, killed and gone on with, and every mistake in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest

import tests.steps  # noqa: F401  # registers the game
import worldsim
from tests.conftest import ROOT
from worldsim.agents.agent import load_agent
from worldsim.cli import main
from worldsim.commands.iterate import Iterate
from worldsim.errors import BadInput, Stopped
from worldsim.iteration import Iteration, cell, losses

WORLD = ("patch=4", "codes=6", "vision_steps=6", "steps=8", "batch=8", "openings=8", "transition.hidden=8")
SMALL = ("n_steps=8", "n_epochs=1", "net_arch=8")


def asked(out: Path, **changes: Any) -> Iterate:
    """Two rounds of a few updates."""
    small = Iterate(
        "Test/Walk-v0",
        out,
        rounds=2,
        frames=120,
        world=WORLD,
        steps=1024,
        hyperparameters=SMALL,
        horizon=(10,),
        episodes=12,
    )
    return replace(small, threads=1, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iteration:
    """Two rounds with a curious explorer."""
    iteration = Iteration(asked(tmp_path_factory.mktemp("rounds") / "out", curiosity=0.5, horizon=(10, 12)))
    iteration.run()
    return iteration


def test_each_round_learns_from_all_that_was_recorded(finished: Iteration) -> None:
    out, rounds = finished.asked.out, finished.kept["rounds"]
    assert list(rounds) == ["1", "2"]
    recording = worldsim.Recording(out / "recording")
    assert 120 <= rounds["1"]["train"]["frames"] < rounds["2"]["train"]["frames"] == recording.num_frames
    policies = sorted({(shard.about.seed, shard.about.policy.split("#")[0]) for shard in recording.shards})
    assert policies == [(1, "random"), (2, "agent:explorer-1")]
    first, second = (worldsim.load(out / f"world-{k}") for k in (1, 2))
    assert "started_from" not in first.provenance
    assert second.provenance["started_from"] == "world-1"
    assert (first.provenance["steps"], second.provenance["steps"]) == (8, 4)  # half as many updates
    explorer = load_agent(out / "explorer-1")
    assert explorer.seat is not None
    assert explorer.seat.env_kwargs == {"horizon": 10, "curiosity": 0.5}
    assert [load_agent(out / f"agent-{k}").seat.env_kwargs for k in (1, 2)] == [{"horizon": 10}, {"horizon": 12}]
    assert not (out / "explorer-2").exists()  # nobody would record with it
    for number, found in rounds.items():
        assert found["real"]["n"] == found["dream"]["n"] == 12
        assert found["real"]["seeds"] == finished.kept["random"]["seeds"]
        assert found["real"]["env"] == f"Test/Walk-v0 through world-{number}"


def test_the_table_shows_rounds_beside_random_play(finished: Iteration) -> None:
    table = finished.table()
    assert table.row_count == 3
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["random", "1", "2"]
    assert cells[4] == [
        cell(s) for s in (finished.kept["random"], *(r["real"] for r in finished.kept["rounds"].values()))
    ]
    assert "outcome_nats" in str(cells[2][1])
    assert cell({"mean": 1.0, "low": None, "high": None}) == "1.00"
    assert losses({"loss": 1.0, "learning_rate": 2.0, "nats": 0.5}) == "nats 0.5"


def test_again_does_nothing_and_more_rounds_go_on(finished: Iteration) -> None:
    out = finished.asked.out
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert Iteration(finished.asked).run() == finished.kept
    assert before.items() <= {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}.items()
    assert Iteration(replace(finished.asked, rounds=3)).kept["rounds"].keys() == {"1", "2"}
    with pytest.raises(BadInput, match="holds an iteration with episodes 12, not 13; repeat that"):
        Iteration(replace(finished.asked, episodes=13))


def test_a_round_that_has_not_begun_may_be_another(finished: Iteration, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for found in finished.kept["rounds"].values():
        assert found["record"]["asked"] == {"frames": 120, "noise": 0.3, "shift": 0.0}
        assert found["learn"]["asked"]["horizon"] == [10, 12]
    copytree(finished.asked.out, out)
    kept = json.loads((out / "iterate.json").read_text())
    kept["rounds"]["2"] = {"record": kept["rounds"]["2"]["record"]}
    (out / "iterate.json").write_text(json.dumps(kept))
    for name in ("world-2", "agent-2"):
        rmtree(out / name)
    wrong = replace(finished.asked, out=out, world=(*WORLD, "codes=7"))
    with pytest.raises(BadInput, match="sizes"):
        Iteration(wrong).run()
    right = Iteration(replace(wrong, world=WORLD, steps=64))  # the mistake has left nothing that forbids it
    assert right.run()["rounds"]["2"]["learn"]["asked"]["steps"] == 64


def test_what_cannot_be_shifted_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs a bounded Box of real numbers"):
        Iteration(asked(tmp_path / "out", shift=0.5)).run()
    assert not (tmp_path / "out" / "world-1").exists()


def test_ctrl_c_says_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Iteration, number: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Iteration, "train", interrupted)
    with pytest.raises(Stopped, match="round 1, train: stopped; the same command goes on"):
        Iteration(asked(tmp_path / "out")).run()
    assert list(json.loads((tmp_path / "out" / "iterate.json").read_text())["rounds"]["1"]) == ["record"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rounds": 0}, "must be at least 1"),
        ({"noise": 2.0}, "--noise is 0 to 1"),
        ({"shift": 2.5}, "--shift is 0 to 2"),
        ({"curiosity": 1.0, "algo": "cma"}, "cma does not see"),
        ({"world": ("stepz=3",)}, "has no option 'stepz'"),
        ({"world": ("steps=many",)}, "steps of worldsim train spatial does not take 'many'"),
        ({"world": ("transition.depth=3",)}, "has no option 'depth'"),
        ({"world": ("seed=3",)}, "has no option 'seed'"),
        ({"env_kwargs": "3"}, "must be a JSON object"),
        ({"hyperparameters": ("n_steps",)}, "name=value"),
        ({"seed": -1}, "--seed is 0 to"),
        ({"horizon": (10, 0)}, "--horizon must be at least 1"),
        ({"temperature": -1.0}, "--temperature must be above 0"),
        ({"algo": "cma", "hyperparameters": ("tune=outputs",)}, "which round 1 has not"),
        ({"algo": "cma", "hyperparameters": ("popsize=many",)}, "popsize of cma is a whole number, got 'many'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        Iteration(asked(tmp_path / "out", **changes))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def words(out: Path) -> list[str]:
    """The same on the command line."""
    options = [
        "--rounds",
        "1",
        "--frames",
        "120",
        "--steps",
        "64",
        "--horizon",
        "10",
        "--episodes",
        "12",
        "--threads",
        "1",
    ]
    return [
        "iterate",
        "tests.steps:Test/Walk-v0",
        "--out",
        str(out),
        *options,
        "--world",
        *WORLD,
        "--hyperparameters",
        *SMALL,
    ]


def test_killed_it_goes_on_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, environment = tmp_path / "out", {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "worldsim", *words(out)], env=environment, cwd=ROOT)
    deadline = time.monotonic() + 120
    while not (out / "iterate.json").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)  # after the recording, in or before the training
    assert process.wait() == -signal.SIGKILL
    recorded = sorted((out / "recording").glob("*.h5"))
    assert main(words(out)) == 0
    assert sorted((out / "recording").glob("*.h5")) == recorded  # not made again
    shown = capsys.readouterr().out
    assert "tests.steps:Test/Walk-v0: return, 12 episodes each" in shown
    assert shown.splitlines()[-1].startswith("next: worldsim play")
    assert main(words(out)) == 0
    assert capsys.readouterr().out.startswith("all rounds are here already (1)")
    assert list(json.loads((out / "iterate.json").read_text())["rounds"]["1"]) == [
        "record",
        "train",
        "learn",
        "dream",
        "real",
    ]
