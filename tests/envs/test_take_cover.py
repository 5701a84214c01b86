"""TakeCover as World Models played it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

from worldsim.errors import BadInput


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gym.Env]:
    pytest.importorskip("vizdoom")
    env = gym.make("WorldSim/TakeCover-v0", render_mode="rgb_array")
    yield env
    env.close()


def test_the_papers_task(game: gym.Env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = game.unwrapped._game
    assert settings.get_doom_skill() == 5
    assert (settings.get_screen_width(), settings.get_screen_height()) == (640, 480)
    assert settings.get_episode_start_time() == 14
    assert game.spec.max_episode_steps == 2100
    frame, _ = game.reset(seed=0)
    assert settings.get_episode_time() == 14
    assert frame.shape == (64, 64, 3)
    assert game.render().shape == (400, 640, 3)
    assert abs(int(frame.mean()) - int(game.render().mean())) <= 1
    before = settings.get_episode_time()
    _, reward, terminated, truncated, _ = game.step(np.zeros(1, np.float32))
    assert (reward, terminated, truncated) == (1.0, False, False)
    assert settings.get_episode_time() == before + 1


def test_thirds_of_the_action(game: gym.Env) -> None:
    buttons = [game.unwrapped._buttons(np.array([x], np.float32)) for x in (-1, -0.34, -0.33, 0.33, 0.34, 1)]
    assert buttons == [[False, True], [False, True], [False, False], [False, False], [True, False], [True, False]]
    keys = game.unwrapped.get_keys_to_action()
    assert [game.unwrapped._buttons(keys[key]) for key in ((), ("right",), ("left",))] == [
        [False, False],
        [True, False],
        [False, True],
    ]


def test_an_episode_is_a_function_of_its_seed_and_ends_in_death(game: gym.Env) -> None:
    def play(seed: int) -> tuple[list[int], float]:
        frame, _ = game.reset(seed=seed)
        sums, total, ended = [int(frame.sum())], 0.0, False
        while not ended:
            frame, reward, ended, _, _ = game.step(np.zeros(1, np.float32))
            sums.append(int(frame.sum()))
            total += float(reward)
        assert total == len(sums) - 1
        return sums, total

    first, total = play(7)
    assert 10 < total < 1000
    assert play(7) == (first, total)
    assert play(8)[0] != first


def test_nothing_is_left_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vizdoom")
    monkeypatch.chdir(tmp_path)
    env = gym.make("WorldSim/TakeCover-v0", skill=4, continuous=False)
    env.reset(seed=0)
    assert env.unwrapped._game.get_doom_skill() == 4
    assert env.action_space == gym.spaces.Discrete(3)
    assert [env.unwrapped._buttons(a) for a in range(3)] == [[False, False], [True, False], [False, True]]
    folder = Path(env.unwrapped._folder.name)
    env.close()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", ["", "; del env", "; env.close(); env.close()"])
def test_a_game_that_nobody_closes_ends_quietly(last: str, tmp_path: Path) -> None:
    pytest.importorskip("vizdoom")
    code = "import gymnasium, worldsim; env = gymnasium.make('WorldSim/TakeCover-v0'); env.reset(seed=0)" + last
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.glob("worldsim-doom-*")) == []


def test_what_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="skill is 1 to 5"):
        gym.make("WorldSim/TakeCover-v0", skill=6)
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    with pytest.raises(DependencyNotInstalled, match=r'pip install "worldsim-rl\[vizdoom\]"'):
        gym.make("WorldSim/TakeCover-v0")
