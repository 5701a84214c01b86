"""worldsim train-agent and worldsim evaluate through the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT
from tests.worlds import spatial_folder
from worldsim.agents import policy
from worldsim.agents.training import train_agent
from worldsim.cli import main

SMALL = ("--num-envs", "4", "--hyperparameters", "n_steps=8", "n_epochs=1", "net_arch=8")


def test_from_the_dream_to_the_table(shell, tmp_path, monkeypatch, capsys):
    world = str(spatial_folder())
    done = shell("train-agent", "--in", world, "--steps", "64", "--horizon", "10", "--out", "agent", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "agent: ppo in dream of untrained, 64 steps in" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: worldsim evaluate agent"

    monkeypatch.chdir(tmp_path)  # the other commands in this process: starting one takes seconds
    assert main(["evaluate", "agent", "--episodes", "8", "--against", "random", "noop"]) == 0
    out = capsys.readouterr().out
    for word in ("8 episodes each", "random", "noop", "dream of untrained, 64 steps", "Flag-v0 through untrained"):
        assert word in out
    assert out.splitlines()[-1] == f"next: worldsim play {world} --agent agent/agent.zip"
    stored = json.loads((tmp_path / "agent" / "evaluation.json").read_text())
    assert [row["agent"] for row in stored] == ["agent", "random", "noop"]
    assert stored[0]["real"]["n"] == stored[0]["dream"]["n"] == 8
    assert main(["evaluate", "random", "--env", "CartPole-v1", "--episodes", "4", "--json", "--against"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "evaluation.json").read_text())


def test_ctrl_c_keeps_the_agents_that_are_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def interrupted(self, observations):
        raise KeyboardInterrupt

    monkeypatch.setattr(policy.Noop, "act", interrupted)
    words = ["evaluate", "random", "--env", "CartPole-v1", "--episodes", "4", "--against", "noop"]
    assert main(words) == 130
    assert "stopped; 1 of 2 agents are scored, in evaluation.json" in capsys.readouterr().err
    assert [row["agent"] for row in json.loads((tmp_path / "evaluation.json").read_text())] == ["random"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("evaluate", "nowhere"), "no agent at nowhere"),
        (("evaluate", "agent", "--env", "Acrobot-v1"), "knows observations (4,) float32, this environment shows (6,)"),
        (("evaluate", "agent", "--env", "Nothing-v0"), "no environment or world 'Nothing-v0'"),
        (("evaluate", "random"), "give the environment (--env ID)"),
        (("evaluate", "agent", "--episodes", "0"), "episodes"),
        (("train-agent", "--in", "CartPole-v1", "--out", "agent", "--seed", "1", *SMALL), "choose another out"),
        (("train-agent", "--in", "CartPole-v1", "--out", "b", "--hyperparameters", "lr=1"), "no hyperparameter 'lr'"),
        (("train-agent", "--in", "CartPole-v1", "--out", "b", "--env-kwargs", "{"), "--env-kwargs must be JSON"),
        (("train-agent", "--in", "CartPole-v1", "--out", "b", "--temperature", "2"), "takes no such argument"),
        (("train-agent", "--in", "CartPole-v1", "--out", "b", "--start-from", "agent"), "--start-from is for cma"),
        (("train-agent", "--in", "CartPole-v1", "--out", "b", "--horizon", "0"), "--horizon must be at least 1, got 0"),
        (
            ("train-agent", "--in", "CartPole-v1", "--out", "b", "--algo", "cma", "--num-envs", "4"),
            "--num-envs and --policy",
        ),
        (("train-agent", "--in", "no-world", "--out", "b"), "no environment or world 'no-world'"),
    ],
)
def test_mistakes_are_one_line(arguments, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}
    train_agent("CartPole-v1", steps=32, out="agent", num_envs=4, hyperparameters=settings)
    assert main(list(arguments)) == 2
    errors = capsys.readouterr().err
    assert line in errors
    assert len(errors.strip().splitlines()) == 1, errors


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_a_kill_saves_and_the_same_command_goes_on(how, tmp_path, monkeypatch):
    arguments = ["train-agent", "--in", "CartPole-v1", "--out", "agent", "--steps", "1000000", "--num-envs", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "worldsim", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "agent" / "train.jsonl"
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().count("\n") > 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "of 1,000,000 steps; the agent so far is in agent, the same command goes on from there" in errors
    assert "Traceback" not in errors
    steps = json.loads((tmp_path / "agent" / "agent.json").read_text())["steps"]
    arguments[6] = str(steps + 1)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    assert json.loads((tmp_path / "agent" / "agent.json").read_text())["steps"] > steps
