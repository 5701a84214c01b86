"""The reel: every step once an epoch, rows that go on from window to window, episodes' first frames marked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.blocks import record_block
from worldsim.data.recording import Recording
from worldsim.errors import BadInput
from worldsim.vision_memory.encoded import Encoded
from worldsim.vision_memory.stream import LatentStream


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_block(tmp_path_factory.mktemp("stream"), episodes=30, longest=25)


def numbered(recording: Recording) -> np.ndarray:
    """Latents that say which frame they are: mu is (episode, step)."""
    out = np.zeros((recording.num_frames, 2, 2), np.float16)
    out[:, 0] = np.concatenate([[(e, t) for t in range(n + 1)] for e, n in enumerate(recording.lengths)])
    return out


def test_windows_follow_each_other_through_whole_episodes(recording: Recording) -> None:
    stream = LatentStream(Encoded(numbered(recording), recording), 7, 3, seed=1)
    along = (recording.num_steps - 1) // 3
    windows = [stream.batch(i) for i in range(along // 7)]
    assert [float(w.carried[0]) for w in windows] == [0.0] + [1.0] * (len(windows) - 1)
    seen = set()
    for before, after in zip(windows[:-1], windows[1:], strict=True):
        assert torch.equal(before.mu[:, -1], after.mu[:, 0])
    for window in windows:
        assert window.mu.shape == (3, 8, 2)
        assert bool(window.mask.all())
        episode, step = window.mu[..., 0].long(), window.mu[..., 1].long()
        assert torch.equal(window.first.bool(), step[:, :-1] == 0)
        assert torch.equal(window.terminated, step[:, 1:] == 0)
        for b in range(3):
            for t in range(7):
                e, s = int(episode[b, t]), int(step[b, t])
                seen.add((e, s))
                assert np.array_equal(window.actions[b, t].numpy(), recording[e].actions[s])
                last = s == recording.lengths[e] - 1
                assert bool(window.terminated[b, t]) == last
    assert len(seen) == len(windows) * 3 * 7  # nothing twice


def test_the_reel_can_have_a_mirrored_half(recording: Recording) -> None:
    both = np.concatenate([numbered(recording)] * 2)
    both[recording.num_frames :, 0, 0] += 1000
    stream, turned = LatentStream(Encoded(both, recording, mirror=0), 7, 3, seed=1), 0
    for window in (stream.batch(i) for i in range((2 * recording.num_steps - 1) // 3 // 7)):
        for b in range(3):
            for t in range(7):
                e, s = (int(v) for v in window.mu[b, t])
                action = recording[e % 1000].actions[s] * ([-1, 1] if e >= 1000 else [1, 1])
                assert np.array_equal(window.actions[b, t].numpy(), action)
                turned += e >= 1000
    assert turned > 0.9 * recording.num_steps


def test_epochs_are_shuffled_and_processes_share_the_rows(recording: Recording) -> None:
    stream = LatentStream(Encoded(numbered(recording), recording), 7, 4, seed=1)
    per_epoch = ((recording.num_steps - 1) // 4) // 7
    assert not torch.equal(stream.batch(0).mu, stream.batch(per_epoch).mu)
    assert float(stream.batch(per_epoch).carried[0]) == 0
    assert torch.equal(
        stream.batch(3).mu, LatentStream(Encoded(numbered(recording), recording), 7, 4, seed=1).batch(3).mu
    )
    halves = LatentStream(Encoded(numbered(recording), recording), 7, 2, seed=1)
    both = torch.cat([halves.batch(2, rank, 2).mu for rank in range(2)])
    assert torch.equal(both, stream.batch(2).mu)


def test_too_little_play_for_so_many_rows(recording: Recording) -> None:
    assert (
        LatentStream(Encoded(numbered(recording), recording), 999, 3, seed=1).batch(0).mu.shape[1]
        <= recording.num_steps // 3
    )
    with pytest.raises(BadInput, match="smaller memory_batch"):
        LatentStream(Encoded(numbered(recording), recording), 7, 100_000, seed=1)
