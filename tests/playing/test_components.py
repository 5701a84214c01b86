"""The component view: panels beside the picture, components swapped, the game the same as without it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Shell
from tests.dots import Dot
from tests.gamegan.sizes import FULL, world
from tests.worlds import flag_recording, spatial_folder
from worldsim.checkpoint import World
from worldsim.envs.dream import DreamEnv
from worldsim.errors import BadInput
from worldsim.openings import pick_openings, write_openings
from worldsim.playing.components import CAPTION, PANELS, ComponentView
from worldsim.playing.play import play

SIDE, TALL = 84, 84 + CAPTION


@cache
def folder(simulator: str = "grid", **changes: object) -> Path:
    """An untrained GameGAN of Pac-Man."""
    recording, out = flag_recording(), Path(mkdtemp()) / "gan"
    out.mkdir()
    openings = write_openings(out / "openings.h5", pick_openings(recording, 4, 3, 0, False), recording.about)
    model = world(simulator, frame_shape=(SIDE, SIDE, 3), **changes).eval().requires_grad_(False)
    World("gamegan", model, openings, {"env_id": recording.env_id, "render_fps": 8}).save(out)
    return out


def flat(**changes: object) -> Path:
    return folder("flat", **changes)


def image(path: Path, colour: tuple[int, int, int], side: int = SIDE) -> Path:
    Image.new("RGB", (side, side), colour).save(path)
    return path


def panels(picture: np.ndarray) -> list[np.ndarray]:
    assert picture.shape == (2 * TALL, 3 * SIDE, 3)
    tiles = [row[:, at : at + SIDE] for row in (picture[:TALL], picture[TALL:]) for at in (0, SIDE, 2 * SIDE)]
    names = {tile[:CAPTION].tobytes() for tile in tiles}
    assert len(names) == len(PANELS)  # each has a name of its own above it
    return [tile[CAPTION:] for tile in tiles]


def test_the_panels_are_what_the_picture_is_made_of() -> None:
    plain = DreamEnv(str(folder()), render_mode="rgb_array")
    view = ComponentView(DreamEnv(str(folder()), render_mode="rgb_array"))
    for env in (plain, view):
        env.reset(seed=3)
    seen, still, moving, mask, masked, _ = panels(view.render())
    assert np.array_equal(seen, plain.render())
    assert np.array_equal(still, seen)  # the opening's frame, not drawn by the model
    assert not moving.any()
    assert not mask.any()
    for action in (1, 2, 4):
        assert plain.step(action)[1:] == view.step(action)[1:]
        seen, still, moving, mask, masked, memory = panels(view.render())
        assert np.array_equal(seen, plain.render())
        share = mask / 255.0
        assert np.abs(masked - share * moving).max() <= 2
        assert 0 < share.mean() < 1
        assert memory.max() == 255  # strongest where most is remembered


def test_a_published_memory_shows_its_attention() -> None:
    env = ComponentView(DreamEnv(str(flat(flat=FULL)), render_mode="rgb_array"))
    env.reset(seed=0)
    env.step(1)
    memory = panels(env.render())[5]
    assert memory.max() == 255
    assert memory.min() < 255


def test_another_background_shows_behind_the_same_game(tmp_path: Path) -> None:
    sea = image(tmp_path / "sea.png", (0, 40, 200))
    plain, swapped = (
        ComponentView(DreamEnv(str(folder()), render_mode="rgb_array"), panels=False, background=b) for b in (None, sea)
    )
    for env in (plain, swapped):
        env.reset(seed=1)
    dark = (plain.render() == 0).all(2)
    assert dark.any()
    assert (swapped.render()[dark] == (0, 40, 200)).all()
    for action in (0, 3):
        one, two = plain.step(action), swapped.step(action)
        assert np.array_equal(one[0], two[0])
        assert one[1:] == two[1:]
    assert not np.array_equal(plain.render(), swapped.render())


def test_what_has_no_components_is_refused(tmp_path: Path) -> None:
    for env in (Dot(), DreamEnv(str(spatial_folder()), render_mode="rgb_array")):
        with pytest.raises(BadInput, match="only the dream of a GameGAN has components"):
            ComponentView(env)
    view = ComponentView(DreamEnv(str(flat()), render_mode="rgb_array"))
    view.reset(seed=0)
    with pytest.raises(BadInput, match="draws its picture in one piece"):
        view.step(0)
    small = image(tmp_path / "small.png", (1, 2, 3), 20)
    with pytest.raises(BadInput, match="84 x 84"):
        play(folder(), headless=True, steps=2, foreground=small)


def test_it_is_played_in_the_window(tmp_path: Path) -> None:
    made: list[tuple[int, ...]] = []
    play(
        str(folder()), headless=True, steps=4, script="left*4", components=True, seed=1,
        on_step=lambda step: made.append(step.frame.shape),
    )  # fmt: skip
    assert made == [(2 * TALL, 3 * SIDE, 3)] * 4


def test_the_command_line_takes_images(shell: Shell, tmp_path: Path) -> None:
    image(tmp_path / "sea.png", (0, 0, 90))
    done = shell("play", str(folder()), "--headless", "2", "--seed", "1", "--background", "sea.png", "--components")
    assert done.returncode == 0, done.stderr
    done = shell("play", str(folder()), "--headless", "2", "--background", "no.png")
    assert done.returncode != 0
    assert "expected an image, got no.png" in done.stderr
