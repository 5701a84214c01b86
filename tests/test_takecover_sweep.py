"""scripts/takecover_sweep.py: from side to side by the clock."""

from __future__ import annotations

import json
from pathlib import Path

from tests.scripts import load_script


def test_a_dream_that_ends_at_any_logit_lasts_one_step(tmp_path: Path) -> None:
    module = load_script("takecover_sweep")
    module.main(
        module.Args(halves=(4,), episodes=0, worlds=("takecover-vm",), dreams=3, ends_above=-50, out=tmp_path / "o")
    )
    (row,) = json.loads((tmp_path / "o").read_text())["rows"]
    assert row["dream of takecover-vm"]["mean"] == 1
    assert row["dream of takecover-vm"]["n"] == 3


def test_the_table_puts_files_side_by_side() -> None:
    table = load_script("takecover_sweep").table
    score = {"n": 9, "mean": 10.4, "sd": 1.0, "low": 9.6, "high": 11.2}
    real = {"skill": 4, "temperature": 1.0, "rows": [{"half": 20, "reality": score}]}
    dream = {"skill": 4, "temperature": 1.15, "ends_above": -1.5, "rows": [{"half": 40, "dream of w": score}]}
    assert table([real, dream]).splitlines() == [
        "| steps to each side | skill 4, reality (n 9) | dream of w, T 1.15, ends above -1.5 (n 9) |",
        "| ---: | ---: | ---: |",
        "| 20 | 10 (10 to 11) |  |",
        "| 40 |  | 10 (10 to 11) |",
    ]
