"""Colour weights in closed form."""

from __future__ import annotations

import torch

from worldsim.vae.colour import colour_weights, pixel_weights


def picture(red: int) -> torch.Tensor:
    """1,000 black pixels, ``red`` of them red."""
    frames = torch.zeros(1, 10, 100, 3, dtype=torch.uint8)
    frames.view(-1, 3)[:red, 0] = 255
    return frames


def test_weights_are_the_root_of_the_frequency_ratio_with_mean_one() -> None:
    frames = picture(100)
    weight = pixel_weights(frames, colour_weights(frames)).flatten()
    assert abs(float(weight.mean()) - 1) < 1e-6
    assert abs(float(weight[0] / weight[-1]) - (900 / 100) ** 0.5) < 1e-5


def test_the_largest_weight_is_bounded() -> None:
    frames = picture(1)
    weight = pixel_weights(frames, colour_weights(frames, largest=10)).flatten()
    assert abs(float(weight[0] / weight[-1]) - 10) < 1e-5


def test_grey_frames() -> None:
    frames = torch.tensor([0, 0, 0, 255], dtype=torch.uint8).reshape(1, 2, 2, 1)
    assert colour_weights(frames).shape == (4,)
    assert pixel_weights(frames, colour_weights(frames)).shape == (1, 2, 2, 1)
