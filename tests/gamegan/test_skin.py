"""Components put together anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from worldsim.errors import BadInput
from worldsim.gamegan.simulator import Layers
from worldsim.gamegan.skin import picture_of, reskin


def layers() -> Layers:
    """A white wall on the left, black floor on the right, and in the lower row something red that moves."""
    still = torch.zeros(1, 3, 2, 2)
    still[..., 0] = 1
    moving = torch.zeros(1, 3, 2, 2)
    moving[:, 0] = 0.8
    mask = torch.zeros(1, 1, 2, 2)
    mask[:, :, 1] = 1
    return Layers(torch.stack([still, moving], 1), torch.stack([1 - mask, mask], 1))


def test_without_images_the_picture_is_the_games_own() -> None:
    made = layers()
    torch.testing.assert_close(reskin(made), (made.pictures * made.masks).sum(1))


def test_the_background_shows_where_the_static_component_is_dark() -> None:
    sea = torch.tensor([0.0, 0.2, 1.0]).view(3, 1, 1).expand(3, 2, 2)
    seen = reskin(layers(), background=sea)[0]
    assert seen[:, 0, 0].tolist() == [1, 1, 1]  # the wall
    assert seen[:, 0, 1].tolist() == pytest.approx([0, 0.2, 1])  # the floor
    assert seen[:, 1, 1].tolist() == pytest.approx([0.8, 0, 0])  # what moves


def test_what_moves_takes_the_colours_of_the_foreground() -> None:
    gold = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(3, 2, 2)
    seen = reskin(layers(), foreground=gold)[0]
    assert seen[:, 1, 0].tolist() == pytest.approx([0.8, 0.4, 0])
    assert seen[:, 0, 0].tolist() == [1, 1, 1]


def test_an_image_must_be_one_and_fit(tmp_path: Path) -> None:
    path = tmp_path / "sea.png"
    Image.new("RGB", (5, 4), (255, 0, 51)).save(path)
    picture = picture_of(path, 4, 5, 3)
    assert picture.shape == (3, 4, 5)
    assert picture[:, 0, 0].tolist() == pytest.approx([1, 0, 0.2])
    with pytest.raises(BadInput, match=r"image of 84 x 84 pixels, .* got .*sea.png of 5 x 4; resize it"):
        picture_of(path, 84, 84, 3)
    path.write_text("not an image")
    with pytest.raises(BadInput, match=r"expected an image, got .*sea.png"):
        picture_of(path, 4, 5, 3)
    with pytest.raises(BadInput, match="expected an image"):
        picture_of(tmp_path / "nothing.png", 4, 5, 3)
