"""The script that lays an agent's pace in its dream beside that in reality."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scripts import load_script
from tests.worlds import spatial_folder
from worldsim.agents.evaluation import evaluate
from worldsim.agents.training import train_agent
from worldsim.errors import BadInput

script = load_script("pace")


def test_what_is_earned_along_the_way_adds_up_to_the_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}
    kwargs = {"horizon": 10}
    agent = train_agent(
        spatial_folder(), steps=32, out=tmp_path / "a", num_envs=4, env_kwargs=kwargs, hyperparameters=small
    )
    script.main(script.Args(str(tmp_path / "a"), every=5, steps=60, episodes=6, out=tmp_path / "pace.json"))
    found = json.loads((tmp_path / "pace.json").read_text())
    assert len(found["dream"]) == len(found["reality"]) == 12
    assert agent.seat is not None
    for name, seat in (("dream", agent.seat), ("reality", agent.seat.in_reality())):
        assert sum(found[name]) == pytest.approx(evaluate(agent, seat, episodes=6, num_envs=6).mean, abs=1e-6)
    assert capsys.readouterr().out.splitlines()[1].startswith("reality")
    with pytest.raises(BadInput, match="multiple of --every"):
        script.main(script.Args(str(tmp_path / "a"), every=7))
