"""The script of the iterative procedure: its game, its table, and all of it in small."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from tests.scripts import load_script

script = load_script("iterate")


@pytest.mark.parametrize("seed", range(8))
def test_the_path_touches_itself_nowhere_and_can_be_walked(seed: int) -> None:
    path = script.walk(seed)
    assert len(set(path)) == script.STEPS + 1
    assert 0 <= np.min(path) <= np.max(path) < script.SIDE
    for i, (row, col) in enumerate(path):
        near = [j for j, (r, c) in enumerate(path) if abs(r - row) + abs(c - col) == 1]
        assert near == [j for j in (i - 1, i + 1) if 0 <= j <= script.STEPS]
    env, total, pictures = script.FogPath(seed), 0.0, []
    env.reset()
    moves = [0, *(script.MOVES.index((r - q, c - p)) for (q, p), (r, c) in zip(path[:-1], path[1:], strict=True))]
    for t, action in enumerate(moves, 1):
        picture, reward, terminated, truncated, _ = env.step(action)
        total += reward
        pictures.append(tuple(picture[0, 0]))
        assert terminated == (t == len(moves))
        assert not truncated
    assert total == script.STEPS
    assert len(set(pictures)) == script.STEPS + 1  # every cell has a colour of its own


def test_back_pays_nothing_and_beside_the_path_is_the_end() -> None:
    env = script.FogPath(0)
    (row, col), (r, c) = env.path[:2]
    on = script.MOVES.index((r - row, c - col))
    back = script.MOVES.index((row - r, col - c))
    env.reset()
    assert [env.step(action)[1] for action in (3, on, back, on)] == [0, 1, 0, 0]
    off = next(i for i, (r, c) in enumerate(script.MOVES) if (env.at[0] + r, env.at[1] + c) not in env.path)
    assert env.step(off)[1:4] == (0.0, True, False)
    env.reset()
    env.step(0)
    ends = [env.step(on if t % 2 == 0 else back)[2:4] for t in range(script.LONGEST - 1)]
    assert ends == [(False, False)] * (script.LONGEST - 2) + [(False, True)]


def test_the_table_by_hand() -> None:
    def row(what: str, seed: int, number: int, mean: float) -> dict[str, object]:
        return {"what": what, "seed": seed, "round": number, "frames": 20, "real": {"mean": mean, "low": None, "n": 4}}

    rows = [row("rounds", 0, 1, 2.0), row("rounds", 1, 1, 4.0), row("curious", 0, 1, 3.0), row("control", 0, 1, 1.0)]
    lines = script.markdown(rows).splitlines()
    assert lines[2] == "| round 1 | 20 | 2.00 | 4.00 | 3.00 | 1.41 | 4 |"
    assert lines[3] == "| round 1, curious | 20 | 3.00 |  | 3.00 |  | 4 |"
    assert lines[4] == "| control | 20 | 1.00 |  | 1.00 |  | 4 |"


def test_all_of_it_in_small(tmp_path: Path) -> None:
    small = {"vision_steps": 4, "world_steps": 4, "steps": 1024, "episodes": 8, "threads": 1}
    args = script.Args(tmp_path, (3,), 2, 90, **small)
    try:
        script.main(args)
    finally:
        gym.registry.pop(script.ENV)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["what"], row["round"]) for row in rows] == [
        ("random", 0),
        ("rounds", 1),
        ("rounds", 2),
        ("curious", 1),
        ("curious", 2),
        ("control", 1),
    ]
    assert all(row["real"]["n"] == 8 for row in rows)
    frames = {(row["what"], row["round"]): row["frames"] for row in rows}
    assert frames["rounds", 1] < frames["rounds", 2]
    assert abs(frames["rounds", 2] - frames["control", 1]) < 60  # an episode is at most 51 frames
    assert (tmp_path / "table.md").read_text().count("\n") == 8
