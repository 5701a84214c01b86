"""scripts/gamegan_parts.py: which variants there are, how much each is trained, and the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts import load_script
from worldsim.errors import BadInput
from worldsim.gamegan.presets import PRESETS

parts = load_script("gamegan_parts")
ARGS = parts.Args(Path("nowhere"), minutes=2.0)


def settings(variant: str) -> object:
    return parts.trainer(ARGS, variant, 0, Path("out"), 7).settings


def test_every_variant_is_the_small_preset_without_one_thing() -> None:
    whole = settings("whole")
    assert whole == parts.replace(PRESETS["small"], steps=7)
    assert settings("no-critics") == parts.replace(whole, judges=None)
    assert settings("no-noise-encoder") == parts.replace(whole, informed=False)
    assert settings("no-memory").grid.memory == 0
    for name in ("single", "action", "temporal"):
        judges = settings(f"no-{name}-critic").judges
        assert [getattr(judges, other) for other in ("single", "action", "temporal")].count(False) == 1
        assert not getattr(judges, name)


def test_updates_fill_the_time() -> None:
    """Two minutes: three quarters at half a second, a quarter at two and a half, is one second an update."""
    whole, alone = PRESETS["small"], 1.01 / PRESETS["small"].prior_share
    assert parts.fitting(whole, 120, 0.5, 2.5, 0.0) == 120
    assert parts.fitting(parts.replace(whole, judges=None), 120, 0.5, 2.5, 0.0) == 240
    assert parts.fitting(whole, 120, 0.5, 2.5, alone) == 59  # one more second an update goes to the prior alone
    assert parts.fitting(parts.replace(whole, informed=False), 120, 0.5, 2.5, alone) == 120


def test_the_table_has_means_over_seeds() -> None:
    measure = parts.SHOWN[0][1]
    rows = [
        {"variant": "whole", "seed": seed, "updates": 100, "found": {measure: value}, "real": {measure: 0.5}}
        for seed, value in ((0, 1.0), (1, 3.0))
    ]
    lines = parts.table([*rows, {**rows[0], "variant": "no-memory", "found": {measure: None}}]).splitlines()
    assert lines[0] == "|  | real | whole | no-memory |"
    assert lines[2] == "| seeds |  | 2 | 1 |"
    assert lines[4] == f"| {measure} | 0.500 | 2.000 ± 1.414 |  |"


def test_bad_input() -> None:
    with pytest.raises(BadInput, match="--variants takes whole, no-critics"):
        parts.main(parts.Args(Path("nowhere"), variants=("no-ghosts",)))
    with pytest.raises(BadInput, match="nowhere"):
        parts.main(ARGS)
