from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT
from tests.worlds import spatial_folder, spatial_world
from worldsim.agents.transfer import RANDOM, REFERENCE, append, conditions, markdown, read, summary, untrained
from worldsim.checkpoint import load
from worldsim.errors import BadInput


def test_the_rows_of_the_experiment(tmp_path):
    rows = conditions({"a": str(spatial_folder())}, tmp_path / "untrained", 100, own={"observation": "grid"})
    assert [row.name for row in rows] == [
        RANDOM,
        "dream (a)",
        "dream (untrained)",
        REFERENCE,
        "reality, own observations",  # this world does not say how many frames it was recorded from
    ]
    assert rows[1].seat.in_reality() == rows[3].seat
    assert rows[4].seat.env_kwargs == {"observation": "grid"}
    assert {row.steps for row in rows[1:]} == {100}


def test_an_untrained_world_keeps_what_was_measured_and_nothing_that_was_learned(tmp_path):
    world = spatial_world()
    fresh = untrained(world, tmp_path / "fresh", seed=7)
    again, loaded = untrained(world, tmp_path / "again", seed=7), load(tmp_path / "fresh")
    for name, value in world.model.named_buffers():
        assert torch.equal(value, dict(fresh.model.named_buffers())[name])
    learned = dict(world.model.named_parameters())
    changed = [not torch.equal(value, learned[name]) for name, value in fresh.model.named_parameters()]
    assert sum(changed) > len(changed) / 2  # biases begin at zero
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, loaded.model.state_dict()[name])


def row(condition: str, seed: int, mean: float, dream: float | None = None, asked: int = 64) -> dict:
    inside = None if dream is None else {"mean": dream}
    common = {"condition": condition, "seed": seed, "asked": asked, "steps": 100}
    return common | {"real": {"mean": mean, "n": 10}, "dream": inside}


def test_the_table_over_seeds(tmp_path):
    rows = [row(RANDOM, 0, 1.0), row("dream (a)", 0, 3.0, 2.0), row("dream (a)", 1, 4.0, 3.0), row(REFERENCE, 0, 6.0)]
    for each in rows:
        append(tmp_path / "rows.jsonl", each)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"condition": "half a li')
    append(tmp_path / "rows.jsonl", row(REFERENCE, 1, 5.0))
    assert read(tmp_path / "rows.jsonl") == [*rows, row(REFERENCE, 1, 5.0)]
    lines = summary(read(tmp_path / "rows.jsonl"))
    assert [line.condition for line in lines] == [RANDOM, "dream (a)", REFERENCE]
    assert lines[1].mean == 3.5
    assert lines[1].sd == pytest.approx(0.5**0.5)
    assert lines[1].dream == 2.5
    assert lines[1].share == pytest.approx(2.5 / 4.5)
    assert lines[2].share == pytest.approx(1.0)
    assert lines[0].share is None
    assert "| dream (a) | 100 | 3.50 ± 0.71 | 0.56 | 2.50 | 2 | 10 |" in markdown(lines)
    assert summary(rows[1:3])[0].share is None  # nothing to compare with yet
    longer = summary([*rows, row(REFERENCE, 0, 9.0, asked=128), row("dream (a)", 0, 5.0, asked=128)])
    assert [(line.condition, line.mean) for line in longer[3:]] == [(REFERENCE, 9.0), ("dream (a)", 5.0)]
    assert longer[1].share == pytest.approx(2.5 / 8)  # of the longest reference's gain


def test_worlds_of_different_games_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no world named"):
        conditions({"a": "nowhere"}, tmp_path, 10)


def test_the_script_does_the_rows_that_are_missing(tmp_path):
    settings = ("n_steps=8", "n_epochs=1", "net_arch=8")
    script = [sys.executable, str(ROOT / "scripts" / "pacman_transfer.py"), "--worlds", f"a={spatial_folder()}"]
    script += ["--steps", "64", "--episodes", "4", "--seeds", "0", "--no-grid", "--hyperparameters", *settings]
    append(tmp_path / "runs" / "transfer" / "rows.jsonl", row("dream (untrained)", 0, 9.25))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    rows = read(tmp_path / "runs" / "transfer" / "rows.jsonl")
    assert [each["condition"] for each in rows] == ["dream (untrained)", RANDOM, "dream (a)", REFERENCE]
    assert json.loads(json.dumps(rows[2]))["dream"]["n"] == 4
    assert "| dream (untrained) | 100 | 9.25 |" in done.stdout
    assert (tmp_path / "runs" / "transfer" / "table.md").read_text() in done.stdout
