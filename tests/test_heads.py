"""The outcome head: its table, its loss in closed form, its draws."""

from __future__ import annotations

import math

import numpy as np
import torch

from worldsim.heads import OutcomeHead, outcome_table


def test_table_holds_every_pair_once() -> None:
    rewards = np.array([0, 0.5, 0, -1, 1, 0.5, 0.5], np.float32)
    ended = np.array([0, 0, 0, 1, 1, 0, 1], bool)
    table = outcome_table(rewards, ended)
    pairs = set(zip(table.reward.tolist(), table.terminated.tolist(), strict=True))
    assert pairs == {(0.0, False), (0.5, False), (-1.0, True), (1.0, True), (0.5, True)}
    assert len(table.reward) == 5


def test_fine_rewards_are_binned_to_their_means() -> None:
    rewards = np.linspace(0, 1, 1000, dtype=np.float32)
    table = outcome_table(rewards, np.zeros(1000, bool), limit=10)
    assert len(table.reward) == 10
    np.testing.assert_allclose(table.reward, np.arange(0.05, 1, 0.1), atol=1e-3)


def head(logits: list[float]) -> OutcomeHead:
    """A head that gives the same logits whatever it sees: outcomes (0, go on), (1, go on), (-1, end)."""
    made = OutcomeHead(2, 4, 3)
    made.set_table(outcome_table(np.array([0, 1, -1], np.float32), np.array([0, 0, 1], bool)))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.net[-1].bias.copy_(torch.tensor(logits))
    return made


def test_loss_is_the_cross_entropy_over_the_kept_steps() -> None:
    made = head([0.0, math.log(2), math.log(5)])  # probabilities 1/8, 2/8, 5/8
    reward, ended = torch.tensor([[0.0, 1.0], [-1.0, 7.0]]), torch.tensor([[False, False], [True, False]])
    mask = torch.tensor([[True, True], [True, False]])
    loss = made.loss(torch.zeros(2, 2, 2), reward, ended, mask)
    expected = -(math.log(1 / 8) + math.log(2 / 8) + math.log(5 / 8)) / 3
    assert abs(float(loss.detach()) - expected) < 1e-6


def test_an_unseen_reward_falls_to_the_nearest_with_the_same_ending() -> None:
    made = head([0.0, 0.0, 0.0])
    target = made.target(torch.tensor([0.9, -0.9, 0.9]), torch.tensor([False, False, True]))
    assert made.reward[target].tolist() == [1.0, 0.0, -1.0]


def test_draws_follow_the_probabilities_and_keep_pairs_together() -> None:
    made = head([0.0, math.log(2), math.log(5)])
    uniform = (torch.arange(8000) + 0.5) / 8000
    reward, ended = made.sample(torch.zeros(8000, 2), uniform)
    assert [int((reward == r).sum()) for r in (0, 1, -1)] == [1000, 2000, 5000]
    assert torch.equal(ended, reward == -1)
    assert made.sample(torch.zeros(1, 2), torch.ones(1))[0].tolist() == [-1.0]
