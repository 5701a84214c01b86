"""The environments: Gymnasium's contracts, rows equal to single games, autoreset, states put back."""

from __future__ import annotations

import re
import warnings
from dataclasses import fields

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3.common.env_checker as sb3
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import worldsim  # noqa: F401  (registers the ids)
from worldsim.envs.pacman.env import PacManEnv, PacManVectorEnv
from worldsim.envs.pacman.types import PacManState
from worldsim.errors import BadInput

IDS = ("WorldSim/PacMan-v0", "WorldSim/PacManFlag-v0", "WorldSim/PacManMaze-v0")


def assert_equal_states(one: PacManState, other: PacManState) -> None:
    for field in fields(PacManState):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)


@pytest.mark.parametrize("observation", ["pixels", "grid"])
@pytest.mark.parametrize("id", IDS)
def test_both_check_envs_pass_without_unexpected_warnings(id, observation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A grid of uint8 planes looks like an image to Stable-Baselines3, which then says that it is none.
        warnings.filterwarnings("ignore", message="It seems that your observation.*image")
        warnings.filterwarnings("ignore", message="The minimal resolution for an image is 36x36")
        env = gym.make(id, observation=observation, render_mode="rgb_array")
        check_env(env.unwrapped)
        sb3.check_env(env.unwrapped)
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.spec.to_json()
        env.close()


@pytest.mark.parametrize("id", IDS)
def test_spaces_types_and_metadata(id):
    env = gym.make(id)
    assert env.observation_space == gym.spaces.Box(0, 255, (84, 84, 3), np.uint8)
    assert env.action_space == gym.spaces.Discrete(5)
    assert env.metadata["render_fps"] == 8
    observation, info = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    observation, reward, terminated, truncated, info = env.step(np.int64(2))
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert set(info) == {"score", "outcome"}
    grid = gym.make(id, observation="grid")
    assert grid.observation_space == gym.spaces.Box(0, 1, (7, 7, 22), np.uint8)
    assert grid.observation_space.contains(grid.reset(seed=1)[0])


def test_seeds_repeat_and_episodes_go_on():
    env = PacManEnv("flag")
    first, second = env.reset(seed=7)[0], env.reset()[0]
    assert (first != second).any()
    again, after = env.reset(seed=7)[0], env.reset()[0]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(second, after)
    assert (env.reset(seed=8)[0] != first).any()
    assert (PacManEnv("flag").reset()[0] != PacManEnv("flag").reset()[0]).any()  # unseeded: from entropy


@pytest.mark.parametrize("observation", ["pixels", "grid"])
@pytest.mark.parametrize("id", IDS)
def test_each_row_equals_the_single_game_with_its_seed_bit_for_bit(id, observation):
    count, steps, seed = 5, 230, 11
    actions = np.random.default_rng(0).integers(0, 5, (steps, count))
    actions[:, 3] = 0
    many = gym.make_vec(id, num_envs=count, observation=observation)
    assert many.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    singles = [gym.make(id, observation=observation) for _ in range(count)]
    observations, _ = many.reset(seed=seed)
    ends = 0
    for row, env in enumerate(singles):
        np.testing.assert_array_equal(env.reset(seed=seed + row)[0], observations[row])
    for step in range(steps):
        observations, rewards, terminated, truncated, info = many.step(actions[step])
        for row, env in enumerate(singles):
            observation, reward, ended, cut, own = env.step(actions[step, row])
            assert (reward, ended, cut) == (rewards[row], terminated[row], truncated[row])
            if ended or cut:
                ends += 1
                np.testing.assert_array_equal(info["final_obs"][row], observation)
                assert info["_final_obs"][row]
                assert info["_final_info"][row]
                assert {key: info["final_info"][key][row] for key in own} == own
                observation, own = env.reset()
            elif "_final_obs" in info:
                assert not info["_final_obs"][row]
                assert info["final_obs"][row] is None
            np.testing.assert_array_equal(observations[row], observation)
            assert {key: info[key][row] for key in own} == own
    assert ends >= count
    for row, env in enumerate(singles):
        assert_equal_states(many.state.take(np.array([row])), env.unwrapped.state)


def test_gymnasiums_own_same_step_vector_gives_the_same_infos():
    actions = np.random.default_rng(1).integers(0, 5, (60, 4))
    ours = gym.make_vec(IDS[1], num_envs=4)
    theirs = gym.vector.SyncVectorEnv([lambda: gym.make(IDS[1])] * 4, autoreset_mode=AutoresetMode.SAME_STEP)
    for (obs, info), (other_obs, other_info) in [(ours.reset(seed=3), theirs.reset(seed=3))]:
        np.testing.assert_array_equal(obs, other_obs)
        assert info.keys() == other_info.keys()
    for step in range(60):
        one, other = ours.step(actions[step]), theirs.step(actions[step])
        for mine, reference in zip(one[:4], other[:4], strict=True):
            np.testing.assert_array_equal(mine, reference)
            assert mine.dtype == reference.dtype
        assert one[4].keys() == other[4].keys()
        for key in one[4]:
            if key == "final_info":
                for inner, values in other[4][key].items():
                    np.testing.assert_array_equal(one[4][key][inner], values)
                    assert one[4][key][inner].dtype == values.dtype
            elif key == "final_obs":
                assert all(np.array_equal(a, b) for a, b in zip(one[4][key], other[4][key], strict=True))
                assert one[4][key].dtype == object
            else:
                np.testing.assert_array_equal(one[4][key], other[4][key])
    theirs.close()


def test_a_row_does_not_notice_how_often_others_end():
    calm, wild = PacManVectorEnv(3, task="flag"), PacManVectorEnv(3, task="flag")
    calm.reset(seed=5)
    wild.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(120):
        mine, one, other = rng.integers(0, 5, 3)
        a = calm.step(np.array([mine, 0, 0]))
        b = wild.step(np.array([mine, one, other]))
        np.testing.assert_array_equal(a[0][0], b[0][0])
        assert (a[1][0], a[2][0]) == (b[1][0], b[2][0])


def test_a_list_of_seeds_seeds_the_rows():
    env = PacManVectorEnv(3)
    together = env.reset(seed=[4, 9, 4])[0]
    np.testing.assert_array_equal(together[0], together[2])
    np.testing.assert_array_equal(together[1], PacManEnv().reset(seed=9)[0])
    with pytest.raises(BadInput, match="expected 3 seeds"):
        env.reset(seed=[1, 2])


def test_outputs_own_their_memory():
    env = PacManVectorEnv(64, task="flag")
    kept = [env.reset(seed=0)[0]]
    copies = [kept[0].copy()]
    for _ in range(45):
        outcome = env.step(env.action_space.sample())
        kept += [outcome[0], outcome[1], outcome[2], outcome[4]["score"]]
        kept += [frame for frame in outcome[4].get("final_obs", []) if frame is not None]
        copies += [array.copy() for array in kept[len(copies) :]]
    for array, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    final = kept[-1]
    assert final.base is None or final.base.nbytes <= final.nbytes


def test_set_state_branches_and_both_branches_go_on_alike():
    env = PacManEnv("arcade")
    env.reset(seed=2)
    for action in (1, 2, 3, 4, 1, 1):
        env.step(action)
    saved = env.state
    first = [env.step(action) for action in (3, 3, 2, 4, 1)]
    other = PacManEnv("arcade")
    np.testing.assert_array_equal(other.set_state(saved), env.paint(saved)[0])
    second = [other.step(action) for action in (3, 3, 2, 4, 1)]
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        assert one[1:] == two[1:]
    assert_equal_states(env.state, other.state)
    assert_equal_states(saved, saved.copy())


def test_the_state_is_a_copy_and_paint_takes_any_state():
    env = PacManVectorEnv(4, task="flag")
    observation = env.reset(seed=0)[0]
    state = env.state
    np.testing.assert_array_equal(env.paint(state), observation)
    np.testing.assert_array_equal(env.paint(state.take(np.array([2]))), observation[2:3])
    state.food[:] = False
    state.player += 1
    np.testing.assert_array_equal(env.paint(), observation)
    np.testing.assert_array_equal(env.set_state(state), env.paint(state))


def test_states_of_another_size_are_refused():
    env = PacManEnv("arcade")
    for other in (PacManVectorEnv(2), PacManVectorEnv(1, board=20), PacManVectorEnv(1, task="flag")):
        other.reset(seed=0)
        with pytest.raises(BadInput, match="make the environment to fit"):
            env.set_state(other.state)


@pytest.mark.parametrize(
    "actions",
    [[0, 1], [0, 1, 5], [0, -1, 2], [0.0, 1.0, 2.0], [[0], [1], [2]]],
    ids=["few", "big", "low", "float", "2d"],
)
def test_actions_that_are_none_are_refused(actions):
    env = PacManVectorEnv(3)
    env.reset(seed=0)
    with pytest.raises(BadInput, match=re.escape("expected actions as (3,) integers in 0..4")):
        env.step(np.array(actions))


def test_a_single_action_that_is_none_is_refused():
    env = PacManEnv()
    env.reset(seed=0)
    with pytest.raises(BadInput, match=r"expected an action in 0\.\.4 .* got 5"):
        env.step(5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"observation": "ram"}, "'pixels' or 'grid'"),
        ({"view": 6}, "odd number"),
        ({"view": 1}, "odd number"),
        ({"skin": "sepia"}, "expected skin 'arcade'"),
        ({"task": "race"}, "expected task"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(arguments, said):
    with pytest.raises(BadInput, match=said):
        PacManEnv(**arguments)


def test_render_shows_what_the_player_sees():
    pixels = PacManEnv("flag", render_mode="rgb_array")
    observation = pixels.reset(seed=0)[0]
    np.testing.assert_array_equal(pixels.render(), observation)
    grid = PacManVectorEnv(2, task="flag", observation="grid", render_mode="rgb_array")
    grid.reset(seed=0)
    frames = grid.render()
    assert isinstance(frames, tuple)
    np.testing.assert_array_equal(frames[0], observation)
    assert PacManEnv().render() is None


def test_keys_for_a_person():
    keys = PacManEnv().get_keys_to_action()
    assert sorted(keys.values()) == [0, 1, 2, 3, 4]
    assert keys[("w",)] == 3


def test_without_autoreset_rows_that_ended_wait() -> None:
    """The same games as with autoreset up to their ends; the last observation stays in its place."""
    kwargs = {"num_envs": 3, "task": "arcade", "max_episode_steps": 7}
    waits, goes_on = PacManVectorEnv(autoreset_mode=AutoresetMode.DISABLED, **kwargs), PacManVectorEnv(**kwargs)
    seen, _ = waits.reset(seed=4)
    assert np.array_equal(seen, goes_on.reset(seed=4)[0])
    for _ in range(7):
        seen, *told, info = waits.step(np.full(3, 1))
        other, *expected, others = goes_on.step(np.full(3, 1))
        assert all(np.array_equal(a, b) for a, b in zip(told, expected, strict=True))
    assert told[2].all()
    assert "final_obs" not in info
    assert np.array_equal(seen, np.stack(list(others["final_obs"])))
    assert not np.array_equal(seen, other)
    again, _ = waits.reset(seed=[0, 9, 0], options={"reset_mask": np.array([False, True, False])})
    assert np.array_equal(again[[0, 2]], seen[[0, 2]])
    assert np.array_equal(again[1], goes_on.reset(seed=9)[0][0])
    with pytest.raises(BadInput, match=r"rows \[0, 2\] have ended"):
        waits.step(np.full(3, 1))
    waits.reset(options={"reset_mask": np.array([True, False, True])})
    waits.step(np.full(3, 1))
    with pytest.raises(BadInput, match="SAME_STEP or DISABLED"):
        PacManVectorEnv(2, autoreset_mode=AutoresetMode.NEXT_STEP)
