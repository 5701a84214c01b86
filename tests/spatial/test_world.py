"""The spatial world keeps the contract, and its batches are what was recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worlds import flag_recording, spatial_model, spatial_world
from worldsim.spatial.episodes import CodeEpisodes
from worldsim.spatial.objective import TransitionObjective
from worldsim.spatial.train import encode
from worldsim.testing import check_world_model


def test_it_keeps_the_contract() -> None:
    frame = torch.from_numpy(flag_recording()[0].frames[:1].copy())
    check_world_model(spatial_world().model, frame)


def episodes(length: int, whole: bool) -> CodeEpisodes:
    rng = np.random.default_rng(0)
    steps = rng.integers(2, 30, 100)
    marks = [np.arange(n + 1).reshape(-1, 1, 1) + 100 * np.ones((1, 2, 2), int) * e for e, n in enumerate(steps)]
    return CodeEpisodes(
        [m.astype(np.int16) for m in marks],
        [np.arange(n) for n in steps],
        [np.full(n, e, np.float32) for e, n in enumerate(steps)],
        [bool(e % 2) for e in range(100)],
        length=length,
        batch_size=4,
        from_start=whole,
        seed=3,
    )


@pytest.mark.parametrize("whole", [True, False])
def test_batches_are_stretches_of_one_episode(whole: bool) -> None:
    data = episodes(12, whole)
    for index in range(30):
        batch = data.batch(index)
        for row in range(4):
            n = int(batch.mask[row].sum())
            assert batch.mask[row, :n].all()
            assert n >= 1
            e = int(batch.rewards[row, 0])
            begin = int(batch.actions[row, 0])
            assert not whole or begin == 0
            assert (batch.codes[row, : n + 1, 0, 0] == 100 * e + begin + torch.arange(n + 1)).all()
            last = begin + n == len(data.rewards[e])
            assert bool(batch.terminated[row, n - 1]) == (last and e % 2 == 1)
            assert int(batch.terminated[row].sum()) == int(batch.terminated[row, n - 1])


def test_batches_are_a_function_of_their_number() -> None:
    one, two = episodes(12, False), episodes(12, False)
    one.batch(5)
    for a, b in zip(one.batch(17), two.batch(17), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.batch(17).rewards[:, 0], one.batch(18).rewards[:, 0])


def test_two_processes_share_out_one_batch() -> None:
    data = episodes(30, True)
    seen = [set(data.batch(3, rank, 2).rewards[:, 0].tolist()) for rank in (0, 1)]
    assert not seen[0] & seen[1]


def test_every_episode_is_seen_once_an_epoch() -> None:
    data = episodes(30, True)
    seen = [e for index in range(24) for e in data.batch(index).rewards[:, 0].tolist()]  # 3 pools of 32
    assert len(seen) == len(set(seen)) == 96


def test_encode_gives_codes_and_exact_pictures_where_a_code_is_one_picture() -> None:
    recording, model = flag_recording(), spatial_model(flag_recording())
    data = encode(model, recording, 48, 4, True, 0)
    assert len(data.codes) == len(recording)
    frames = torch.from_numpy(recording[2].frames.copy())
    assert (torch.from_numpy(data.codes[2]) == model.vision.encode(frames)).all()
    patches = model.vision.patches(torch.cat([torch.from_numpy(e.frames.copy()) for e in recording.episodes()]))
    codes = torch.cat([torch.from_numpy(c) for c in data.codes]).flatten().long()
    for code in codes.unique()[:5]:
        mean = patches.flatten(0, 1)[codes == code].double().mean(0).round()
        assert torch.equal(model.tiles[code].flatten().double(), mean)


def test_it_overfits_one_batch() -> None:
    model = spatial_model(flag_recording())
    data = encode(model, flag_recording(), 8, 4, True, 0)
    objective = TransitionObjective(model.requires_grad_(True))
    batch, generator = data.batch(0), torch.Generator()
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss, logs = objective.loss(batch, generator, "model")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert set(logs) == {"cell_nats", "cell_nats_alone", "presence_nats", "outcome_nats", "cells_wrong"}
    assert {"real", "predicted"} == set(objective.samples(batch))
