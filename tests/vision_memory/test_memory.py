"""The published M: its counts, steps and sequences, and what its heads say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from worldsim.nn.mixture import mixture
from worldsim.vision_memory.memory import MDNRNN, MemoryConfig


@pytest.mark.parametrize(
    ("config", "count"),
    [(MemoryConfig(32, 3, 256), 422_368), (MemoryConfig(64, 1, 512, done=True), 1_678_785)],
    ids=["car", "doom"],
)
def test_it_has_the_published_number_of_parameters(config: MemoryConfig, count: int) -> None:
    memory = MDNRNN(config)
    assert sum(p.numel() for p in memory.parameters()) == count
    assert sum(v.numel() for v in memory.state_dict().values()) == count  # no hidden buffers


def a_memory(done: bool) -> MDNRNN:
    memory = MDNRNN(MemoryConfig(4, 2, 8, mixtures=3, done=done))
    nn.init.normal_(memory.head.bias)
    return memory


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("gradients", [False, True])
def test_steps_are_the_sequence(done: bool, gradients: bool) -> None:
    memory = a_memory(done)
    z, action = torch.randn(3, 7, 4), torch.randn(3, 7, 2)
    first = torch.zeros(3, 7)
    first[:, 0] = 1
    h, c = torch.zeros(3, 8), torch.zeros(3, 8)
    with torch.set_grad_enabled(gradients):
        expected = memory(z, action, first)
        for t in range(7):
            h, c = memory.step(z[:, t], action[:, t], h, c, first[:, t])
            torch.testing.assert_close(h, expected[:, t], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("done", [False, True])
def test_the_head_has_the_published_layout(done: bool) -> None:
    memory = a_memory(done)
    h = torch.randn(2, 5, 8)
    raw = memory.head(h)
    prediction = memory.predict(h)
    if done:
        assert prediction.done is not None
        torch.testing.assert_close(prediction.done, raw[..., 0])
        raw = raw[..., 1:]
    else:
        assert prediction.done is None
    for part, expected in zip(prediction.mixture, mixture(raw, 4, 3), strict=True):
        torch.testing.assert_close(part, expected)


def test_the_restart_flag_counts_only_with_done() -> None:
    z, action, flag = torch.randn(2, 3, 4), torch.randn(2, 3, 2), torch.ones(2, 3)
    plain, doom = a_memory(False), a_memory(True)
    assert torch.equal(plain(z, action, flag), plain(z, action))
    assert not torch.equal(doom(z, action, flag), doom(z, action))
