"""The demo: every stage once, again, interrupted; and the moving picture of reality beside the dream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

import worldsim
from tests.worlds import spatial_folder
from worldsim.agents.agent import load_agent
from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.bundled import bundled
from worldsim.cli import main
from worldsim.noise import normals, stream_keys
from worldsim.side_by_side import Scene, Take, picture, play_scene

ROOT = Path(__file__).resolve().parents[1]
STAGES = ["record", "train", "learn", "evaluate", "picture"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished quick demo."""
    out = tmp_path_factory.mktemp("demo") / "out"
    assert run(out) == 0
    return out


def run(out: Path, *more: str) -> int:
    return main(["demo", "--quick", "--world", str(spatial_folder()), "--out", str(out), "--threads", "1", *more])


def test_every_stage_leaves_what_it_says(out: Path) -> None:
    kept = json.loads((out / "demo.json").read_text())
    assert list(kept["stages"]) == STAGES
    assert len(worldsim.Recording(out / "recording")) == kept["stages"]["record"]["episodes"] == 24
    assert worldsim.load(out / "small").provenance["steps"] == kept["stages"]["train"]["updates"]
    assert load_agent(out / "agent").about["steps"] == kept["stages"]["learn"]["steps"] >= 4096
    scores = kept["stages"]["evaluate"]
    for agent in ("random", "agent"):
        assert scores[agent]["reality"]["seeds"] == scores[agent]["dream"]["seeds"]
        assert scores[agent]["reality"]["low"] < scores[agent]["reality"]["mean"] < scores[agent]["reality"]["high"]
    assert scores["agent"]["reality"]["env"] == "WorldSim/PacManFlag-v0 through untrained"
    assert scores["agent"]["dream"]["env"] == "dream of untrained"
    with Image.open(out / "dream.gif") as gif:
        assert gif.n_frames > 5
        assert gif.size[0] > 2 * 84 * 3
    assert (out / "dream.gif").stat().st_size == kept["stages"]["picture"]["bytes"] < 3_000_000


def test_again_does_nothing_twice_and_shows_the_table(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert run(out) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before
    shown = capsys.readouterr().out
    assert shown.count("done before") == len(STAGES)
    scores = json.loads((out / "demo.json").read_text())["stages"]["evaluate"]
    for agent in ("random", "agent"):
        for place in ("reality", "dream"):
            assert f"{scores[agent][place]['mean']:.2f}  ({scores[agent][place]['low']:.2f} to" in shown
    assert shown.count("worldsim ") >= 3  # where to go next


def test_a_folder_of_another_demo_is_refused(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(out, "--seed", "1") == 2
    line = capsys.readouterr().err
    assert "holds a demo with seed 0, not 1" in line
    assert line.count("\n") == 1


def test_without_the_bundled_world_one_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--world", "pacman-absent", "--out", str(tmp_path / "out")]) == 2
    line = capsys.readouterr().err
    assert "no world named 'pacman-absent' in this installation" in line
    assert "--world FOLDER" in line
    assert line.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_ctrl_c_is_one_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "worldsim", "demo", "--world", str(spatial_folder()), "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    demo = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    for line in demo.stdout:  # not --quick: the training of the small world lasts long enough to be stopped
        if line.startswith("[2/5]"):
            break
    demo.send_signal(signal.SIGINT)
    _, error = demo.communicate(timeout=280)
    assert demo.returncode == 130
    last = error.strip().splitlines()[-1]
    assert last.startswith("worldsim: stage 2 of 5: ")
    assert "the same command goes on" in last
    assert "Traceback" not in error
    assert list(json.loads((out / "demo.json").read_text())["stages"]) == ["record"]
    assert len(worldsim.Recording(out / "recording")) == 300


def test_both_begin_alike_and_the_dream_goes_on_from_the_real_game(out: Path) -> None:
    world, agent = worldsim.load(spatial_folder()), load_agent(out / "agent")
    scene = play_scene(world, agent.model, seed=EVALUATION_SEEDS, shared=2)
    for take in (scene.reality, scene.dream):
        assert len(take.frames) == len(take.scores) > 3
        assert np.array_equal(np.stack(take.frames[:3]), np.stack(scene.reality.frames[:3]))
        assert take.scores[:3] == scene.reality.scores[:3]
    env = gym.make("WorldSim/PacManFlag-v0")
    assert np.array_equal(scene.reality.frames[0], env.reset(seed=EVALUATION_SEEDS)[0])
    assert scene.reality.ended  # the flag task ends at its 40th step at the latest
    assert len(scene.reality.frames) <= 41
    assert np.stack(scene.dream.frames[3:]).dtype == np.uint8
    again = play_scene(world, agent.model, seed=EVALUATION_SEEDS, shared=2)
    assert np.array_equal(np.stack(again.reality.frames), np.stack(scene.reality.frames))
    assert np.array_equal(np.stack(again.dream.frames), np.stack(scene.dream.frames))
    other = play_scene(world, agent.model, seed=EVALUATION_SEEDS, longest=5, shared=2)
    assert len(other.dream.frames) <= 6


def test_the_dream_of_a_scene_is_what_the_model_imagines(out: Path) -> None:
    """One step by hand: follow the real frames, then imagine with the noise of the seed."""
    world, agent, seed = worldsim.load(spatial_folder()), load_agent(out / "agent"), EVALUATION_SEEDS + 1
    take = play_scene(world, agent.model, seed, longest=3, shared=1).dream
    real = gym.make("WorldSim/PacManFlag-v0")
    real.reset(seed=seed)
    possible = []
    for first in range(5):
        frames = [real.reset(seed=seed)[0], real.step(first)[0]]
        if np.array_equal(frames[1], take.frames[1]):
            shown = [torch.from_numpy(frame)[None] for frame in frames]
            nothing = torch.zeros(1, world.model.noise_size)
            state = world.model.follow(world.model.start(shown[0], nothing), torch.tensor([first]), shown[1], nothing)
            noise = normals(stream_keys(torch.tensor([seed])), torch.tensor([1 << 20]), world.model.noise_size)
            for action in range(5):
                after = world.model.imagine(state, torch.tensor([action]), noise).state
                possible.append(world.model.render(after)[0].numpy())
    assert any(np.array_equal(frame, take.frames[2]) for frame in possible)


def test_pictures_are_crisp_and_dim_at_the_end() -> None:
    rng = np.random.default_rng(0)
    real, dreamed = (rng.integers(0, 256, (3, 84, 84, 3)).astype(np.uint8) for _ in range(2))
    scene = Scene(5, 1, Take(list(real), [0.0, 1.0, 2.0], True), Take(list(dreamed), [0.0, 0.5, 0.5]))
    last = picture(scene, 2, "a")
    assert np.array_equal(picture(scene, 9, "a"), last)  # the last frame stays
    panels = last[28 : 28 + 336, 12 : 12 + 336], last[28 : 28 + 336, 360 : 360 + 336]
    assert np.array_equal(panels[0], real[2].repeat(4, 0).repeat(4, 1) // 2)  # over
    assert np.array_equal(panels[1], dreamed[2].repeat(4, 0).repeat(4, 1))  # was cut, not over
    assert not np.array_equal(picture(scene, 1, "a")[-28:], last[-28:])  # the captions change


@pytest.mark.parametrize("name", sorted({"pacman-spatial", "pacman-vm"} & set(bundled())))
def test_the_real_game_comes_to_the_openings_of_bundled_worlds(name: str) -> None:
    """Or the game has changed since: then its ids need a new version, and the world a new recording."""
    world = worldsim.load(name)
    about = world.openings.shard.about
    env = gym.make(about.env_id, **about.env_kwargs)
    for i in range(16):
        episode = world.openings.episode(i)
        frames = [env.reset(seed=episode.seed)[0], *(env.step(int(action))[0] for action in episode.actions)]
        assert np.array_equal(np.stack(frames), episode.frames)
    assert world.provenance["render_fps"] == env.metadata["render_fps"]
