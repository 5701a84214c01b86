"""Dreams as Gymnasium environments: both checkers, both ways of making one, every option."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import worldsim
from tests.worlds import spatial_folder
from worldsim.checkpoint import KINDS
from worldsim.envs import dream
from worldsim.errors import BadInput
from worldsim.testing import check_vector_env


def make(**options: object) -> gym.Env:
    return gym.make("WorldSim/Dream-v0", model=str(spatial_folder()), **options)


def make_vec(rows: int, **options: object) -> gym.vector.VectorEnv:
    return gym.make_vec("WorldSim/Dream-v0", num_envs=rows, model=str(spatial_folder()), **options)


@pytest.mark.parametrize("observation", ["features", "pixels"])
def test_gymnasiums_and_sb3s_checkers(observation: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(observation=observation, render_mode="rgb_array").unwrapped)
        sb3_check_env(make(observation=observation, render_mode="rgb_array"))


def test_the_vector_environment_keeps_the_contract() -> None:
    check_vector_env(make_vec(5, horizon=4))


def test_a_row_is_the_single_environment_with_its_seed_over_many_episodes() -> None:
    vector, single = make_vec(3, horizon=5), make(horizon=5)
    seen, _ = vector.reset(seed=40)
    alone, _ = single.reset(seed=42)
    np.testing.assert_allclose(seen[2], alone, atol=1e-5)
    for t in range(17):
        action = (t * 3) % 5
        seen, reward, terminated, truncated, info = vector.step(np.array([0, 1, action]))
        alone, r, over, cut, _ = single.step(action)
        assert (reward[2], terminated[2], truncated[2]) == (r, over, cut)
        if over or cut:
            np.testing.assert_allclose(info["final_obs"][2], alone, atol=1e-5)
            alone, _ = single.reset()
        np.testing.assert_allclose(seen[2], alone, atol=1e-5)


def test_horizon_truncates() -> None:
    env = make_vec(4, horizon=3)
    env.reset(seed=0)
    ages = np.zeros(4, int)
    for _ in range(9):
        _, _, terminated, truncated, _ = env.step(np.zeros(4, int))
        ages += 1
        assert (truncated == ((ages == 3) & ~terminated)).all()
        ages[terminated | truncated] = 0


def test_patience_ends_an_episode_that_pays_nothing() -> None:
    vector, single = make_vec(3, patience=2), make(patience=2)
    vector.reset(seed=7)
    single.reset(seed=8)
    unpaid, waited = np.zeros(3, int), 0
    for _ in range(30):
        _, reward, terminated, truncated, _ = vector.step(np.zeros(3, int))
        unpaid = np.where(reward > 0, 0, unpaid + 1)
        assert terminated[unpaid == 2].all()
        assert unpaid.max() <= 2
        waited += int((unpaid == 2).sum())
        assert single.step(0)[2] == terminated[1]
        if terminated[1] or truncated[1]:
            single.reset()
        unpaid[terminated | truncated] = 0
    assert waited
    with pytest.raises(BadInput, match="patience must be at least 0"):
        make_vec(2, patience=-1)


def test_pixels_are_what_is_rendered() -> None:
    env = make(observation="pixels", render_mode="rgb_array")
    seen, info = env.reset(seed=3, options={"opening": 5})
    assert info["opening"] == 5
    assert seen.shape == (84, 84, 3)
    assert seen.dtype == np.uint8
    assert (seen == env.render()).all()
    assert env.unwrapped.num_openings == 12


def test_branching() -> None:
    env = make()
    env.reset(seed=1)
    env.step(1)
    fork = env.unwrapped.get_state()
    one = env.step(2)[0]
    env.step(3)
    env.unwrapped.set_state(fork)
    assert (env.step(2)[0] == one).all()


def test_temperature_can_change_at_any_time() -> None:
    env = make(temperature=0.5)
    env.reset(seed=1)
    env.unwrapped.temperature = 1.3
    assert env.unwrapped.temperature == 1.3
    env.reset(seed=2)
    assert float(env.unwrapped.dream.state["temperature"][0]) == pytest.approx(1.3)


def test_bad_input_is_one_line() -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(BadInput, match=r"expected actions in Discrete\(5\)"):
        env.step(5)
    vector = make_vec(2)
    vector.reset(seed=0)
    with pytest.raises(BadInput, match=r"expected actions of shape \(2,\), got \(3,\)"):
        vector.step(np.zeros(3, int))
    with pytest.raises(BadInput, match="no world named 'nowhere'"):
        gym.make("WorldSim/Dream-v0", model="nowhere")
    with pytest.raises(BadInput, match="a dream needs a world"):
        gym.make("WorldSim/Dream-v0")
    with pytest.raises(BadInput, match="observation must be one of features, pixels"):
        make(observation="smells")
    with pytest.raises(BadInput, match="expected openings from 0 to 11"):
        env.reset(seed=0, options={"opening": 12})


def test_a_loaded_world_needs_no_name() -> None:
    world = worldsim.load(spatial_folder())
    env = worldsim.envs.dream.DreamVectorEnv(2, world)
    assert env.reset(seed=0)[0].shape == (2, *world.model.observation_space.shape)


def test_environments_know_no_model_by_name() -> None:
    models = {path.split(":")[0].split(".")[1] for path in KINDS.values()}
    assert "gnn" in models
    for path in sorted(Path(dream.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not (name.startswith("worldsim.") and name.split(".")[1] in models), (path.name, name)
