"""What the pages show: their python runs, their commands are commands."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.scripts import load_script
from worldsim.checkpoint import KINDS
from worldsim.cli import parse

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands() -> list[str]:
    """Every line of a shell block that calls worldsim, and every such command in the running text."""
    found = []
    for page in PAGES:
        lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = re.findall(r"`(worldsim [a-z][^`\[]*)`", text)
        lines += [f"{line} --help" if re.fullmatch(r"[a-z -]+", line) and " -" not in line else line for line in named]
        found += [line for line in lines if line.startswith("worldsim ")]
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_commands_are_commands(command: str) -> None:
    _, name, *args = shlex.split(command, comments=True)
    if args[-1:] == ["--help"]:  # named in the text, not shown to be copied
        assert parse(name, args) == 0
    else:
        assert not isinstance(parse(name, args), int)


def test_the_world_model_of_the_page_dreams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(KINDS, "tiny", "replaced:ByThePage")
    page = types.ModuleType("world_model_page")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    for block in blocks(ROOT / "docs" / "world_model.md", "python"):
        exec(block, page.__dict__)
    assert page.features.shape == (4, 64)
    assert (tmp_path / "runs" / "tiny" / "model.safetensors").is_file()


def test_the_game_of_the_page_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks(ROOT / "docs" / "own_environment.md", "python")
    (tmp_path / "catch.py").write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    env = gym.make("catch:Mine/Catch-v0", render_mode="rgb_array")
    gym.utils.env_checker.check_env(env.unwrapped)
    frame, _ = env.reset(seed=0)
    returns, ended = 0.0, False
    while not ended:  # the paddle follows the ball, which may still drift away in its last step
        ball = np.argwhere((frame[::6, ::6] == (255, 220, 60)).all(-1))[0, 1]
        paddle = np.argwhere((frame[::6, ::6] == (80, 160, 255)).all(-1))[:, 1]  # hidden under a ball that was caught
        frame, reward, ended, _, _ = env.step(1 + np.sign(int(ball) - int(paddle[0])) if len(paddle) else 1)
        returns += reward
    assert 0 < returns <= 5
    gym.registry.pop("Mine/Catch-v0")


def test_tables_are_those_that_were_measured() -> None:
    script = load_script("tables")
    for name in script.PAGES:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert "<!-- table:" in page
        assert script.filled(page) == page, f"{name} is behind docs/measured: python scripts/tables.py"
