"""What a person plays is recorded as any policy is."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from worldsim.data.human import record_human
from worldsim.data.record import record
from worldsim.errors import BadInput


def test_what_a_person_plays_is_recorded(tmp_path: Path) -> None:
    """Three episodes, the first cut short; run again it adds what is missing, with the seeds of the others."""
    out = tmp_path / "recording"
    id = "WorldSim/PacManFlag-v0"
    made = record_human(id, 3, out, seed=5, headless=True, steps=400, script="right*4,r,left*3")
    episodes = sorted(made.episodes(), key=lambda episode: episode.index)
    assert [episode.index for episode in episodes] == [0, 1, 2]
    assert {episode.policy for episode in episodes} == {"human"}
    assert len({episode.seed for episode in episodes}) == 3
    assert episodes[0].actions.tolist() == [2, 2, 2, 2]
    assert [e.terminated or e.truncated for e in episodes] == [False, True, True]
    game = gym.make(id)
    for episode in episodes:
        frame, _ = game.reset(seed=episode.seed)
        assert np.array_equal(frame, episode.frames[0])
        for t, action in enumerate(episode.actions):
            frame, reward, *_ = game.step(int(action))
            assert np.array_equal(frame, episode.frames[t + 1])
            assert reward == episode.rewards[t]
    more = record_human(id, 4, out, seed=5, headless=True, steps=400)
    assert sorted(episode.index for episode in more.episodes()) == [0, 1, 2, 3]
    assert len(record(id, "sticky", 2, out, seed=5)) == 6
    with pytest.raises(BadInput, match='"human" needs'):
        record(id, ["human", "random"], 2, out)


def test_pictures_are_recorded_where_observations_are_none(tmp_path: Path) -> None:
    made = record_human("CartPole-v1", 1, tmp_path / "poles", headless=True, steps=500, script="right*3,left*2")
    assert made.frame_shape == (400, 600, 3)
    assert made.about.frames_from == "render"
    assert made[0].terminated
    assert made[0].actions[:5].tolist() == [1, 1, 1, 0, 0]
