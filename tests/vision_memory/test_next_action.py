"""M can learn what its player does next."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space

from tests.vision_memory.test_objective import a_world, moves, seeded
from worldsim.vision_memory.next_action import NextAction
from worldsim.vision_memory.objective import MemoryObjective


@pytest.mark.parametrize(
    ("space", "action", "nats"),
    [
        (Discrete(4, start=2), torch.tensor([2, 5]), math.log(4)),
        (MultiDiscrete([3, 5]), torch.tensor([[0, 4], [2, 1]]), math.log(15)),
        (MultiBinary(3), torch.tensor([[0, 1, 1], [1, 1, 1]]), 3 * math.log(2)),
        (Box(-1, 1, (3,), np.float32), torch.tensor([[1.0, 0, 0], [0, 2, 2]]), (1 / 2 + 8 / 2) / 2),
    ],
)
def test_saying_nothing_costs_as_much_as_all_actions_alike(space: Space, action: torch.Tensor, nats: float) -> None:
    head = NextAction(space, 6)
    torch.nn.init.zeros_(head.head.weight)
    torch.nn.init.zeros_(head.head.bias)
    assert head.loss(torch.randn(2, 6), action).item() == pytest.approx(nats, rel=1e-6)
    assert head.loss(torch.randn(0, 6), action[:0]).item() == 0


def test_the_action_counts_is_the_next_one_of_the_same_episode() -> None:
    world, batch = a_world(next_action=True), moves()
    objective = MemoryObjective(world).eval()
    cost = objective.loss(batch, seeded(), "model")[1]["action_nats"]
    opening, past = batch.actions.clone(), batch.actions.clone()
    past[:2, 5:] = 3 - past[:2, 5:]  # after the end
    opening[:, 0] = 3 - opening[:, 0]  # never a next one, but M hears of it
    assert objective.loss(batch._replace(actions=past), seeded(), "model")[1]["action_nats"] == cost
    assert objective.loss(batch._replace(actions=opening), seeded(), "model")[1]["action_nats"] != cost
    first = batch.first.clone()
    first[:, 4] = 1  # another episode of a reel begins
    assert objective.loss(batch._replace(first=first), seeded(), "model")[1]["action_nats"] != cost


def test_it_is_learned_and_shapes_the_memory() -> None:
    world, batch = a_world(next_action=True), moves()
    batch = batch._replace(actions=batch.actions[:, :1].expand(-1, 8).clone())  # each row holds its first action
    objective = MemoryObjective(world)
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    costs = []
    for _ in range(60):
        optimizer.zero_grad()
        loss, logs = objective.loss(batch, seeded(), "model")
        loss.backward()
        optimizer.step()
        costs.append(float(logs["action_nats"]))
    assert costs[0] > 1
    assert costs[-1] < 0.1


def test_without_it_a_world_is_the_published_one() -> None:
    assert not any("next_action" in name for name in a_world().state_dict())
    assert "action_nats" not in MemoryObjective(a_world()).loss(moves(), seeded(), "model")[1]
