"""The scripts of World Models' two experiments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box
from stable_baselines3 import PPO

import worldsim
from tests.conftest import ROOT
from tests.scripts import load_script
from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.transfer import folder_of
from worldsim.errors import BadInput

TINY = "--small --vision-steps 3 --vision-batch 8 --memory-steps 3 --memory-batch 2 --length 20"
TINY += " --popsize 4 --rollouts 1 --evaluate-episodes 2 --evaluate-every 2 --real-episodes 1 --threads 1"


@pytest.mark.parametrize("name", ["takecover", "carracing"])
def test_small_is_a_default_that_options_override(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_script(name)
    monkeypatch.setattr(sys, "argv", [name, "--seeds", "5", "--popsize", "9"])
    full = module.chosen()
    size = {"takecover": "episodes", "carracing": "frames"}[name]
    assert (full.seeds, full.popsize, getattr(full, size)) == ((5,), 9, getattr(module.Args(), size))
    monkeypatch.setattr(sys, "argv", [name, "--small", "--popsize", "9"])
    small = module.chosen()
    assert (small.seeds, small.popsize, getattr(small, size)) == ((0,), 9, getattr(module.SMALL, size))
    assert getattr(small, size) < getattr(full, size)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"world": "takecover-vm", "start_from": "takecover-vm"}, "--start-from trains V and M on"),
        ({"start_from": "pacman-vm"}, "--start-from pacman-vm is of WorldSim/PacManFlag-v0, expected one of WorldSim/"),
        ({"world": "carracing-vm"}, "--world carracing-vm is of WorldSim/CarRacing-v0"),
        ({"steps": 0}, "one of them above"),
        ({"calibrate": -1}, "--calibrate is at least 0, got -1"),
        ({"calibrate": 3, "ends_above": -1.0}, "give one of the two"),
    ],
)
def test_what_could_only_fail_after_hours_is_refused(more: dict[str, Any], message: str) -> None:
    module = load_script("takecover")
    with pytest.raises(BadInput, match=message):
        module.check(module.Args(**more))


class Features(gym.Env[Any, Any]):
    """What an agent of takecover-vm sees."""

    observation_space = Box(-np.inf, np.inf, (64 + 2 * 512,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)


def test_install_takes_the_agent_that_its_dream_scored_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, models = load_script("takecover"), []
    name = "dream, temperature 1.7, PPO"
    for seed in (0, 1):
        models.append(PPO("MlpPolicy", Features(), policy_kwargs={"net_arch": {"pi": [8], "vf": [4]}}, seed=seed))
        seat = module.dream("takecover-vm", 1.7, precision="bf16")
        Agent(models[-1], "ppo", seat, "it", {"steps": 1}).save(tmp_path / "agents" / folder_of(name, seed))
    real = {"n": 9, "mean": 200.0, "sd": 9.0}
    rows: list[dict[str, Any]] = [{"trial": "random play", "seed": 0, "dream": None, "real": real}]
    for seed, dreamed in enumerate((900, 1000)):
        dream = {"n": 9, "mean": dreamed, "sd": 5.0}
        rows.append({"trial": name, "seed": seed, "steps": 1, "dream": dream, "real": {**real, "mean": 800 - seed}})
    monkeypatch.setattr(module, "bundled_folder", lambda name: tmp_path / "package" / name)
    known = worldsim.load("takecover-vm")
    del known.provenance["horizon"]  # as `worldsim train` leaves it
    known.save(tmp_path / "known")
    module.install(module.Args(out=tmp_path, skill=4, ppo_steps=1), str(tmp_path / "known"), rows)
    target = tmp_path / "package" / "takecover-vm"
    agent = load_agent(target)
    assert (agent.algo, agent.about["learned_by"], agent.about["steps"]) == ("linear", "ppo", 1)
    assert agent.seat is not None
    assert (agent.seat.world, agent.seat.env_kwargs["temperature"]) == (str(target), 1.7)
    installed = worldsim.load(target)
    assert "by PPO" in installed.provenance["summary"]
    assert (installed.provenance["horizon"], installed.provenance["render_fps"]) == (2100, 35)
    assert [row["real return"] for row in installed.provenance["scores"]] == ["200 ± 9", "800 ± 9", "799 ± 9"]
    assert "# takecover-vm\n" in (target / "README.md").read_text()
    seen = np.random.default_rng(0).normal(size=(9, 64 + 2 * 512)).astype(np.float32)
    expected = models[1].predict(seen, deterministic=True)[0]
    np.testing.assert_allclose(agent.model.predict(seen)[0], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "needs", "more", "trials"),
    [
        (
            "takecover",
            "vizdoom",
            "--episodes 4 --held-out 0.5 --rounds 2 --games 1 --min-steps 1 --temperatures 1.15 --steps 200"
            " --untrained-steps 200 --ppo-steps 1",
            4,
        ),
        (
            "takecover",
            "vizdoom",
            "--world takecover-vm --calibrate 1 --temperatures 1.15 --steps 200 --untrained-steps 200 --ppo-steps 1",
            4,
        ),
        (
            "carracing",
            "Box2D",
            "--frames 1000 --rounds 2 --round-episodes 1 --dream-steps 100 --real-steps 1 --tune-steps 1 --horizon 20"
            " --temperatures 1.3",
            8,
        ),
    ],
)
def test_from_the_recording_to_the_table(name: str, needs: str, more: str, trials: int, tmp_path: Path) -> None:
    pytest.importorskip(needs)
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *TINY.split(), *more.split(), "--out", "here"]
    for _ in range(2):  # the second time everything is there already
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "here" / "results.json").read_text())
    assert len(rows) == trials
    assert all(row["real"]["n"] == 1 for row in rows)
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]
