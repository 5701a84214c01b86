"""play(): scripts, agents, dreams, refusals, and the real command line."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, Shell
from tests.dots import Dot, DreamedDot
from tests.worlds import spatial_folder
from worldsim.envs.dream import DreamEnv
from worldsim.errors import BadInput
from worldsim.playing.controls import controls_for
from worldsim.playing.key_script import Stroke, parse
from worldsim.playing.play import open_environment, play
from worldsim.playing.player import Beginning, Player, Transition


def test_scripts() -> None:
    assert parse("right*10, up+right*3,none*5,p,.*4,shift+r,+,-*2") == [
        Stroke(("right",), 10),
        Stroke(("up", "right"), 3),
        Stroke(("none",), 5),
        Stroke(("p",), 1),
        Stroke((".",), 4),
        Stroke(("shift", "r"), 1),
        Stroke(("+",), 1),
        Stroke(("-",), 2),
    ]
    with pytest.raises(BadInput, match="expected keys like"):
        parse("right++up")
    with pytest.raises(BadInput, match="no key is called 'rihgt'"):
        play(Dot(), headless=True, steps=3, script="rihgt*3")


def test_a_script_plays_step_by_step() -> None:
    env = DreamedDot()
    played = play(env, headless=True, steps=12, script="right*3,none*2,left,p,.*2,none*3,p,+*2,right*2", seed=1)
    assert env.actions == [2, 2, 2, 1, 1, 0, 1, 1, 2, 2, 1]
    assert env.temperature == 1.2
    assert played.steps == 11
    assert played.score == 5
    assert played.episodes == 0
    assert "11 steps" in str(played)
    assert played.step_milliseconds > 0
    assert played.draw_milliseconds > 0


def test_headless_runs_start_finished_episodes_anew(tmp_path: Path) -> None:
    env = Dot(length=4)
    moments: list[Beginning | Transition] = []
    played = play(
        env, headless=True, steps=10, seed=3, gif=tmp_path / "a.gif", screenshot=tmp_path / "a.png",
        on_reset=moments.append, on_step=moments.append,
    )  # fmt: skip
    assert played.steps == 10
    assert played.episodes == 2
    assert [seed for seed, _ in env.resets] == [3, 4, 5]
    assert [isinstance(moment, Beginning) for moment in moments] == [i in (0, 5, 10) for i in range(13)]
    last = moments[9]
    assert isinstance(last, Transition)
    assert last.terminated
    assert last.frame[5, 8].tolist() == [255, 4, 0]
    assert played.written == (tmp_path / "a.png", tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 13
    assert play(env, headless=True, episodes=3).episodes == 3


def test_real_time_is_steady() -> None:
    """Thirty pictures and ten steps a second; the bounds are wide, because other programs run beside the tests."""
    played = play(Dot(), steps=8)
    assert 15 < played.refreshes_per_second < 31
    assert 5 < played.steps_per_second < 12


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="needs an end"):
        play(Dot(), headless=True)
    with pytest.raises(BadInput, match="there is no folder"):
        play(Dot(), headless=True, steps=1, gif=tmp_path / "absent" / "a.gif")
    with pytest.raises(BadInput, match=r"ends with .gif, got .*a.txt"):
        play(Dot(), headless=True, steps=1, gif=tmp_path / "a.txt")
    with pytest.raises(BadInput, match="no openings, only dreams have"):
        play(Dot(), headless=True, steps=1, opening=2)
    with pytest.raises(BadInput, match="openings 0 to 4"):
        play(DreamedDot(), headless=True, steps=1, opening=5)
    player = Player(Dot(length=1))
    player.step(0)
    with pytest.raises(BadInput, match="this episode has ended"):
        player.step(0)
    with pytest.raises(BadInput, match="expected a picture"):
        Player(gym.make("WorldSim/PacMan-v0"))
    with pytest.raises(BadInput, match="CarPole-v1 is no gymnasium id.*`CartPole`.*did you mean CartPole-v1"):
        open_environment("CarPole-v1")
    with pytest.raises(BadInput, match="expected a world folder"):
        open_environment(tmp_path)
    with pytest.raises(BadInput, match="no temperature and no horizon"):
        open_environment("CartPole-v1", temperature=0.5)
    monkeypatch.delenv("SDL_VIDEODRIVER")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match="no display to open a window on"):
        play(Dot(), steps=1)


def test_grey_pictures_are_shown_too() -> None:
    env = Dot()
    env.render = lambda: np.full((12, 16, 1), 77, np.uint8)  # type: ignore[method-assign]
    assert Player(env).frame.shape == (12, 16, 3)


def test_a_dream_is_played_with_the_keys_of_its_game(tmp_path: Path) -> None:
    env = open_environment(spatial_folder(), temperature=0.8, horizon=40)
    assert isinstance(env.unwrapped, DreamEnv)
    assert env.unwrapped.temperature == 0.8
    assert dict(controls_for(env).table())["Left or A"] == "left"
    frames: list[np.ndarray] = []
    keep = lambda moment: frames.append(moment.frame)  # noqa: E731
    first = play(env, headless=True, steps=12, seed=4, opening=2, script="right*5,+*2,up*4", on_step=keep)
    assert env.unwrapped.temperature == 1.0
    assert frames[0].shape == (84, 84, 3)
    env.unwrapped.temperature = 0.8
    again = play(env, headless=True, steps=12, seed=4, opening=2, script="right*5,+*2,up*4", on_step=keep)
    assert first.score == again.score
    assert all(np.array_equal(a, b) for a, b in zip(frames[:12], frames[12:], strict=True))
    env.close()


def test_ctrl_c_closes_the_window_and_keeps_the_film(tmp_path: Path) -> None:
    """Under SDL's dummy driver, asked for by conftest, the window runs in real time and for ever."""
    command = [sys.executable, "-u", "-m", "worldsim", "play", "WorldSim/PacMan-v0", "--gif", str(tmp_path / "a.gif")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "Escape" not in process.stdout.readline():  # the last row of the table: the game begins
        assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")
    assert "played" in said
    assert (tmp_path / "a.gif").stat().st_size > 0


def test_the_command(shell: Shell, tmp_path: Path) -> None:
    done = shell(
        "play", "CartPole-v1", "--headless", "30", "--seed", "0", "--script", "right*2,left*2", "--gif", "a.gif"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Left or A" in done.stdout
    assert "played 30 steps" in done.stdout
    assert "next: " in done.stdout
    with Image.open(tmp_path / "a.gif") as image:
        assert 10 <= image.n_frames <= 40
    wrong = shell("play", "CartPole-v1", "--headless", "0")
    assert wrong.returncode == 2
    assert wrong.stderr.strip().count("\n") == 0
    assert "--headless must be above 0" in wrong.stderr
    unknown = shell("play", "pacman-spatail", "--headless", "3")
    assert unknown.returncode == 2
    assert unknown.stderr.strip().count("\n") == 0
    assert "worldsim list" in unknown.stderr
