"""Pictures have the right size, and components add up to them."""

from __future__ import annotations

import pytest
import torch

from worldsim.errors import BadInput
from worldsim.gamegan.disentangled import DisentangledRenderer
from worldsim.gamegan.rendering import Blocks, SimpleRenderer


@pytest.mark.parametrize(("blocks", "side"), [("residual", 64), ("residual", 84), ("simple", 64)])
def test_a_vector_becomes_a_picture(blocks: Blocks, side: int) -> None:
    renderer = SimpleRenderer(blocks, side, 3, 8, 4).eval()
    h = torch.randn(2, 8)
    image = renderer(h)
    assert image.shape == (2, 3, side, side)
    assert float(image.detach().abs().max()) <= 1
    torch.testing.assert_close(renderer(h[:1]), image[:1], atol=1e-4, rtol=1e-3)  # no row depends on another


@pytest.mark.parametrize("side", [64, 84])
def test_plain_transposed_convolutions_fit_both_sizes(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda weight: weight)
    with torch.device("meta"):  # 512 channels are slow
        assert SimpleRenderer("plain", side, 3)(torch.zeros(2, 512)).shape == (2, 3, side, side)


@pytest.mark.parametrize("sigmoid", [True, False])
def test_components_add_up(sigmoid: bool) -> None:
    torch.manual_seed(0)
    renderer = DisentangledRenderer("simple", 64, 3, 8, 3, 4, 6, 2, sigmoid).eval()
    vectors = [torch.randn(2, 8) for _ in range(3)]
    image, layers = renderer(vectors)
    assert layers.pictures.shape == (2, 3, 3, 64, 64)
    torch.testing.assert_close(layers.masks.sum(1), torch.ones(2, 1, 64, 64))
    torch.testing.assert_close(image, (layers.pictures * layers.masks).sum(1))
    alone = renderer([vectors[0], torch.zeros(2, 8), torch.zeros(2, 8)])[1].pictures[:, 0]
    torch.testing.assert_close(renderer.static(vectors[0]), alone)
    if sigmoid:  # then a component's picture depends on its own vector alone
        torch.testing.assert_close(alone, layers.pictures[:, 0])


def test_the_residual_one_fits_84_pixels() -> None:
    renderer = DisentangledRenderer("residual", 84, 3, 8, 2, 4, 6, 4).eval()
    assert renderer([torch.randn(1, 8)] * 2)[0].shape == (1, 3, 84, 84)


@pytest.mark.parametrize(("blocks", "side"), [("simple", 84), ("residual", 96)])
def test_sizes_that_nobody_published_are_refused(blocks: Blocks, side: int) -> None:
    with pytest.raises(BadInput, match=f"{side} pixels"):
        SimpleRenderer(blocks, side, 3, 8, 4)
