from __future__ import annotations

import numpy as np
import pytest

from worldsim.data.chance import episode_seed, key, permute, uniforms


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65, 1000])
def test_permute_is_a_shuffle_of_its_own_for_every_key(size: int) -> None:
    places = np.arange(size)
    shuffles = [permute(places, size, np.full(size, key(k), np.uint64)) for k in range(20)]
    for shuffle in shuffles:
        assert sorted(shuffle.tolist()) == list(range(size))
    if size >= 64:
        assert len({tuple(s) for s in shuffles}) == 20
        assert abs(np.mean([np.corrcoef(places, s)[0, 1] for s in shuffles])) < 0.1
    rows = permute(places[::-1], size, np.full(size, key(3), np.uint64))
    assert np.array_equal(rows[::-1], shuffles[3])  # position by position, in any company


def test_uniforms_are_uniform_and_row_by_row() -> None:
    keys = np.array([key(1, i) for i in range(500)], np.uint64)
    drawn = uniforms(keys, np.arange(500), 8)
    assert drawn.shape == (500, 8)
    assert 0 <= drawn.min() < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(drawn.std() - 12**-0.5) < 0.01
    assert np.array_equal(uniforms(keys[7:9], np.array([7, 8]), 3), drawn[7:9, :3])
    assert not np.array_equal(uniforms(keys[:1], np.array([1]), 8), drawn[:1])


def test_keys_depend_on_every_number_and_their_order() -> None:
    assert len({key(), key(0), key(0, 0), key(1, 2), key(2, 1), key(3), key(-3)}) == 7


def test_episode_seeds_differ_and_fit_every_environment() -> None:
    seeds = [episode_seed(0, i) for i in range(100_000)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) <= max(seeds) < 2**31
    assert not set(seeds[:1000]) & {episode_seed(1, i) for i in range(1000)}
