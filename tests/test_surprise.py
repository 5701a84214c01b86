"""surprise: closed form on a linear-Gaussian world, and as a dream's extra reward."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.toys import LinearConfig, LinearWorld
from tests.worlds import spatial_folder, spatial_world
from worldsim.agents.training import train_agent
from worldsim.envs.dream import DreamVectorEnv
from worldsim.errors import BadInput
from worldsim.noise import normals, stream_keys
from worldsim.surprise import surprise


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.2])
def test_it_is_the_spread_of_the_worlds_own_draws(sigma: float) -> None:
    """Two draws differ by sigma (n' - n''), whose mean length in the plane is sigma sqrt(pi)."""
    world, rows = LinearWorld(LinearConfig(sigma=sigma)).eval(), 20_000
    generator = torch.Generator().manual_seed(0)
    before = {"x": torch.randn(rows, 2, generator=generator) * 0.5, "temperature": torch.ones(rows)}
    action, age = torch.zeros(rows, dtype=torch.int64), torch.full((rows,), 3)
    key = stream_keys(torch.arange(rows))
    drawn = world.imagine(before, action, normals(key, age, world.noise_size)).state
    usual = (drawn["x"] - drawn["x"].roll(1, 0)).norm(dim=1).mean()
    found = surprise(world, before, action, key, age, drawn)
    assert found.shape == (rows,)
    assert float(found.mean()) == pytest.approx(sigma * math.sqrt(math.pi) / float(usual), rel=0.02, abs=1e-6)


def test_a_curious_dream_is_the_same_dream_that_pays_more() -> None:
    plain, curious = (DreamVectorEnv(6, spatial_world(), curiosity=weight) for weight in (0.0, 2.0))
    for env in (plain, curious):
        env.reset(seed=4)
    extra = []
    for t in range(6):
        actions = np.full(6, t % 5)
        (one, paid, *ends), (other, paid_more, *other_ends) = plain.step(actions), curious.step(actions)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(ends[0], other_ends[0])
        extra.append(paid_more - paid)
    assert np.min(extra) >= 0
    assert np.max(extra) > 0
    with pytest.raises(BadInput, match="curiosity must be at least 0"):
        DreamVectorEnv(1, spatial_world(), curiosity=-1.0)


def test_an_agent_can_be_trained_on_it(tmp_path: object) -> None:
    small = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}
    kwargs = {"horizon": 8, "curiosity": 1.0}
    agent = train_agent(
        spatial_folder(), steps=32, out=f"{tmp_path}/a", num_envs=4, env_kwargs=kwargs, hyperparameters=small
    )
    assert agent.seat is not None
    assert agent.seat.in_reality().env_kwargs == {}  # reality pays nothing for it
