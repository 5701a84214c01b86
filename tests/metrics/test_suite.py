"""The command from end to end, on untrained worlds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np
import pytest

import worldsim
from tests.worlds import spatial_folder, spatial_world
from worldsim.cli import main
from worldsim.errors import BadInput
from worldsim.metrics.estimate import Estimate
from worldsim.metrics.reality import reality_of
from worldsim.metrics.report import cell
from worldsim.metrics.suite import PARTS, Suite
from worldsim.spatial.world import SpatialWorld

SMALL = ["--rows", "30", "--steps", "14", "--horizon", "5", "--drift", "5"]


class Blob(gym.Env[Any, Any]):
    """A dot that the action moves; nothing about it is exposed."""

    observation_space = gym.spaces.Box(0, 255, (84, 84, 3), np.uint8)
    action_space = gym.spaces.Discrete(5)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.age = self.np_random.integers(20, 60, 2), 0
        return self._frame(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = (self.place + 4 * np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])[action]) % 80
        self.age += 1
        return self._frame(), 1.0, self.age >= 20, False, {}

    def _frame(self) -> Any:
        frame = np.zeros((84, 84, 3), np.uint8)
        row, col = self.place
        frame[row : row + 4, col : col + 4] = 255
        return frame


@pytest.fixture
def blob() -> Any:
    gym.register("Mine/Blob-v0", Blob)
    yield "Mine/Blob-v0"
    gym.registry.pop("Mine/Blob-v0")


def test_every_part_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-world", str(spatial_folder()), "--out", str(tmp_path), *SMALL]) == 0
    out = capsys.readouterr().out
    assert "Come back home" in out
    assert "next: worldsim play" in out
    data = json.loads((tmp_path / "PacManFlag-v0.json").read_text())
    assert {item["part"] for item in data["found"]} == {*PARTS, "reader"}
    found = {(i["part"], i["measure"], i["source"]): i for i in data["found"]}
    assert found["census", "walls kept, steps 1-15", "real"]["value"] == 1
    assert found["obedience", "free moves obeyed, steps 1-15", "copy last frame"]["value"] == 0
    for source in ("real, other seeds", "copy last frame", "untrained"):
        distance = found["distance", "Frechet distance of pictures", source]
        assert distance["low"] < distance["value"] < distance["high"]
    floor, untrained = (
        found["distance", "Frechet distance of pictures", source]["value"]
        for source in ("real, other seeds", "untrained")
    )
    assert untrained > floor
    assert imageio.imread(tmp_path / "PacManFlag-v0-untrained.png").shape == (3 * 3 * 84, 3 * 84, 3)  # steps 0, 1, 5
    page = (tmp_path / "PacManFlag-v0.md").read_text()
    assert "| walls kept, steps 1-15 | 1.000" in page
    assert data["about"]["settings"]["rows"] == 30


def test_a_game_that_exposes_nothing(tmp_path: Path, blob: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-world", str(spatial_folder()), "--against", blob, "--out", str(tmp_path), *SMALL]) == 0
    assert "does not expose its truth" in capsys.readouterr().err
    data = json.loads((tmp_path / "Blob-v0.json").read_text())
    found = {(i["part"], i["measure"], i["source"]): i for i in data["found"]}
    assert {part for part, _, _ in found} == {"open-loop", "latent", "obedience", "distance", "calibration"}
    assert found["latent", "latent drift, step 5", "untrained"]["n"] > 0
    assert found["open-loop", "score off by, step 5", "copy last frame"]["value"] == 5
    assert found["obedience", "inverse model agrees, steps 1-15", "real"]["value"] > 0.5  # what it saw, it learned
    assert not [key for key in found if "walls" in key[1] or "real, other chance" in key[2]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--parts", "census,ghosts"], "got 'ghosts'"),
        (["--rows", "3"], "rows must be at least 20"),
        (["--against", "CartPole-v1"], "give its own game"),
        (["--against", "WorldSim/Nothing-v0"], "WorldSim/Nothing-v0"),
    ],
)
def test_mistakes_are_one_line(words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate-world", str(spatial_folder()), "--out", str(tmp_path), *words]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_world_without_a_latent_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(SpatialWorld, "latent")
    words = ["evaluate-world", str(spatial_folder()), "--out", str(tmp_path), *SMALL, "--parts", "latent"]
    assert main(words) == 0
    assert "No latent to follow in untrained" in capsys.readouterr().err
    assert "No latent to follow in untrained" in (tmp_path / "PacManFlag-v0.md").read_text()
    found = json.loads((tmp_path / "PacManFlag-v0.json").read_text())["found"]
    assert {item["measure"].split(",")[0] for item in found if item["part"] == "latent"} == {"reconstruction"}


def test_worlds_in_one_table_have_different_names() -> None:
    world = spatial_world()
    with pytest.raises(BadInput, match="different names"):
        Suite((world, world), reality_of([world], None, {}))


def test_worlds_of_different_games_are_not_measured_against_one_of_them() -> None:
    worlds = [worldsim.load("pacman-gamegan"), worldsim.load("maze-gamegan")]
    with pytest.raises(BadInput, match="pacman-gamegan of WorldSim/PacManFlag-v0 and maze-gamegan of WorldSim/PacManM"):
        reality_of(worlds, None, {})
    assert reality_of(worlds, "WorldSim/PacManMaze-v0", {}).env_id == "WorldSim/PacManMaze-v0"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.5, 0.4, 0.61, 9), "0.500 [0.400, 0.610]"),
        (Estimate(1234.5, float("nan"), float("nan"), 1), "1.23e+03"),
        (Estimate(float("nan"), float("nan"), float("nan"), 0), ""),
        (None, ""),
    ],
)
def test_cells(estimate: Estimate | None, text: str) -> None:
    assert cell(estimate) == text
