"""The engine is the paper's equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from worldsim.errors import BadInput
from worldsim.gamegan.dynamics import ActionLSTM
from worldsim.gamegan.encoder import FrameEncoder


def test_one_step_by_hand() -> None:
    torch.manual_seed(0)
    cell = ActionLSTM(3, 2, 4, 8, 6)
    a, z, m, s, h, c = (torch.randn(5, n) for n in (3, 2, 4, 6, 8, 8))
    fused = torch.cat([F.leaky_relu(cell.action[0](a), 0.2), F.leaky_relu(cell.noise[0](z), 0.2), m], 1)
    v = cell.project(h) * cell.fuse(fused)
    gates = cell.from_memory(v) + cell.from_seen(s)
    i, f, g, o = gates.chunk(4, 1)
    expected = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    after_h, after_c = cell(a, z, m, s, h, c)
    torch.testing.assert_close(after_c, expected)
    torch.testing.assert_close(after_h, torch.sigmoid(o) * torch.tanh(expected))


def test_the_action_works_on_what_is_remembered() -> None:
    """``v = (W h) * H(a)``: where W h is 0, no action makes a difference."""
    torch.manual_seed(0)
    cell = ActionLSTM(3, 2, 0, 8, 6)
    torch.nn.init.zeros_(cell.project.bias)
    z, s = torch.randn(1, 2), torch.randn(1, 6)
    outcomes = [
        [cell(torch.eye(3)[a : a + 1], z, None, s, h, torch.zeros(1, 8))[0] for a in (0, 1)]
        for h in (torch.zeros(1, 8), torch.randn(1, 8))
    ]
    assert torch.equal(*outcomes[0])
    assert not torch.allclose(*outcomes[1])


@pytest.mark.parametrize("side", [64, 84])
def test_the_encoder_takes_the_published_sides(side: int) -> None:
    assert FrameEncoder(side, 3, 16)(torch.rand(2, 3, side, side)).shape == (2, 16)
    with pytest.raises(BadInput, match="64 or 84 pixels, got 65"):
        FrameEncoder(65, 3, 16)
