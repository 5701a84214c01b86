"""Noise: normal, independent, and a function of key and step alone."""

from __future__ import annotations

import torch

from worldsim.noise import normals, stream_keys, uniforms


def draw(rows: int, steps: int, size: int) -> torch.Tensor:
    key = stream_keys(torch.arange(rows))
    return torch.stack([normals(key, torch.full((rows,), t), size) for t in range(steps)])  # (steps, rows, size)


def test_moments_are_those_of_a_standard_normal() -> None:
    x = draw(256, 40, 51).double().flatten()  # 522,240 draws: the bounds are five standard errors
    error = 5 / len(x) ** 0.5
    assert abs(float(x.mean())) < error
    assert abs(float((x**2).mean()) - 1) < error * 2**0.5
    assert abs(float((x**3).mean())) < error * 15**0.5
    assert abs(float((x**4).mean()) - 3) < error * 96**0.5


def test_columns_rows_and_steps_are_uncorrelated() -> None:
    x = draw(200, 200, 6)
    for flat in (x.flatten(0, 1).T, x.permute(1, 0, 2).flatten(1)[:20], x.flatten(1)[:20]):
        off = torch.corrcoef(flat) - torch.eye(len(flat))
        assert float(off.abs().max()) < 6 / flat.shape[1] ** 0.5


def test_a_row_depends_on_its_own_key_and_step_alone() -> None:
    key = stream_keys(torch.arange(1024))
    step = torch.arange(1024) % 7
    whole = normals(key, step, 9)
    for row in (0, 3, 1023):
        assert torch.equal(normals(key[row : row + 1], step[row : row + 1], 9)[0], whole[row])
    assert torch.equal(normals(key, step, 9), whole)
    assert not torch.equal(normals(key, step + 1, 9), whole)


def test_an_odd_size_and_no_columns() -> None:
    key = stream_keys(torch.tensor([5]))
    assert normals(key, torch.tensor([0]), 1).shape == (1, 1)
    assert normals(key, torch.tensor([0]), 0).shape == (1, 0)


def test_stays_the_same_for_ever() -> None:
    """Golden values: a change would change every seeded dream."""
    got = normals(stream_keys(torch.tensor([0, 12345])), torch.tensor([0, 7]), 4)
    expected = torch.tensor(GOLDEN)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


def test_uniforms_are_uniform() -> None:
    u = uniforms(draw(256, 20, 10).flatten())
    counts = torch.histc(u, 10, 0, 1)
    expected = u.numel() / 10
    assert float(((counts - expected) ** 2 / expected).sum()) < 27.9  # chi-square with 9 degrees, p = .001


def test_neighbouring_seeds_get_distant_keys() -> None:
    keys = stream_keys(torch.arange(10_000))
    assert len(keys.unique()) == 10_000
    assert int((keys[1:] - keys[:-1]).abs().min()) > 1 << 32


GOLDEN = [
    [0.6278659, -0.0603902, 0.2100897, 0.9696218],
    [-0.1579018, -0.1094760, 1.1954262, -0.1331609],
]
