"""The baseline: V stays, M knows nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import worldsim
from tests.blocks import record_block
from tests.vision_memory.test_train import tiny
from tests.worlds import spatial_world
from worldsim.errors import BadInput
from worldsim.vision_memory.untrained import without_memory


def test_v_stays_and_m_is_new(tmp_path: Path) -> None:
    record_block(tmp_path / "recording")
    tiny(tmp_path, memory_steps=2).run()
    trained = worldsim.load(tmp_path / "world")
    blank = without_memory(trained, tmp_path / "blank")
    again = worldsim.load(tmp_path / "blank")
    old, new = trained.model.state_dict(), blank.model.state_dict()
    kept = [name for name in old if name.startswith("vision") or name in ("outcome.reward", "outcome.terminated")]
    changed = ["memory.lstm.weight_ih", "memory.lstm.weight_hh", "memory.head.weight", "outcome.net.0.weight"]
    assert all(torch.equal(old[name], new[name]) for name in kept)
    assert not any(torch.equal(old[name], new[name]) for name in changed)
    assert all(torch.equal(value, new[name]) for name, value in again.model.state_dict().items())
    assert len(again.openings) == len(trained.openings)
    with pytest.raises(BadInput, match="of kind spatial"):
        without_memory(spatial_world(), tmp_path / "no")
