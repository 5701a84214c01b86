from __future__ import annotations

import json

import pytest
from rich.console import Console

from tests.worlds import spatial_folder
from worldsim.agents.comparison import compare, table, write
from worldsim.agents.evaluation import evaluate
from worldsim.agents.training import train_agent
from worldsim.bundled import bundled_folder, called
from worldsim.errors import BadInput

SMALL = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}


def test_dreamer_realist_and_random_on_the_same_episodes(tmp_path):
    options = {"steps": 32, "num_envs": 4, "hyperparameters": SMALL}
    train_agent(spatial_folder(), out=tmp_path / "dreamer", env_kwargs={"horizon": 5}, **options)
    train_agent("WorldSim/PacManFlag-v0", out=tmp_path / "grid", env_kwargs={"observation": "grid"}, **options)
    rows = list(compare([tmp_path / "dreamer", "random", tmp_path / "grid"], episodes=12))
    assert [row.name for row in rows] == ["dreamer", "random", "grid"]
    assert rows[0].dream.lengths.max() <= 5
    assert rows[1].dream is rows[2].dream is None
    assert len({row.real.seeds for row in rows}) == 1
    assert rows[0].real.env == "WorldSim/PacManFlag-v0 through untrained"
    assert rows[2].real.env == "WorldSim/PacManFlag-v0"  # with the grid, which it knows
    expected = evaluate("random", "WorldSim/PacManFlag-v0", episodes=12)
    assert rows[1].real.returns.tolist() == expected.returns.tolist()
    assert next(compare([tmp_path / "dreamer"], episodes=2, dream=False)).dream is None

    write(rows, tmp_path / "new" / "scores.json")
    stored = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert stored[1]["real"]["returns"] == expected.returns.tolist()
    assert stored[0]["dream"]["n"] == 12
    assert stored[0]["learned"] == "dream of untrained, 32 steps"
    console = Console(width=200)
    with console.capture() as screen:
        console.print(table(rows))
    text = screen.get()
    assert "12 episodes each" in text
    assert f"{expected.mean:.2f}" in text
    assert f"{expected.low:.2f} to {expected.high:.2f}" in text


def test_names_that_are_the_same_become_paths(tmp_path):
    for place in (tmp_path / "a" / "agent", tmp_path / "b" / "agent"):
        train_agent("CartPole-v1", steps=32, out=place, num_envs=4, hyperparameters=SMALL)
    rows = list(compare([tmp_path / "a" / "agent", tmp_path / "b" / "agent", "random"], episodes=2))
    assert [row.name for row in rows] == [str(tmp_path / "a" / "agent"), str(tmp_path / "b" / "agent"), "random"]
    assert rows[0].play == f"worldsim play CartPole-v1 --agent {tmp_path / 'a' / 'agent' / 'agent.zip'}"
    assert next(compare([tmp_path / "a" / "agent"], episodes=1)).name == "agent"


def test_nobody_knows_where():
    with pytest.raises(BadInput, match="give the environment"):
        next(compare(["random", "noop"], episodes=1))
    assert list(compare(["random", "noop"], "CartPole-v1", episodes=3))[1].real.env == "CartPole-v1"


def test_bundled_worlds_are_called_by_name(tmp_path):
    assert called(bundled_folder("takecover-vm")) == called("takecover-vm") == "takecover-vm"
    assert called(bundled_folder("takecover-vm") / "agent" / "agent.zip") == "takecover-vm"
    assert called(tmp_path / "takecover-vm") == str(tmp_path / "takecover-vm")
    assert called(bundled_folder("none-such")) == str(bundled_folder("none-such"))
