"""SPADE against its formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from worldsim.errors import BadInput
from worldsim.nn.spade import Spade


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_formula(norm: str) -> None:
    torch.manual_seed(0)
    layer, x, map = Spade(4, 3, hidden=8, norm=norm), torch.randn(2, 4, 6, 9), torch.randn(2, 3, 2, 3)
    axes = (2, 3) if norm == "instance" else (0, 2, 3)
    normal = (x - x.mean(axes, keepdim=True)) / (x.var(axes, False, keepdim=True) + 1e-5).sqrt()
    large = map.repeat_interleave(3, 2).repeat_interleave(3, 3)
    shared = F.relu(layer.shared(large))
    expected = normal * (1 + layer.gamma(shared)) + layer.beta(shared)
    torch.testing.assert_close(layer(x, map), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(x, large), layer(x, map))


def test_zero_heads_leave_the_norm_and_the_map_steers_only_nearby() -> None:
    torch.manual_seed(0)
    layer, x, map = Spade(4, 3), torch.randn(1, 4, 16, 16), torch.randn(1, 3, 16, 16)
    other = map.clone()
    other[:, :, 8, 8] += 1
    changed = (layer(x, map) != layer(x, other)).any(1)[0].nonzero()
    assert changed.min(0).values.tolist() == [6, 6]
    assert changed.max(0).values.tolist() == [10, 10]
    for head in (layer.gamma, layer.beta):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    torch.testing.assert_close(layer(x, map), F.instance_norm(x))


def test_published_size_and_bad_norm() -> None:
    hidden = (3 * 9 + 1) * 128
    assert sum(p.numel() for p in Spade(64, 3).parameters()) == hidden + 2 * (128 * 9 + 1) * 64
    with pytest.raises(BadInput, match='must be "instance" or "batch", got \'layer\''):
        Spade(4, 3, norm="layer")
