"""scripts/ring.py: its scores against closed forms, its methods one by one, and a short run of everything."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import ROOT
from tests.scripts import load_script
from worldsim.errors import BadInput

SCRIPT = ROOT / "scripts" / "ring.py"


ring = load_script("ring")


def test_real_samples_cover_everything() -> None:
    for mixture, modes in ((ring.ring(), 8), (ring.grid(), 25)):
        score = mixture.score(mixture.draw(40_000, torch.Generator().manual_seed(0)))
        assert score["modes"] == modes
        assert score["quality"] == pytest.approx(1 - math.exp(-4.5), abs=2e-3)  # of a Gaussian on a plane
        assert score["kl"] == pytest.approx(0, abs=1e-3)


def test_collapse_to_some_modes_is_counted() -> None:
    mixture = ring.ring()
    one = mixture.score(mixture.centres[:1].repeat(800, 1))
    assert (one["modes"], one["quality"]) == (1, 1)
    assert one["kl"] == pytest.approx(math.log(8), rel=1e-6)
    half = mixture.score(mixture.centres[:4].repeat(200, 1) + torch.tensor([0.0, 0.07]))
    assert (half["modes"], half["quality"]) == (0, 0)  # 3.5 standard deviations off
    assert half["kl"] == pytest.approx(math.log(2), rel=1e-6)


def test_a_mode_needs_a_tenth_of_its_share() -> None:
    mixture = ring.ring()
    for few, covered in ((9, 7), (10, 8)):  # of 800 samples the fair share is 100
        counts = torch.tensor([few, *[100] * 6, 200 - few])
        assert mixture.score(mixture.centres.repeat_interleave(counts, 0))["modes"] == covered


@pytest.mark.parametrize("name", ring.METHODS)
def test_each_player_of_each_method_teaches_itself_alone(name: str) -> None:
    torch.manual_seed(0)
    game = ring.Game(ring.METHODS[name])
    turns = {key: list(parameters) for key, parameters in game.turns().items()}
    batch = ring.ring().draw(16, torch.Generator().manual_seed(0))
    for turn in turns:
        loss, _ = game.loss(batch, torch.Generator().manual_seed(1), turn)
        gradients = torch.autograd.grad(loss, turns[turn], allow_unused=True)
        assert torch.isfinite(loss)
        assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0
    loss, _ = game.loss(batch, torch.Generator().manual_seed(1), "discriminator")
    assert all(g is None for g in torch.autograd.grad(loss, turns["generator"], allow_unused=True))


def test_a_short_run_writes_table_numbers_and_picture_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ring.Args(tmp_path, small=True, methods=("minimax", "ns + two rates"))
    ring.main(args)
    content = json.loads((tmp_path / "ring.json").read_text())
    assert content["results"]["grid"]["real samples"][0]["modes"] == 25
    lines = (tmp_path / "ring.md").read_text().splitlines()
    assert len(lines) == 2 + 3
    assert lines[2].startswith("| real samples | 8.0 ± 0.0 | 9")
    with Image.open(tmp_path / "ring.png") as picture:
        # Two rows of panels for each mixture: three panels in two columns.
        assert picture.size == (2 * (ring.SIDE + ring.GAP), 4 * (ring.SIDE + ring.CAPTION + ring.GAP))
    ring.main(args)  # nothing is left to train
    assert json.loads((tmp_path / "ring.json").read_text())["results"] == content["results"]
    with pytest.raises(BadInput, match=r"unknown methods \['nothing'\]"):
        ring.main(ring.Args(tmp_path, methods=("nothing",)))


def test_a_panel_shows_samples_where_they_are() -> None:
    mixture = ring.grid()
    picture = ring.panel(mixture, torch.tensor([[2.0, -1.0], [100.0, 0.0]]), "")
    row, col = np.argwhere((picture == (20, 60, 200)).all(2))[0]
    assert ((picture == (20, 60, 200)).all(2)).sum() == 1  # the other one is outside
    scale = ring.SIDE / 6
    assert (row, col) == (round(ring.SIDE / 2 + scale), round(ring.SIDE / 2 + 2 * scale))
