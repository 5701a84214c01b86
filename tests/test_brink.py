"""scripts/brink.py: which moments it takes, what a halt is, and all of it on a real track."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from tests.scripts import load_script
from worldsim.data.episode import Episode
from worldsim.data.record import record
from worldsim.data.recording import Recording, write_shard
from worldsim.data.shard import About
from worldsim.space_json import to_json

script = load_script("brink")


def test_a_halt_is_a_long_stretch_without_reward() -> None:
    rewards = np.full(60, -0.1)
    assert script.halted(rewards, False, 50)
    rewards[[9, 30]] = 1.0
    assert not script.halted(rewards, False, 30)  # 10, 21 and 30 steps
    assert script.halted(rewards, False, 29)
    assert script.halted(rewards, True, 30)


def test_the_first_halt_of_each_episode_is_taken(tmp_path: Path) -> None:
    def episode(paid: list[int], index: int) -> Episode:
        rewards = np.zeros(200, np.float32)
        rewards[paid] = 1.0
        frames = np.zeros((201, 4, 4, 3), np.uint8)
        return Episode(frames, np.zeros(200, np.int64), rewards, False, True, index, "Test/None-v0", index=index)

    late = [*range(0, 199, 10), 199]
    played = [
        episode(late, 0),  # never halts
        episode([5, 100, 180], 1),  # halts first at 5, too soon for a lead of 20
        episode([40, 100, 180], 2),
        episode([*range(0, 160, 10)], 3),  # nearly
        episode([*range(0, 140, 10)], 4),  # halts to the end
    ]
    write_shard(tmp_path / "one.h5", played, About("Test/None-v0", (4, 4, 3), to_json(Discrete(2))))
    recording = Recording(tmp_path)
    found = script.moments(recording, script.Args("a", tmp_path, leads=(0, 20)))
    assert sorted(found) == [(2, 40), (4, 130)]
    assert len(script.moments(recording, script.Args("a", tmp_path, leads=(0,), cases=1))) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_a_real_track(tmp_path: Path) -> None:
    pytest.importorskip("Box2D")
    record("WorldSim/CarRacing-v0", "agent:carracing-vm@0.9", 2, tmp_path / "recording", 1)
    script.main(
        script.Args(
            "carracing-vm",
            tmp_path / "recording",
            leads=(0,),
            dry=20,
            steps=30,
            draws=2,
            worlds=("carracing-vm",),
            out=tmp_path / "found.json",
        )
    )
    (found,) = json.loads((tmp_path / "found.json").read_text())["found"]
    assert found["n"] >= 1
    assert 0 <= found["reality"] <= 1
