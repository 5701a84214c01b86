"""Several controllers as one."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from worldsim.agents.committee import committee
from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.errors import BadInput

SEEN = Box(-np.inf, np.inf, (7,))


def member(seed: int, config: LinearConfig, taken: Box | Discrete, scale: float = 0.2) -> LinearController:
    size = LinearController(SEEN, taken, config).size
    return LinearController(SEEN, taken, config, np.random.default_rng(seed).normal(0, scale, size))


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_its_outputs_are_the_means_of_theirs(hidden: int, bias: bool) -> None:
    config = LinearConfig(hidden=hidden, bias=bias, squash=False)
    members = [member(seed, config, Box(-9, 9, (2,))) for seed in range(3)]
    one = committee(members)
    seen = np.random.default_rng(9).normal(size=(20, 7)).astype(np.float32)
    expected = np.mean([each.predict(seen)[0] for each in members], 0)
    np.testing.assert_allclose(one.predict(seen)[0], expected, atol=1e-5)
    assert one.config.hidden == 3 * hidden
    assert np.ptp(expected) > 0.5


def test_the_mean_is_taken_before_a_tanh_or_a_choice() -> None:
    far = [LinearController(SEEN, Box(-1, 1, (1,)), LinearConfig(), np.r_[np.zeros(7), b]) for b in (3.0, -1.0)]
    np.testing.assert_allclose(committee(far).predict(np.zeros(7))[0], np.tanh([1.0]), atol=1e-6)
    votes = [
        LinearController(SEEN, Discrete(3), LinearConfig(), np.r_[np.zeros(21), b])
        for b in ([0.0, 1.0, 0.9], [1.0, 0.0, 0.9])
    ]
    assert committee(votes).predict(np.zeros(7))[0] == 2


def test_members_must_be_alike() -> None:
    one = member(0, LinearConfig(hidden=4), Discrete(3))
    with pytest.raises(BadInput, match="two members or more, got 1"):
        committee([one])
    with pytest.raises(BadInput, match="members of a committee are alike"):
        committee([one, member(1, LinearConfig(hidden=5), Discrete(3))])
    with pytest.raises(BadInput, match="members of a committee are alike"):
        committee([one, member(1, LinearConfig(hidden=4), Discrete(2))])
