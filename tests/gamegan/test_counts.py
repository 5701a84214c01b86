"""The published sizes, to the printed precision (facts measured on the release)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldsim.gamegan.flat import FlatSimulator
from worldsim.gamegan.judges.judges import Judges
from worldsim.gamegan.presets import PRESETS


def millions(network: nn.Module) -> str:
    return f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f}"


@pytest.fixture
def _without_memory_or_time():
    with torch.device("meta"):
        yield


@pytest.mark.usefixtures("_without_memory_or_time")
@pytest.mark.parametrize(
    ("preset", "actions", "whole", "renderer", "memory", "critics"),
    [
        ("code-multi", 3, "48.75", "33.88", "1.06", "3.67"),
        ("code-single", 3, "27.88", "19.31", None, "3.86"),
        ("paper-84", 5, "58.80", "43.41", "1.06", "5.19"),
        ("paper-84-m", 5, "44.84", "35.74", None, "5.19"),
    ],
)
def test_parameters(
    preset: str, actions: int, whole: str, renderer: str, memory: str | None, critics: str, monkeypatch
) -> None:
    # Orthogonal matrices of this size take seconds and have no size of their own.
    monkeypatch.setattr(nn.init, "orthogonal_", lambda weight: weight)
    settings = PRESETS[preset]
    simulator = FlatSimulator(settings.flat, 3, actions)
    assert millions(simulator) == whole
    assert millions(simulator.renderer) == renderer
    assert (simulator.memory and millions(simulator.memory)) == memory
    side = settings.flat.side
    assert settings.judges is not None
    assert millions(Judges(settings.judges, 3, side, side, simulator.actions, 32, settings.length + 1)) == critics


@pytest.mark.usefixtures("_without_memory_or_time")
def test_parts_that_are_known_apart(monkeypatch) -> None:
    monkeypatch.setattr(nn.init, "orthogonal_", lambda weight: weight)
    single = FlatSimulator(PRESETS["code-single"].flat, 3, 3)
    assert sum(p.numel() for p in single.dynamics.parameters()) == 6_846_464
    assert sum(p.numel() for p in single.encoder.parameters()) == 1_720_064
    assert sum(p.numel() for p in FlatSimulator(PRESETS["paper-84-m"].flat, 3, 5).encoder.parameters()) == 2_247_168
