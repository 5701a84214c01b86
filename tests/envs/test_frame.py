"""FrameEnv: cutting, shrinking, holding actions; the id by which recordings name it."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import worldsim
from worldsim.agents.seat import find_seat
from worldsim.data.record import record
from worldsim.envs.frame import FrameEnv
from worldsim.envs.shrink import shrink
from worldsim.errors import BadInput
from worldsim.vision_memory.train import TrainVisionMemory

PACMAN = "WorldSim/PacMan-v0"


def test_the_picture_is_cut_and_shrunk() -> None:
    plain, env = gym.make(PACMAN), FrameEnv(PACMAN, rows=(10, 70), columns=(0, 50), size=(30, 25))
    check_env(env.unwrapped, skip_render_check=True)
    whole, _ = plain.reset(seed=3)
    seen, _ = env.reset(seed=3)
    assert env.observation_space.shape == seen.shape == (30, 25, 3)
    assert np.array_equal(seen, shrink(whole[10:70, :50], 30, 25))
    assert env.get_wrapper_attr("get_keys_to_action")() == plain.unwrapped.get_keys_to_action()


def test_an_action_is_held_and_its_rewards_add_up() -> None:
    plain, env = gym.make(PACMAN), FrameEnv(PACMAN, frame_skip=3)
    plain.reset(seed=1)
    env.reset(seed=1)
    for action in (1, 2, 3, 4, 1, 1):
        steps = [plain.step(action) for _ in range(3)]
        seen, reward, *_ = env.step(action)
        assert reward == sum(step[1] for step in steps)
        assert np.array_equal(seen, steps[-1][0])


def test_it_stops_at_the_end_of_an_episode() -> None:
    plain, env = gym.make("WorldSim/PacManFlag-v0"), FrameEnv(gym.make("WorldSim/PacManFlag-v0"), frame_skip=7)
    plain.reset(seed=0)
    env.reset(seed=0)
    length = next(n for n in range(1, 41) if plain.step(0)[2])
    ends = [env.step(0)[2] for _ in range(-(-length // 7))]
    assert length % 7
    assert ends == [False] * (len(ends) - 1) + [True]


def test_an_environment_without_pictures_is_drawn() -> None:
    env = FrameEnv("CartPole-v1", rows=(150, 350), size=(20, 60))
    assert env.reset(seed=0)[0].std() > 0
    assert env.step(1)[0].shape == (20, 60, 3)
    with pytest.raises(BadInput, match='render_mode="rgb_array"'):
        FrameEnv(gym.make("CartPole-v1"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"rows": (50, 20)}, "rows are"), ({"columns": (0, 85)}, "columns are"), ({"size": 0}, "size is")]
    + [({"frame_skip": 0}, "frame_skip")],
)
def test_what_is_left_must_be_a_picture(wrong: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        FrameEnv(PACMAN, **wrong)


def test_ms_pacman_is_recorded_by_its_id(tmp_path: Path) -> None:
    pytest.importorskip("ale_py")
    kwargs = {"env": "ALE/MsPacman-v5", "rows": [0, 172], "size": 42, "max_num_frames_per_episode": 160}
    made = record("WorldSim/Frame-v0", "random", 2, tmp_path, num_envs=1, env_kwargs=kwargs)
    assert made.frame_shape == (42, 42, 3)
    assert made.env_kwargs == kwargs
    assert made[0].frames.std() > 0
    env = gym.make(made.env_id, **made.env_kwargs)
    assert np.array_equal(env.reset(seed=int(made.seeds[1]))[0], made[1].frames[0])


def test_it_is_offered_by_the_package() -> None:
    assert worldsim.envs.FrameEnv is FrameEnv


def test_a_world_learns_from_it(tmp_path: Path) -> None:
    """A wrapper as a registered environment: what is read off classes elsewhere is read off it, too."""
    kwargs = {"env": "WorldSim/PacManFlag-v0", "size": 16}
    record("WorldSim/Frame-v0", "sticky", 3, tmp_path / "recording", env_kwargs=kwargs)
    sizes = {"latent": 3, "hidden": 8, "vision_steps": 1, "vision_batch": 4, "memory_steps": 1, "memory_batch": 2}
    TrainVisionMemory(tmp_path / "recording", tmp_path / "world", device="cpu", openings=2, **sizes).run()
    seat = find_seat(tmp_path / "world").in_reality()
    assert (seat.env_id, seat.env_kwargs) == ("WorldSim/Frame-v0", kwargs)
    eyes = seat.open(2)
    assert eyes.reset(seed=0)[0].shape == (2, 11)
    eyes.close()
