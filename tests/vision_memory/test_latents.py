"""The encoded recording, and stretches of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.blocks import record_block
from worldsim.data.recording import Recording
from worldsim.vae.conv_vae import ConvVAE, ConvVAEConfig
from worldsim.vae.images import shrink, to_unit
from worldsim.vision_memory.encoded import Encoded
from worldsim.vision_memory.latents import LatentEpisodes, encode


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_block(tmp_path_factory.mktemp("latents"), episodes=30, longest=25)


def numbered(recording: Recording) -> np.ndarray:
    """Latents that say which frame they are: mu is (episode, step)."""
    out = np.zeros((recording.num_frames, 2, 2), np.float16)
    out[:, 0] = np.concatenate([[(e, t) for t in range(n + 1)] for e, n in enumerate(recording.lengths)])
    return out


def test_every_frame_is_encoded_in_order(recording: Recording, tmp_path: Path) -> None:
    torch.manual_seed(0)
    vision = ConvVAE(ConvVAEConfig(4))
    latents = encode(vision, recording, tmp_path / "x" / "latents.npy")
    assert isinstance(latents, np.memmap)
    assert (latents.shape, latents.dtype) == ((recording.num_frames, 2, 4), np.float16)
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["latents.npy"]
    first = int(recording.lengths[0]) + 1
    frames = torch.from_numpy(recording[1].frames)
    with torch.inference_mode():
        posterior = vision.encode(to_unit(shrink(frames)))
    got = torch.from_numpy(latents[first : first + len(frames)].astype(np.float32))
    torch.testing.assert_close(got[:, 0], posterior.mu, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(got[:, 1], posterior.logvar, rtol=2e-3, atol=2e-3)


def test_mirrored_frames_come_after_all_others(recording: Recording, tmp_path: Path) -> None:
    torch.manual_seed(0)
    vision, half = ConvVAE(ConvVAEConfig(4)), recording.num_frames
    latents = encode(vision, recording, tmp_path / "both.npy", mirror=True)
    assert np.array_equal(latents[:half], encode(vision, recording, tmp_path / "one.npy"))
    frames = torch.from_numpy(recording[0].frames.copy()).flip(2)
    with torch.inference_mode():
        mu = vision.encode(to_unit(shrink(frames))).mu
    got = torch.from_numpy(latents[half : half + len(frames), 0].astype(np.float32))
    torch.testing.assert_close(got, mu, rtol=2e-3, atol=2e-3)
    assert not np.array_equal(latents[half : half + len(frames)], latents[: len(frames)])


def test_mirrored_stretches_have_one_number_of_their_actions_turned(recording: Recording) -> None:
    """The latents say which frame they are, from 1000 on of the mirrored half."""
    both = np.concatenate([numbered(recording)] * 2)
    both[recording.num_frames :, 0, 0] += 1000
    data, found = LatentEpisodes(Encoded(both, recording, mirror=1), 100, 5, seed=0), set()
    for index in range(24):
        batch = data.batch(index)
        for row in range(5):
            n, e = int(batch.mask[row].sum()), int(batch.mu[row, 0, 0])
            actions = recording[e % 1000].actions[:n]
            assert np.array_equal(batch.actions[row, :n].numpy(), actions * ([1, -1] if e >= 1000 else [1, 1]))
            assert np.array_equal(batch.rewards[row, :n].numpy(), recording[e % 1000].rewards[:n])
            found.add(e)
    assert found == {e + turned for e in range(30) for turned in (0, 1000)}


@pytest.mark.parametrize("length", [6, 100])
def test_stretches_are_what_was_recorded(recording: Recording, length: int) -> None:
    data = LatentEpisodes(Encoded(numbered(recording), recording), length, 5, seed=0)
    inside = 0
    for index in range(40):
        batch = data.batch(index)
        assert batch.mu.shape[1] == batch.mask.shape[1] + 1 <= length + 1
        assert bool(batch.mask.any(0).all())  # no column that is masked in every row
        for row in range(5):
            n = int(batch.mask[row].sum())
            e, begin = (int(v) for v in batch.mu[row, 0])
            episode = recording[e]
            assert batch.mask[row, :n].all()
            assert batch.mu[row, : n + 1].tolist() == [[e, begin + t] for t in range(n + 1)]
            assert np.array_equal(batch.actions[row, :n].numpy(), episode.actions[begin : begin + n])
            assert np.array_equal(batch.rewards[row, :n].numpy(), episode.rewards[begin : begin + n])
            last = begin + n == len(episode)
            assert batch.terminated[row].nonzero()[:, 0].tolist() == ([n - 1] if last and episode.terminated else [])
            assert batch.first[row].tolist() == [float(begin == 0)] + [0.0] * (batch.first.shape[1] - 1)
            inside += begin > 0
    assert (inside > 0) == (length == 6)


def test_an_epoch_shows_every_stretch_once(recording: Recording) -> None:
    data = LatentEpisodes(Encoded(numbered(recording), recording), 100, 5, seed=0)
    seen = [int(e) for index in range(48) for e in data.batch(index).mu[:, 0, 0]]  # 6 pools of 40: 8 epochs of 30
    assert sorted(seen) == sorted(list(range(30)) * 8)


def test_batches_are_a_function_of_seed_number_and_rank(recording: Recording) -> None:
    def batch(index: int, seed: int = 0, rank: int = 0, world_size: int = 1) -> list[float]:
        data = LatentEpisodes(Encoded(numbered(recording), recording), 6, 4, seed)
        return data.batch(index, rank, world_size).mu[:, 0].flatten().tolist()

    assert batch(7) == batch(7)
    assert len({tuple(b) for b in (batch(7), batch(8), batch(7, seed=1))}) == 3
    shares = [set(zip(*[iter(batch(3, rank=r, world_size=2))] * 2, strict=True)) for r in range(2)]
    assert not shares[0] & shares[1]


def test_batches_hold_episodes_of_like_length(recording: Recording) -> None:
    data = LatentEpisodes(Encoded(numbered(recording), recording), 100, 4, seed=0)
    kept = [float(data.batch(i).mask.float().mean()) for i in range(40)]
    assert np.mean(kept) > 0.8
