from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.made import SHAPE, episode, recording
from worldsim.data.cache import ChunkCache
from worldsim.data.recording import Recording
from worldsim.data.windows import Batch, Windows
from worldsim.errors import BadInput

LENGTHS = [1, 30, 16, 5, 47, 2, 15]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording(tmp_path_factory.mktemp("windows") / "r", LENGTHS)


def places(batch: Batch) -> list[tuple[int, int]]:
    """(episode, first step) of each window, as its first frame tells."""
    return [tuple(frame) for frame in batch.frames[:, 0, 0, 0, :2].tolist()]


def equal(a: Batch, b: Batch) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("length", [1, 4, 20, 100])
def test_every_field_in_closed_form(made: Recording, length: int) -> None:
    windows = Windows(made, length, 9, seed=1)
    for number in range(8):
        batch = windows.batch(number)
        assert batch.frames.shape == (9, length + 1, *SHAPE)
        assert batch.frames.dtype == torch.uint8
        for b, (index, first) in enumerate(places(batch)):
            steps = LENGTHS[index]
            played = min(length, steps - first)
            truth = episode(index, steps)
            assert batch.mask[b].tolist() == [t < played for t in range(length)]
            last = [index % 2 == 0 and first + t == steps - 1 for t in range(length)]
            assert batch.terminated[b].tolist() == last
            times = [min(first + t, steps) for t in range(length + 1)]  # the last frame repeats
            assert np.array_equal(batch.frames[b].numpy(), truth.frames[times])
            assert np.array_equal(batch.actions[b, :played].numpy(), truth.actions[first : first + played])
            assert np.array_equal(batch.rewards[b, :played].numpy(), truth.rewards[first : first + played])
            assert not batch.actions[b, played:].any()
            assert not batch.rewards[b, played:].any()


@pytest.mark.parametrize("world_size", [1, 2])
def test_an_epoch_shows_every_step_once_and_the_next_in_another_order(made: Recording, world_size: int) -> None:
    windows = Windows(made, 3, 4, seed=5)
    total = sum(LENGTHS)
    assert windows.num_windows == total
    shown = [
        place
        for number in range(2 * total // 4 + 2)
        for rank in range(world_size)
        for place in places(windows.batch(number, rank, world_size))
    ]
    every = Counter((i, t) for i, steps in enumerate(LENGTHS) for t in range(steps))
    assert Counter(shown[:total]) == every
    assert Counter(shown[total : 2 * total]) == every
    assert shown[:total] != shown[total : 2 * total]
    assert shown[:total] != sorted(shown[:total])


def test_start_episode_gives_every_episode_from_its_first_step(made: Recording) -> None:
    windows = Windows(made, max(LENGTHS), len(LENGTHS), start="episode")
    assert windows.num_windows == len(LENGTHS)
    batch = windows.batch(0)
    assert sorted(places(batch)) == [(i, 0) for i in range(len(LENGTHS))]
    assert batch.mask.sum() == sum(LENGTHS)
    assert batch.terminated.sum() == 4  # the even ones
    with_short_windows = Windows(made, 10, len(LENGTHS), start="episode").batch(0)
    assert with_short_windows.mask.sum() == sum(min(10, steps) for steps in LENGTHS)


def test_a_batch_is_a_function_of_seed_index_and_rank(made: Recording) -> None:
    windows = Windows(made, 6, 5, seed=2)
    wanted = [windows.batch(i) for i in range(6)]
    again = Windows(made.path, 6, 5, seed=2, workers=3, cache_bytes=0)
    for i in (4, 0, 5, 2):
        assert equal(again.batch(i), wanted[i])
    assert all(equal(a, b) for a, b in zip(again, wanted, strict=False))
    resumed = again.prefetched(3)
    assert all(equal(a, b) for a, b in zip(itertools.islice(resumed, 3), wanted[3:], strict=True))
    assert not equal(Windows(made, 6, 5, seed=3).batch(0), wanted[0])
    assert not equal(windows.batch(0, rank=1, world_size=2), windows.batch(0, rank=0, world_size=2))
    one_of_two = windows.prefetched(2, rank=1, world_size=2)
    assert equal(next(one_of_two), windows.batch(2, 1, 2))


def test_the_files_do_not_matter(made: Recording, tmp_path: Path) -> None:
    other = recording(tmp_path / "r", LENGTHS, per_shard=1)
    assert equal(Windows(made, 6, 32).batch(1), Windows(other, 6, 32).batch(1))


def test_batches_do_not_share_memory(made: Recording) -> None:
    windows = Windows(made, 2, 3)
    batch = windows.batch(0)
    before = batch.frames.clone()
    batch.frames.zero_()
    assert torch.equal(windows.batch(0).frames, before)


def test_memory_is_bounded(made: Recording) -> None:
    chunk = made.shards[0].chunk(0).nbytes
    cache = ChunkCache(made, 3 * chunk)
    for _ in range(2):
        for shard in range(len(made.shards)):
            for number in range(len(made.shards[shard]._where)):
                assert np.array_equal(cache(shard, number), made.shards[shard].chunk(number))
                assert cache.num_bytes <= 3 * chunk
    assert cache(0, 0) is cache(0, 0)


def test_an_error_reaches_the_reader(tmp_path: Path) -> None:
    gone = recording(tmp_path / "r", [20])
    windows = Windows(gone, 4, 2)
    (tmp_path / "r" / "0.h5").unlink()
    with pytest.raises(FileNotFoundError):
        next(iter(windows))


def test_bad_arguments(made: Recording) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        Windows(made, 0, 4)
    with pytest.raises(BadInput, match='"any" or "episode"'):
        Windows(made, 4, 4, start="middle")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="rank"):
        Windows(made, 4, 4).batch(0, rank=2, world_size=2)
    with pytest.raises(BadInput, match="nothing there"):
        Windows("absent", 4, 4)


def test_pieces_are_the_same_steps(made: Recording) -> None:
    whole = Windows(made, length=6, batch_size=5, seed=1).batch(0)
    pieces = whole.pieces(2)
    assert pieces.frames.shape[:2] == (15, 3)
    for row in range(5):
        for piece in range(3):
            begin, it = 2 * piece, 3 * row + piece
            assert torch.equal(pieces.frames[it], whole.frames[row, begin : begin + 3])
            for mine, theirs in zip(pieces[1:], whole[1:], strict=True):
                assert torch.equal(mine[it], theirs[row, begin : begin + 2])
    assert whole.pieces(6) is whole
    with pytest.raises(BadInput, match="6 steps do not divide into pieces of 4"):
        whole.pieces(4)
