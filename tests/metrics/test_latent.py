"""The latent: drift, reconstruction and their picture where the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.worlds import spatial_world
from worldsim.checkpoint import World
from worldsim.metrics.copying import CopyLastFrame, copying
from worldsim.metrics.episodes import Episodes
from worldsim.metrics.latent import Latent, has_latent, strip, usual
from worldsim.metrics.starts import LONGEST, Starts
from worldsim.protocol import Imagined, State

ROWS, STEPS = 6, 5


class Slides(CopyLastFrame):
    """A dream in which the one number of every picture grows by ``speed`` a step; its latent is that number."""

    def __init__(self, speed: int) -> None:
        super().__init__((4, 4, 1), spatial_world().model.action_space)
        self.speed = speed

    def imagine(self, state: State, action: Tensor, noise: Tensor) -> Imagined:
        """Grow."""
        rows = len(action)
        frame = state["frame"] + torch.tensor(self.speed, dtype=torch.uint8)
        return Imagined({"frame": frame}, torch.zeros(rows), torch.zeros(rows, dtype=torch.bool))

    def latent(self, state: State) -> Tensor:
        """One number."""
        return state["frame"][:, 0, 0].float()


def episodes(speed: int, ends: int = STEPS + 1) -> Episodes:
    """Real play in which row b's picture is 20 b at its start and grows by ``speed``; the last row ends at ``ends``."""
    start = 20 * np.arange(ROWS)
    level = start + speed * np.arange(STEPS + 1)[:, None]  # (H + 1, B)
    frames = np.broadcast_to(level[..., None, None, None], (STEPS + 1, ROWS, 4, 4, 1)).astype(np.uint8)
    followed = np.broadcast_to(start[:, None, None, None], (LONGEST + 1, ROWS, 4, 4, 1)).astype(np.uint8)
    actions = np.zeros((LONGEST, ROWS), np.int64)
    starts = Starts(followed, actions, np.ones(ROWS, np.int64), np.arange(ROWS), None)
    over = np.zeros((STEPS + 1, ROWS), bool)
    over[ends:, -1] = True
    alive = np.ones_like(over)
    alive[ends + 1 :, -1] = False
    return Episodes(starts, frames, actions[:STEPS], np.zeros((STEPS, ROWS)), alive, over, None)


def world(speed: int) -> World:
    return World("test", Slides(speed).eval(), spatial_world().openings, {}, "slides")


def measured(dreamed: int, real: int, ends: int = STEPS + 1) -> Latent:
    latent = Latent(ROWS, (1, 3, 5))
    latent.dream(world(dreamed), episodes(real, ends), 0, 1.0, "cpu")
    return latent


def test_drift_by_hand() -> None:
    found = measured(1, 3).findings()
    level = 20 * np.arange(ROWS) + 3 * np.array([0, 1, 3, 5])[:, None]
    pairs = [(i, j) for i in range(ROWS) for j in range(ROWS) if i != j]
    apart = [np.abs(level[:, i, None] - level[:, j]).mean() for i, j in pairs]
    unit = np.mean(apart)
    for t in (1, 3, 5):
        assert found[f"latent drift, step {t}"].value == pytest.approx(2 * t / unit, rel=0.05)
        assert found[f"latent drift of the last real frame, step {t}"].value == pytest.approx(3 * t / unit, rel=0.05)
        assert found[f"latent drift, step {t}"].n == ROWS
    ratio = found["latent drift, step 5"].value / found["latent drift of the last real frame, step 5"].value
    assert ratio == pytest.approx(2 / 3)  # whatever the unit is
    assert found["latent, two draws for one frame"].value == 0


def test_a_dream_that_is_right_does_not_drift_and_ended_rows_do_not_count() -> None:
    found = measured(2, 2, ends=2).findings()
    assert [found[f"latent drift, step {t}"].value for t in (1, 3, 5)] == [0, 0, 0]
    assert [found[f"latent drift, step {t}"].n for t in (1, 3, 5)] == [ROWS, ROWS - 1, ROWS - 1]


def test_reconstruction_is_what_a_world_shows_of_a_frame_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(0, 3).findings()["reconstruction, pixel error"].value == 0

    def darker(self: Slides, state: State) -> Tensor:
        return state["frame"] - torch.tensor(5, dtype=torch.uint8) * (state["frame"] >= 5)

    monkeypatch.setattr(Slides, "render", darker)
    found = measured(0, 0).findings()
    assert found["reconstruction, pixel error"].value == pytest.approx(5 / 255 * (ROWS - 1) / ROWS)  # row 0 is black
    assert found["reconstruction, pixel error where it moved"].n == 0  # nothing moves


def test_the_usual_distance_is_between_episodes() -> None:
    real = {0: torch.tensor([[0.0], [10.0]]), 5: torch.tensor([[0.0], [10.0]])}
    alive = {0: np.ones(2, bool), 5: np.ones(2, bool)}
    assert usual(real, alive) == pytest.approx(10)
    assert usual(real, {0: np.array([True, False]), 5: np.array([True, False])}) == 1  # one episode: no pair


def test_the_picture_has_three_lines_an_episode_and_a_column_a_step() -> None:
    picture = measured(1, 3, ends=2).picture
    assert picture is not None
    assert picture.shape == (3 * 3 * 4, 4 * 4, 3)
    assert picture[0, ::4, 0].tolist() == [0, 3, 9, 15]  # reality of row 0 at 0, 1, 3 and 5
    assert picture[8, ::4, 0].tolist() == [0, 1, 3, 5]  # its dream
    ended = strip([[np.full((1, 2, 2, 3), 7, np.uint8)] * 3], np.array([[False]]))
    assert ended.max() == 0


def test_every_kind_of_world_with_an_encoder_has_a_latent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert has_latent(spatial_world())
    bare = copying(spatial_world())
    assert not has_latent(bare)
    latent = Latent(ROWS, (1,))
    latent.dream(bare, episodes(1), 0, 1.0, "cpu")
    assert set(latent.findings()) == {"reconstruction, pixel error", "reconstruction, pixel error where it moved"}
