"""Graph worlds keep the contract, learn, and go over to boards of another size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import worldsim
from tests.gnn.graph_games import SMALL, steps, untrained
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.envs.dream import DreamEnv, DreamVectorEnv
from worldsim.errors import BadInput
from worldsim.gnn.board import encode
from worldsim.gnn.boards import on_board
from worldsim.gnn.forager import forager
from worldsim.gnn.train import TrainGraph
from worldsim.gnn.transitions import Transitions
from worldsim.openings import Openings
from worldsim.testing import check_world_model


def test_it_keeps_the_contract_on_boards_of_several_sizes_at_once() -> None:
    frames = torch.cat([steps("arcade", 40, (9, 11)).before, steps("flag", 40, (12, 8)).before])
    check_world_model(untrained(boldness=3.0), frames)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    kwargs = {"observation": "board", "rows": 8, "cols": 9, "pad": [9, 9], "anywhere": True}
    folder = tmp_path_factory.mktemp("graph") / "recording"
    return record("WorldSim/PacManGraph-v0", ["sticky", forager], 30, folder, num_envs=16, env_kwargs=kwargs)


def test_a_recording_keeps_the_planes(recording: Recording) -> None:
    assert recording.frame_shape == (9, 9, 18)
    assert recording.about.frames_from == "observation"
    data = Transitions([recording], batch_size=64)
    assert len(data) == int(recording.lengths.sum())
    episode = recording[3]
    begin = int(recording.lengths[:3].sum())
    for t in (0, len(episode) - 1):
        step = data.take(torch.tensor([begin + t]))
        for state, frame in ((step.before, episode.frames[t]), (step.after, episode.frames[t + 1])):
            assert np.array_equal(encode(state)[0].numpy(), frame)
        assert int(step.action) == episode.actions[t]
        assert float(step.reward) == episode.rewards[t]


def test_batches_are_a_function_of_their_number_and_show_many_first_steps(recording: Recording) -> None:
    data = Transitions([recording], batch_size=200, first_share=0.25)
    one, two = data.batch(7), Transitions([recording], batch_size=200, first_share=0.25).batch(7)
    assert torch.equal(one.before["items"], two.before["items"])
    assert not torch.equal(one.action, data.batch(8).action)
    rows = set(data.first.tolist())
    assert len(rows) == 30
    wrong = Transitions([recording], batch_size=200, first_share=1.0).batch(0)
    starts = data.take(data.first)
    assert set(wrong.before["player"].tolist()) <= set(starts.before["player"].tolist())


def test_it_learns_is_saved_and_plays_on_a_larger_board(recording: Recording, tmp_path: Path) -> None:
    job = TrainGraph(
        (recording.path,), tmp_path / "world", steps=40, batch=64, openings=4, device="cpu", threads=1, model=SMALL
    )
    job.run()
    log = [json.loads(line) for line in (tmp_path / "world" / "transition.jsonl").read_text().splitlines()]
    assert log[-1]["loss"] < 0.8 * np.log(2) * 60
    world = worldsim.load(tmp_path / "world")
    assert world.kind == "graph"
    large = on_board(world, 31, 28, count=6, boards_seed=5)
    for name, value in world.model.state_dict().items():
        assert torch.equal(value, large.model.state_dict()[name])
    envs = DreamVectorEnv(3, large, observation="pixels", horizon=20)
    pixels = envs.reset(seed=0)[0]
    assert pixels.shape == (3, 31 * 12, 28 * 12, 3)
    real = gym.make_vec("WorldSim/PacManGraph-v0", 6, rows=31, cols=28, render_mode="rgb_array")
    real.reset(seed=5)
    real.step(np.zeros(6, np.int64))
    assert any((pixels[0] == picture).all() for picture in real.render())  # the opening is the real game's
    for _ in range(3):
        envs.step(np.array([1, 2, 3]))
    features = DreamVectorEnv(3, large)
    assert features.reset(seed=0)[0].shape == (3, 7 * 7 * 22)
    flag = on_board(world, 9, 12, task="flag", ghosts=2, count=3)
    state = flag.openings.states(flag.model, torch.arange(3), torch.device("cpu"))
    assert state["present"].sum(1).tolist() == [2] * 3
    assert state["items"][:, 2].sum(1).tolist() == [1] * 3


def test_a_dream_is_made_on_the_board_that_is_asked_for(recording: Recording) -> None:
    env = DreamEnv(_world(recording), rows=12, cols=17, ghosts=1, pellets=0, count=3, render_mode="rgb_array")
    env.reset(seed=1)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (144, 204, 3)
    assert env.num_openings == 3
    state = env.get_state().state
    assert state["present"].sum() == 1
    assert not state["items"][:, 1].any()


def test_what_does_not_fit_is_one_line(recording: Recording) -> None:
    with pytest.raises(BadInput, match="only graph worlds"):
        on_board(replace(_world(recording), kind="spatial"))
    with pytest.raises(BadInput, match="8 to 40"):
        DreamVectorEnv(2, _world(recording), rows=50)
    with pytest.raises(BadInput, match="only graph worlds"):
        DreamVectorEnv(2, replace(_world(recording), kind="spatial"), rows=9)
    with pytest.raises(BadInput, match="unknown argument 'rowz'.*rows, cols"):
        DreamVectorEnv(2, _world(recording), rowz=9)
    model = untrained()
    state = model.start(steps().before, torch.zeros(200, 20))
    with pytest.raises(BadInput, match="noise must be"):
        model.imagine(state, torch.zeros(200, dtype=torch.int64), torch.zeros(200, 19))


def _world(recording: Recording) -> worldsim.World:
    return worldsim.World("graph", untrained(), Openings(recording.shards[0].path), {}, "graph")
