"""scripts/gamegan_table1.py: the paper's shares, the table, and a run of a few steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts import load_script
from tests.worlds import spatial_folder
from worldsim.agents.transfer import REFERENCE, Line, read
from worldsim.errors import BadInput

SCRIPT = ROOT / "scripts" / "gamegan_table1.py"


table1 = load_script("gamegan_table1")


def test_the_papers_shares() -> None:
    shares = {name: table1.paper_share(name) for name in ("World Model", "GameGAN-M", "GameGAN", "reality", "codes")}
    assert shares.pop("codes") is None
    expected = {"World Model": 0.45, "GameGAN-M": 0.68, "GameGAN": 0.41, "reality": 1.0}
    assert shares == pytest.approx(expected, abs=0.005)


def test_the_table_sets_ours_beside_the_papers() -> None:
    lines = [
        Line("dream (GameGAN)", 100, 2, 1000, 3.0, 0.5, 2.5, 0.75),
        Line(REFERENCE, 100, 2, 1000, 4.0, 0.1, None, 1.0),
        Line("dream (mine)", 100, 2, 1000, 1.0, 0.1, 1.0, 0.25),
    ]
    rows = table1.table(lines).splitlines()
    assert rows[2] == "| GameGAN | 100 | 3.00 ± 0.50 | 0.75 | 2.50 | 2 | 1,000 | 1.13 | 0.41 |"
    assert rows[3].endswith("| 1,000 | 3.02 | 1.00 |")
    assert rows[4].endswith("| 1,000 |  |  |")
    assert len({row.count("|") for row in rows}) == 1


def test_bad_simulators_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="name=FOLDER, got pacman-vm"):
        table1.chosen(table1.Args(("pacman-vm",), tmp_path), 10)
    with pytest.raises(BadInput, match=r"Table 1 is of WorldSim/PacManFlag-v0"):
        table1.chosen(table1.Args(("a=pacman-arcade",), tmp_path), 10)


def test_a_short_run_does_every_row_once(tmp_path: Path) -> None:
    script = [sys.executable, str(SCRIPT), "--simulators", f"GameGAN={spatial_folder()}", "--out", "runs"]
    script += ["--steps", "64", "--episodes", "4", "--seeds", "0", "--hyperparameters", "n_steps=8", "n_epochs=1"]
    done = subprocess.run(
        script, cwd=tmp_path, capture_output=True, text=True, timeout=240, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    rows = read(tmp_path / "runs" / "rows.jsonl")
    assert [row["condition"] for row in rows] == ["random", "dream (GameGAN)", REFERENCE]
    assert "| GameGAN | " in done.stdout
    assert (tmp_path / "runs" / "table.md").read_text() in done.stdout
