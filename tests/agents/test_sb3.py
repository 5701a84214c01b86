from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3 as sb3
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from worldsim.agents.sb3 import SB3VecEnv
from worldsim.errors import BadInput


def same_step(id: str, num_envs: int, **kwargs) -> gym.vector.VectorEnv:
    return gym.make_vec(
        id,
        num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        **kwargs,
    )


def test_refuses_next_step_autoreset_with_one_line_that_helps():
    with pytest.raises(BadInput, match=r"SAME_STEP, SyncVectorEnv has .*NEXT_STEP; make it with") as caught:
        SB3VecEnv(gym.make_vec("CartPole-v1", 2, vectorization_mode="sync"))
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="wraps a gymnasium VectorEnv, got TimeLimit"):
        SB3VecEnv(gym.make("CartPole-v1"))


def test_steps_are_those_of_the_vector_env_and_the_end_of_an_episode_is_reported():
    ours, theirs = SB3VecEnv(same_step("CartPole-v1", 3)), same_step("CartPole-v1", 3)
    assert ours.seed(7) == [7, 8, 9]
    np.testing.assert_array_equal(ours.reset(), theirs.reset(seed=7)[0])
    ends = 0
    for step in range(60):
        actions = np.full(3, step % 3 > 0)
        observations, rewards, dones, infos = ours.step(actions.astype(np.int64))
        expected, their_rewards, terminated, truncated, info = theirs.step(actions.astype(np.int64))
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(dones, terminated | truncated)
        np.testing.assert_array_equal(rewards, their_rewards)
        assert rewards.dtype == np.float32
        assert dones.dtype == np.bool_
        for i in range(3):
            if dones[i]:
                ends += 1
                np.testing.assert_array_equal(infos[i]["terminal_observation"], info["final_obs"][i])
                assert infos[i]["TimeLimit.truncated"] is False
            else:
                assert infos[i] == {}
    assert ends > 3


def test_truncation_is_marked_and_final_info_is_passed_on(Identity):
    for truncate in (False, True):
        env = SB3VecEnv(Identity(2, length=4, truncate=truncate))
        env.reset()
        for _ in range(4):
            _, _, dones, infos = env.step(np.zeros(2, np.int64))
        assert dones.all()
        assert [info["TimeLimit.truncated"] for info in infos] == [truncate, truncate]
        assert [info["age"] for info in infos] == [4, 4]


def test_observations_are_fresh_although_the_environment_reuses_its_buffer(Identity):
    env = SB3VecEnv(Identity(4, actions=5))
    env.seed(0)
    seen = [env.reset()] + [env.step(np.zeros(4, np.int64))[0] for _ in range(12)]
    kept = [array.copy() for array in seen]
    env.step(np.zeros(4, np.int64))
    assert not any(np.shares_memory(a, b) for a, b in zip(seen[:-1], seen[1:], strict=True))
    assert all((a == b).all() for a, b in zip(seen, kept, strict=True))
    assert any((a != b).any() for a, b in zip(seen[:-1], seen[1:], strict=True))


def test_the_seed_holds_for_one_reset_only():
    env = SB3VecEnv(same_step("CartPole-v1", 2))
    env.seed(3)
    first, second = env.reset(), env.reset()
    env.seed(3)
    np.testing.assert_array_equal(env.reset(), first)
    assert (first != second).any()


def test_options_reach_the_environment_and_must_agree():
    env = SB3VecEnv(same_step("CartPole-v1", 2))
    env.set_options({"low": -0.001, "high": 0.001})
    assert np.abs(env.reset()).max() <= 0.001
    env.set_options([{"low": 0.0}, {}])
    with pytest.raises(BadInput, match="same reset options for all rows"):
        env.reset()


def test_attributes_and_methods_of_single_environments():
    env = SB3VecEnv(same_step("CartPole-v1", 3, wrappers=[Monitor]))
    assert env.get_attr("gravity") == [9.8] * 3
    env.set_attr("gravity", 1.0, indices=[0, 2])
    assert env.get_attr("gravity") == [1.0, 9.8, 1.0]
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.FlattenObservation, indices=1) == [False]
    env.reset()
    assert len(env.env_method("get_wrapper_attr", "length", indices=[0, 1])) == 2
    assert env.has_attr("gravity")
    assert not env.has_attr("nothing_of_the_kind")


def test_attributes_and_methods_of_a_native_batch(Identity):
    inner = Identity(3, render_mode="rgb_array")
    env = SB3VecEnv(gym.wrappers.vector.RecordEpisodeStatistics(inner))
    assert env.get_attr("length") == [10] * 3
    env.set_attr("length", 2)
    assert inner.length == 2
    with pytest.raises(BadInput, match="one batch"):
        env.set_attr("length", 3, indices=[1])
    assert env.env_is_wrapped(Monitor) == [False] * 3
    assert [frame[0, 0, 0] for frame in env.get_images()] == [0, 1, 2]
    assert env.render("rgb_array").shape == (16, 16, 3)
    assert len(env.env_method("render", indices=[0])) == 1


def test_dict_observations():
    class Pair(gym.Env):
        observation_space = gym.spaces.Dict({"x": gym.spaces.Box(0, 9, (2,)), "n": gym.spaces.Discrete(4)})
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return {"x": np.ones(2, np.float32), "n": np.int64(1)}, {}

        def step(self, action):
            return {"x": np.full(2, 2, np.float32), "n": np.int64(2)}, 1.0, True, False, {}

    venv = gym.vector.SyncVectorEnv([Pair, Pair], autoreset_mode=AutoresetMode.SAME_STEP)
    env = SB3VecEnv(venv)
    assert env.reset()["x"].shape == (2, 2)
    observations, _, _, infos = env.step(np.array([0, 1]))
    assert observations["n"].tolist() == [1, 1]
    assert infos[1]["terminal_observation"]["n"] == 2
    sb3.PPO("MultiInputPolicy", env, n_steps=4, batch_size=4, n_epochs=1).learn(8)


@pytest.mark.parametrize(
    ("algorithm", "id", "settings"),
    [
        (sb3.PPO, "CartPole-v1", {"n_steps": 8, "batch_size": 8, "n_epochs": 1}),
        (sb3.A2C, "CartPole-v1", {}),
        (sb3.DQN, "CartPole-v1", {"learning_starts": 8, "buffer_size": 100}),
        (sb3.SAC, "Pendulum-v1", {"learning_starts": 8, "buffer_size": 100, "policy_kwargs": {"net_arch": [8]}}),
    ],
)
def test_algorithms_learn_save_load_and_are_evaluated(algorithm, id, settings, tmp_path):
    env = VecMonitor(SB3VecEnv(same_step(id, 2, max_episode_steps=12)))
    model = algorithm("MlpPolicy", env, seed=0, device="cpu", **settings)
    model.learn(32, progress_bar=algorithm is sb3.PPO)
    model.save(tmp_path / "agent.zip")
    loaded = algorithm.load(tmp_path / "agent.zip", env=env, device="cpu")
    observations = env.reset()
    np.testing.assert_array_equal(
        model.predict(observations, deterministic=True)[0], loaded.predict(observations, deterministic=True)[0]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        returns, lengths = evaluate_policy(loaded, env, n_eval_episodes=4, return_episode_rewards=True)
    assert len(returns) == 4
    assert max(lengths) <= 12


def test_normalised_observations_and_rewards(tmp_path):
    env = VecNormalize(SB3VecEnv(same_step("CartPole-v1", 4)))
    sb3.PPO("MlpPolicy", env, n_steps=8, batch_size=32, n_epochs=1, device="cpu").learn(32)
    env.save(str(tmp_path / "statistics.pkl"))
    assert env.obs_rms.count > 32


def test_ppo_learns_the_identity(Identity):
    env = VecMonitor(SB3VecEnv(Identity(16, length=10)))
    settings = {"n_steps": 16, "batch_size": 64, "learning_rate": 1e-2, "gamma": 0.0, "n_epochs": 4}
    model = sb3.PPO("MlpPolicy", env, seed=0, device="cpu", policy_kwargs={"net_arch": [16]}, **settings)
    model.learn(4096)
    assert evaluate_policy(model, env, 16)[0] == 10
