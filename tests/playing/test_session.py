"""A session at a window in memory: every key through posted events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.dots import Dot, DreamedDot
from worldsim.playing.controls import controls_for
from worldsim.playing.player import Player
from worldsim.playing.session import Session, number
from worldsim.playing.window import BACKGROUND, PlayerWindow, WindowEvent


class Table:
    """A session at a window in memory, and fingers."""

    def __init__(self, env: Dot, folder: Path, fps: float = 10, **options: Any) -> None:
        self.env = env
        self.player = Player(env, seed=options.pop("seed", 7), opening=options.pop("opening", None))
        self.window = PlayerWindow("test", self.player.frame.shape, 480)
        self.session = Session(
            self.player,
            self.window,
            controls_for(env),
            fps,
            "Test/Dot-v0",
            folder=folder,
            **{"refresh_fps": 0, **options},
        )

    def press(self, key: str, shift: bool = False, ctrl: bool = False, times: int = 1) -> None:
        """Press and let go, then refresh once."""
        for _ in range(times):
            for kind in ("press", "release"):
                self.window.post(WindowEvent(kind, key, shift, ctrl))  # type: ignore[arg-type]
        self.session.refresh()

    def refresh(self, times: int) -> None:
        for _ in range(times):
            self.session.refresh()

    def pixel(self, x: int, y: int) -> tuple[int, ...]:
        return tuple(self.window.surface.get_at((x, y)))[:3]


@pytest.fixture
def closing() -> Iterator[list[Table]]:
    tables: list[Table] = []
    yield tables
    for table in tables:
        table.session.close()
        table.window.close()


@pytest.fixture
def table(tmp_path: Path, closing: list[Table]) -> Table:
    closing.append(Table(Dot(), tmp_path))
    return closing[0]


@pytest.fixture
def dream(tmp_path: Path, closing: list[Table]) -> Table:
    closing.append(Table(DreamedDot(), tmp_path))
    return closing[0]


def cells(table: Table) -> dict[str, str]:
    return {cell.label: cell.value for cell in table.session.hud().cells}


def test_the_picture_is_crisp(table: Table) -> None:
    table.refresh(1)
    width, height = table.window.surface.get_size()
    assert width == 480
    assert height > 360
    lit = [(x, y) for x in range(0, width, 5) for y in range(0, 360, 5) if table.pixel(x, y) == (255, 1, 0)]
    assert lit == [(x, y) for x in range(240, 270, 5) for y in range(150, 180, 5)]  # one pixel, 30 x 30
    assert table.pixel(0, 0) == (0, 0, 0) != BACKGROUND


def test_held_tapped_and_forgotten_keys(table: Table) -> None:
    table.window.post(WindowEvent("press", "right"))
    table.refresh(3)
    assert table.env.actions == [2, 2, 2]
    assert table.player.score == 3
    table.press("left")  # a tap on top, between two steps
    table.refresh(1)
    table.window.post(WindowEvent("blur"))
    table.refresh(2)
    assert table.env.actions[3:] == [0, 2, 1, 1]


def test_a_slow_game_is_refreshed_at_thirty(tmp_path: Path, closing: list[Table]) -> None:
    for fps, every in ((8, 4), (10, 3), (20, 2), (30, 1), (50, 1), (35, 1)):
        table = Table(Dot(), tmp_path, fps, refresh_fps=30)
        closing.append(table)
        assert table.session.refreshes_per_step == every
        assert fps * every >= 30
        table.refresh(3 * every)
        assert table.session.draws == 3 * every
        assert table.player.steps == 3


def test_a_tap_between_two_steps_shows_at_once_and_counts(tmp_path: Path, closing: list[Table]) -> None:
    closing.append(table := Table(Dot(), tmp_path, 8, refresh_fps=30))
    table.refresh(1)
    table.press("right")
    assert table.env.actions == []
    assert cells(table)["you"] == "right"
    table.refresh(2)
    assert table.env.actions == [2]
    assert cells(table)["you"] == "action 1"


def test_pause_and_single_steps(table: Table) -> None:
    table.press("p")
    table.refresh(3)
    assert table.player.steps == 0
    assert table.session.hud().pill == "paused"
    table.press(".")
    table.press("e")
    assert table.player.steps == 2
    table.press("p")
    table.refresh(2)
    assert table.player.steps == 5
    assert not table.session.hud().pill
    table.press(".")
    table.refresh(2)
    assert table.player.steps == 6
    assert table.session.paused


def test_restart_with_new_and_same_seed(table: Table) -> None:
    table.refresh(4)
    table.press("r")
    table.press("r", shift=True)
    table.press("return")
    assert [seed for seed, _ in table.env.resets] == [7, 8, 8, 9]
    assert table.player.steps == 1
    assert table.player.cut_short == 3
    assert cells(table)["seed"] == "9"


def test_openings_go_round(dream: Table) -> None:
    assert cells(dream)["opening"] == "3"
    dream.press("o")
    dream.press("o")
    dream.press("o", shift=True)
    dream.press("r", shift=True)
    dream.press("r")
    asked = [(seed, options and options["opening"]) for seed, options in dream.env.resets]
    assert asked == [(7, None), (7, 4), (7, 0), (7, 4), (7, 4), (8, None)]


def test_temperature_turns_and_stays_in_its_range(dream: Table) -> None:
    dream.press("=", shift=True, times=3)
    assert dream.env.temperature == 1.3
    assert cells(dream)["temperature"] == "1.3"
    dream.press("-", times=20)
    assert dream.env.temperature == 0.1
    dream.press("+", times=60)
    assert dream.env.temperature == 5.0


def test_reality_has_no_temperature_opening_or_agent(table: Table) -> None:
    for key, word in (("+", "temperature"), ("o", "opening"), ("tab", "agent")):
        table.press(key)
        assert word in table.session.hud().toast
        assert len(table.env.resets) == 1
    assert "temperature" not in cells(table)
    assert "opening" not in cells(table)


def test_the_agent_hands_over(tmp_path: Path, closing: list[Table]) -> None:
    seen: list[Any] = []
    closing.append(table := Table(Dot(), tmp_path, agent=lambda observation: seen.append(observation) or 2))
    table.window.post(WindowEvent("press", "left"))
    table.refresh(2)
    assert table.env.actions == [2, 2]
    assert [x.tolist() for x in seen] == [[8, 0], [9, 1]]
    assert cells(table)["agent"] == "right"
    table.press("tab")
    table.press("m")
    assert table.env.actions == [2, 2, 0, 2]


def test_the_end_waits_for_the_person(tmp_path: Path, closing: list[Table]) -> None:
    closing.append(table := Table(Dot(length=3), tmp_path))
    table.refresh(6)
    assert table.player.steps == 3
    assert table.player.finished == 1
    assert table.session.hud().banner[:2] == ("THE END", "score 0 in 3 steps")
    table.press(".")
    assert table.player.steps == 3
    table.press("r")
    assert table.player.seed == 8
    assert table.player.cut_short == 0
    assert not table.session.hud().banner


def test_the_end_passes_after_a_moment(tmp_path: Path, closing: list[Table]) -> None:
    closing.append(table := Table(Dot(length=3), tmp_path, again=0.5))  # 5 refreshes at 10 a second
    table.refresh(3 + 4)
    assert table.player.over
    table.refresh(1)
    assert table.player.steps == 1
    assert table.player.seed == 8


def test_a_game_in_turns(tmp_path: Path, closing: list[Table]) -> None:
    closing.append(table := Table(Dot(), tmp_path, wait=True))
    table.refresh(5)
    assert table.player.steps == 0
    table.press("right")
    table.refresh(5)
    assert table.env.actions == [2]


def test_help_and_quit(table: Table) -> None:
    table.press("h")
    keys = dict(table.session.hud().keys)
    assert keys["Left or A"] == "left"
    assert keys["S or F12"] == "write a picture of the window"
    table.press("f1")
    assert not table.session.hud().keys
    table.press("escape")
    assert table.session.done


def test_closing_the_window_quits(table: Table) -> None:
    table.window.post(WindowEvent("close"))
    table.refresh(1)
    assert table.session.done


def test_files_are_written_on_keys(table: Table, tmp_path: Path) -> None:
    table.refresh(5)
    table.press("s")
    table.press("f12")
    table.press("g")
    table.session.close()
    first, second = sorted(tmp_path.glob("Test-Dot-v0-*.png"))
    (gif,) = tmp_path.glob("*.gif")
    assert sorted(table.session.written) == sorted([first, second, gif])
    assert Image.open(first).size == table.window.surface.get_size()
    with Image.open(gif) as image:
        assert image.n_frames == 8
        assert image.size == (336, 252)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, closing: list[Table]) -> None:
    closing.append(table := Table(Dot(), tmp_path / "absent"))
    table.press("s")
    assert "could not write" in table.session.hud().toast
    table.press("g")
    table.session.close()
    assert "could not write" in table.session.hud().toast
    assert not table.session.written


def test_scores_are_short() -> None:
    assert [number(score) for score in (0.0, -0.5, 12340.0, 53.6866, 100.0)] == ["0", "-0.5", "12340", "53.69", "100"]
