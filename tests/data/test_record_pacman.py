"""Recording the real game: natively vectorised, and by a policy that was trained on another view of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import worldsim  # noqa: F401  (registers the game)
from tests.data.made import same
from worldsim.data.record import record
from worldsim.data.source import make_source
from worldsim.data.views import find_view, fits
from worldsim.envs.pacman import rules
from worldsim.errors import BadInput

FLAG = "WorldSim/PacManFlag-v0"


def test_the_vector_environment_restarts_rows_with_seeds_of_their_own(tmp_path: Path) -> None:
    source = make_source(FLAG, 6, {}, 100)
    assert type(source.venv.unwrapped).__name__ == "PacManVectorEnv"
    recording = record(FLAG, ["random", "sticky"], 30, tmp_path / "6", num_envs=6)
    env = gym.make(FLAG)
    for episode in [recording[0], recording[17], recording[29]]:
        frames = [env.reset(seed=episode.seed)[0]]
        played = [env.step(action) for action in episode.actions]
        frames += [step[0] for step in played]
        assert np.array_equal(np.stack(frames), episode.frames)
        assert np.array_equal(np.array([step[1] for step in played], np.float32), episode.rewards)
        assert played[-1][2:4] == (episode.terminated, episode.truncated)
    one = record("worldsim:" + FLAG, ["random", "sticky"], 30, tmp_path / "1", num_envs=1)
    assert one.env_id == FLAG
    assert all(same(a, b) for a, b in zip(recording.episodes(), one.episodes(), strict=True))


def test_restarting_a_row_leaves_the_others_alone() -> None:
    source = make_source(FLAG, 4, {}, 100)
    source.reset([1, 2, 3, 4])
    played = source.step(np.full(4, 2))
    again = source.frames(source.restart(np.array([1, 3]), [7, 4]))
    assert np.array_equal(again[[0, 2]], played.frames[[0, 2]])
    assert np.array_equal(again[3], make_source(FLAG, 1, {}, 100).reset([4])[0])


@pytest.mark.parametrize("env_id", [FLAG, "WorldSim/PacMan-v0"])
def test_a_board_is_built_once_for_each_episode(env_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def begin(seeds: Any, *args: Any) -> Any:
        built.append(len(seeds))
        return first(seeds, *args)

    first = rules.begin
    monkeypatch.setattr(rules, "begin", begin)
    recording = record(env_id, "random", 20, tmp_path / "r", num_envs=4)
    assert len(recording) == 20
    assert 20 <= sum(built) <= 20 + 4 * 3  # rows without an episode play on until the last one ends


def test_a_policy_trained_on_the_grid_plays_while_pixels_are_recorded(tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    grid = gym.make(FLAG, observation="grid")
    model = sb3.PPO("MlpPolicy", grid, device="cpu", seed=0, policy_kwargs={"net_arch": [8]})
    with_bias = model.policy.action_net.bias
    with_bias.data[:] = 30 * with_bias.new_tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    model.save(tmp_path / "right")
    spec = f"sb3:{tmp_path / 'right'}"
    recording = record(FLAG, [spec, "random"], 12, tmp_path / "r", num_envs=5)
    assert recording.frame_shape == (84, 84, 3)
    rights = [episode for episode in recording.episodes() if episode.policy.startswith("sb3:right")]
    assert rights
    assert all((episode.actions == 2).all() for episode in rights)


def test_a_view_shows_the_same_games() -> None:
    pixels = gym.make_vec(FLAG, 3)
    grid = gym.make_vec(FLAG, 3, observation="grid")
    pixels.reset(seed=5)
    view = find_view(pixels, FLAG, {}, grid.single_observation_space)
    seen, _ = grid.reset(seed=5)
    assert np.array_equal(view.observe(), seen)
    actions = np.array([1, 3, 4])
    pixels.step(actions)
    assert np.array_equal(view.observe(), grid.step(actions)[0])


def test_no_view_is_one_line() -> None:
    wanted: gym.Space[Any] = gym.spaces.Box(-1, 1, (9,))
    with pytest.raises(BadInput, match="offers no other view"):
        find_view(gym.make_vec(FLAG, 2), FLAG, {}, wanted)
    with pytest.raises(BadInput, match="offers no other view"):
        find_view(gym.make_vec("CartPole-v1", 2), "CartPole-v1", {}, wanted)


def test_which_observations_fit() -> None:
    image = gym.spaces.Box(0, 255, (84, 84, 3), np.uint8)
    turned = gym.spaces.Box(0, 255, (3, 84, 84), np.uint8)  # as SB3 keeps it
    assert fits(image, image)
    assert fits(turned, image)
    assert not fits(gym.spaces.Box(0, 255, (4, 84, 84), np.uint8), image)
    assert not fits(gym.spaces.Box(0, 1, (84, 84, 3)), image)
    assert fits(gym.spaces.Discrete(3), gym.spaces.Discrete(3))
