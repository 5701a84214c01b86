"""How far a job is, where no bar can be drawn."""

from __future__ import annotations

import pytest

from worldsim.agents import progress
from worldsim.agents.progress import RecordBar


@pytest.fixture(autouse=True)
def _a_line_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)


def test_what_was_there_before_counts_for_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with RecordBar("it", 1000) as bar:
        bar.report(900, 90_000, 0)
        bar.report(901, 90_100, 100)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "it: 900 of 1,000 episodes  0 frames/s"
    assert second.startswith("it: 901 of 1,000 episodes, ")
    assert second.endswith(" frames/s")
    assert bar.made == 100


def test_frames_are_counted_without_a_number_of_episodes(capsys: pytest.CaptureFixture[str]) -> None:
    with RecordBar("it", None, 500) as bar:
        bar.report(1, 300, 300)
    assert capsys.readouterr().err.startswith("it: 300 of 500 frames")


def test_nothing_is_shown_of_what_never_began(capsys: pytest.CaptureFixture[str]) -> None:
    with RecordBar("it", 9):
        pass
    assert capsys.readouterr().err == ""
