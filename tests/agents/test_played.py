"""Real games that are kept as they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worldsim.agents import reality
from worldsim.agents.reality import score_in_reality
from worldsim.agents.seat import Seat

CART = Seat("CartPole-v1")


class Stopped(RuntimeError):
    """As if the run had been ended."""


def test_a_test_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, plays = tmp_path / "folder" / "real.jsonl", reality.RealPlayer.__call__
    seen: list[int] = []

    def some(self: Any, parameters: Any, seed: int) -> Any:
        if len(seen) == 3:
            raise Stopped
        seen.append(seed)
        return plays(self, parameters, seed)

    monkeypatch.setattr(reality.RealPlayer, "__call__", some)
    with pytest.raises(Stopped):
        score_in_reality(None, CART, 5, kept=kept)
    with kept.open("a") as file:
        file.write('{"seed": 3000000003, "ret')  # killed in the middle of a line
    seen[:] = seen[:1]
    again = score_in_reality(None, CART, 5, kept=kept)
    assert [seed - 3_000_000_000 for seed in seen] == [0, 3, 4]
    monkeypatch.undo()
    np.testing.assert_array_equal(again.returns, score_in_reality(None, CART, 5).returns)
    monkeypatch.setattr(reality.RealPlayer, "__init__", lambda *_: pytest.fail("nothing is left to play"))
    assert score_in_reality(None, CART, 4, kept=kept).n == 4


def test_games_of_another_place_are_dropped(tmp_path: Path) -> None:
    kept = tmp_path / "real.jsonl"
    score_in_reality(None, CART, 3, kept=kept)
    other = Seat("CartPole-v1", {"sutton_barto_reward": True})
    assert score_in_reality(None, other, 2, kept=kept).n == 2
    assert len(kept.read_text().splitlines()) == 3
