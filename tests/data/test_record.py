from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import tests.data.toy as toy
from tests.data.made import same
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.data.source import make_source
from worldsim.errors import BadInput, Stopped

SB3 = pytest.importorskip("stable_baselines3")


def all_same(a: Recording, b: Recording) -> bool:
    return len(a) == len(b) and all(same(x, y) for x, y in zip(a.episodes(), b.episodes(), strict=True))


def replay(recording: Recording, env: gym.Env[Any, Any], rendered: bool = False) -> None:
    """Every recorded frame, reward and end is what the single environment gives for the same seed and actions."""
    for episode in recording.episodes():
        frame, _ = env.reset(seed=episode.seed)
        frames, rewards = [env.render() if rendered else frame], []
        for action in episode.actions:
            frame, reward, terminated, truncated, _ = env.step(action)
            frames.append(env.render() if rendered else frame)
            rewards.append(reward)
        assert np.array_equal(episode.frames, np.stack(frames))
        assert np.array_equal(episode.rewards, np.array(rewards, np.float32))
        assert (episode.terminated, episode.truncated) == (terminated, truncated)
        assert terminated or truncated


@pytest.mark.parametrize("env_id", ["Test/Toy-v0", "Test/NativeToy-v0"])
@pytest.mark.parametrize("box", [False, True])
def test_every_frame_up_to_the_last_can_be_replayed(tmp_path: Path, env_id: str, box: bool) -> None:
    recording = record(env_id, ["random", "sticky"], 40, tmp_path, num_envs=5, env_kwargs={"box": box})
    assert [e.index for e in recording.episodes()] == list(range(40))
    assert len(set(recording.lengths)) > 10  # short and long ones, with no favour for the short
    assert recording.about.frames_from == "observation"
    replay(recording, toy.Toy(box))


def test_the_native_vector_environment_is_used_where_there_is_one() -> None:
    assert isinstance(make_source("Test/NativeToy-v0", 3, {}, 9).venv.unwrapped, toy.ToyVector)
    assert type(make_source("Test/Toy-v0", 3, {}, 9).venv.unwrapped) is gym.vector.SyncVectorEnv
    assert make_source("Test/Toy-v0", 30, {}, 9).num_envs == 9


def test_rows_and_native_vectorisation_do_not_change_what_is_recorded(tmp_path: Path) -> None:
    policies = ["random", "sticky"]
    one = record("Test/Toy-v0", policies, 25, tmp_path / "1", seed=4, num_envs=1, weights=[1, 3])
    many = record("Test/Toy-v0", policies, 25, tmp_path / "7", seed=4, num_envs=7, weights=[1, 3], shard_frames=50)
    assert all_same(one, many)
    assert len(many.shards) > len(one.shards)
    other = record("Test/Toy-v0", policies, 25, tmp_path / "s", seed=5, num_envs=7, weights=[1, 3])
    assert not set(other.seeds) & set(one.seeds)
    names = [e.policy for e in one.episodes()]
    assert 12 <= names.count("sticky") <= 24  # 18.75 on average
    assert one.policy == "0.25 random + 0.75 sticky"


def test_more_episodes_later_are_those_that_one_call_would_have_made(tmp_path: Path) -> None:
    at_once = record("Test/Toy-v0", "random", 20, tmp_path / "a")
    record("Test/Toy-v0", "random", 8, tmp_path / "b")
    grown = record("Test/Toy-v0", "random", 20, tmp_path / "b", num_envs=3)
    assert all_same(at_once, grown)
    made: list[int] = []
    again = record("Test/Toy-v0", "random", 20, tmp_path / "b", report=lambda e, f, new: made.append(new))
    assert made == [0]
    assert all_same(at_once, again)
    both = record("Test/Toy-v0", "random", 20, tmp_path / "b", seed=1)
    assert len(both) == 40


@pytest.mark.parametrize("wanted", [1, 120, 500])
def test_a_number_of_frames(tmp_path: Path, wanted: int) -> None:
    one = record("Test/Toy-v0", "random", None, tmp_path / "1", frames=wanted, num_envs=1)
    frames = (one.lengths + 1).tolist()
    assert sum(frames[:-1]) < wanted <= sum(frames)
    many = record("Test/Toy-v0", "random", None, tmp_path / "4", frames=wanted, num_envs=4)
    assert wanted <= many.num_frames < wanted + 4 * (toy.LONGEST + 1)
    assert [e.index for e in many.episodes()] == list(range(len(many)))
    assert record("Test/Toy-v0", "random", None, tmp_path / "4", frames=wanted).num_frames == many.num_frames


def test_rendered_frames_where_observations_are_no_images(tmp_path: Path) -> None:
    recording = record("CartPole-v1", "random", 3, tmp_path, num_envs=2)
    assert recording.frame_shape == (400, 600, 3)
    assert recording.about.frames_from == "render"
    replay(recording, gym.make("CartPole-v1", render_mode="rgb_array"), rendered=True)


def test_a_function_as_policy_sees_the_observations_of_its_rows(tmp_path: Path) -> None:
    def by_brightness(observations: Any, rng: np.random.Generator) -> Any:
        assert observations.shape[1:] == toy.SHAPE
        return 1 + observations[:, 2, 2, 1] % 3

    recording = record("Test/Toy-v0", by_brightness, 6, tmp_path, num_envs=3)
    assert recording.policy == "by_brightness"
    for episode in recording.episodes():
        assert np.array_equal(episode.actions, 1 + episode.frames[:-1, 2, 2, 1] % 3)

    def cart(observations: Any, rng: np.random.Generator) -> Any:
        return (observations[:, 2] > 0).astype(int)  # the angle: not visible in the frames' dtype

    assert record("CartPole-v1", cart, 1, tmp_path / "cart").lengths[0] > 15


def test_a_vector_environment_of_ones_own(tmp_path: Path) -> None:
    venv = toy.ToyVector(3)
    recording = record(venv, "random", 9, tmp_path / "seeded")
    assert (recording.seeds >= 0).all()
    assert recording.env_id == "ToyVector"
    replay(recording, toy.Toy())
    unseeded = gym.vector.SyncVectorEnv([toy.Toy] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    recording = record(unseeded, "random", 9, tmp_path / "unseeded")
    assert (recording.seeds == -1).all()
    for episode in recording.episodes():
        assert episode.frames[:, 0, 0, 0].tolist() == list(range(len(episode) + 1))
        assert episode.terminated == (len(episode) % 2 == 1)
    with pytest.raises(BadInput, match="SAME_STEP"):
        record(gym.vector.SyncVectorEnv([toy.Toy]), "random", 1, tmp_path / "next")


def test_a_saved_model_plays_with_noise_drawn_per_episode(tmp_path: Path) -> None:
    model = SB3.PPO("MlpPolicy", "CartPole-v1", device="cpu")
    with_bias = model.policy.action_net.bias
    with_bias.data[:] = with_bias.new_tensor([30.0, -30.0])  # always left
    model.save(tmp_path / "left")
    spec = f"sb3:{tmp_path / 'left'}"
    pure = record("CartPole-v1", spec, 4, tmp_path / "pure", num_envs=2)
    assert all((e.actions == 0).all() for e in pure.episodes())
    assert re.fullmatch(r"sb3:left#[0-9a-f]{6}", pure.policy)
    noisy = record("CartPole-v1", spec + "@1.0", 12, tmp_path / "noisy", num_envs=4)
    again = record("CartPole-v1", spec + "@1.0", 12, tmp_path / "again", num_envs=3)
    assert all_same(noisy, again)
    assert noisy.policy == pure.policy + "@1"
    rights = [e.actions.mean() for e in noisy.episodes()]
    assert min(rights) < 0.15 < 0.3 < max(rights)
    with pytest.raises(BadInput, match="acts in Discrete"):
        record("Test/Toy-v0", spec, 1, tmp_path / "other")


@pytest.mark.parametrize("algorithm", ["A2C", "DQN"])
def test_models_of_other_algorithms(tmp_path: Path, algorithm: str) -> None:
    kwargs = {"buffer_size": 10} if algorithm == "DQN" else {}
    getattr(SB3, algorithm)("MlpPolicy", "CartPole-v1", device="cpu", **kwargs).save(tmp_path / "m.zip")
    assert len(record("CartPole-v1", f"sb3:{tmp_path / 'm.zip'}", 1, tmp_path / "r")) == 1


def test_another_environment_in_the_folder_is_refused(tmp_path: Path) -> None:
    record("Test/Toy-v0", "random", 2, tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput, match=r"is a recording of Test/Toy-v0 .* not of Test/NativeToy-v0.*--out"):
        record("Test/NativeToy-v0", "random", 2, tmp_path)
    with pytest.raises(BadInput, match="is a recording of"):
        record("Test/Toy-v0", "random", 2, tmp_path, env_kwargs={"box": True})
    assert len(Recording(tmp_path)) == 2
    assert [path for path in sorted(tmp_path.iterdir()) if path.suffix == ".h5"] == [
        p for p in before if p.suffix == ".h5"
    ]


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one of both"):
        record("Test/Toy-v0", "random", None, tmp_path)
    with pytest.raises(BadInput, match="one of both"):
        record("Test/Toy-v0", "random", 3, tmp_path, frames=10)
    with pytest.raises(BadInput, match="at least one"):
        record("Test/Toy-v0", "random", 0, tmp_path)
    with pytest.raises(BadInput, match="one weight"):
        record("Test/Toy-v0", ["random", "sticky"], 2, tmp_path, weights=[1])
    with pytest.raises(BadInput, match="actions of shape"):
        record("Test/Toy-v0", lambda seen, rng: np.zeros((1, 1), int), 2, tmp_path / "shape")
    with pytest.raises(BadInput, match="no environment .*worldsim list"):
        record("Absent-v0", "random", 2, tmp_path)


def test_interrupted_between_two_steps_keeps_what_was_finished(tmp_path: Path) -> None:
    import os
    import signal

    def stop(episodes: int, frames: int, made: int) -> None:
        if episodes >= 5:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match=r"episodes.* goes on from there"):
        record("Test/Toy-v0", "random", 50, tmp_path, num_envs=2, report=stop)
    assert signal.getsignal(signal.SIGINT) is before
    assert 5 <= len(Recording(tmp_path)) < 10
    assert all_same(
        record("Test/Toy-v0", "random", 50, tmp_path), record("Test/Toy-v0", "random", 50, tmp_path / "whole")
    )
