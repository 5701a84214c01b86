"""Tables: shares with the right intervals, rows in the right places, nothing where nothing was measured."""

from __future__ import annotations

from worldsim.gnn.tables import baseline_table, curve_table, markdown, wilson


def test_intervals_are_wilsons() -> None:
    assert wilson(1.0, 100) == "100.00 (96.30 to 100.00)"  # n / (n + z^2)
    assert wilson(0.5, 100) == "50.00 (40.38 to 59.62)"
    assert wilson(0.3, 0) == ""


def test_rows_stand_where_they_belong() -> None:
    cell = {"exact": 0.25, "rollouts": {"5": [0.5, 8], "25": [0.0, 0]}, "first": 0.75}
    row = {"model": "gcn", "parameters": 1234, "training_seconds": 7, "9 x 9": cell}
    world = {"task": "arcade", "board": "9 x 9", "exact": 1.0, "rollouts": {5: (1.0, 3), 25: (0.9, 2)}}
    lines = baseline_table([row], [world], ["9 x 9", "14 x 14"]).splitlines()
    assert lines[4] == "| gcn | 1,234 | 7 | 25.00 | 50.0 |  |  |  |  |"
    assert lines[5].startswith("| graph world |  |  | 100.00 | 100.0 | 90.0 |")
    counts = {"boards": 25, "steps": 1000, "episodes_begin": "anywhere", "first_share": 0.1, "training_seconds": 9}
    assert "| 25 | 1,000 | anywhere | 0.1 | 9 | 25.00 | 75.00 |  |" in curve_table(
        [{**counts, "9 x 9": cell}], ["9 x 9"]
    )
    assert markdown({}, []) == ""
    assert "| 9 x 9 | 1 | 10 | 2,000 |" in markdown(
        {"speed": [{"board": "9 x 9", "games": 1, "world": 10.2, "rules": 2000.4}]}, []
    )
