"""The objective: the nats of all choices, with displacements stretched by numbers from its generator alone."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.gnn.graph_games import steps, untrained
from worldsim.gnn.board import decode
from worldsim.gnn.objective import GraphObjective, step_nats
from worldsim.gnn.transitions import TransitionBatch


def test_the_loss_is_the_sum_of_the_nats_and_displacements_are_stretched() -> None:
    played, transition = steps(), untrained().transition
    batch = TransitionBatch(decode(played.before), played.action, decode(played.after), played.reward)

    def loss(seed: int) -> Tensor:
        found: Tensor = GraphObjective(transition).loss(batch, torch.Generator().manual_seed(seed), "")[0]
        return found

    def ghosts(stretch: Tensor | None) -> Tensor:
        return step_nats(transition, batch, stretch).nats["ghost_move"]

    assert transition.stretch == 4.0
    assert loss(0) == loss(0) != loss(1)
    torch.testing.assert_close(ghosts(None), ghosts(torch.full((200,), 2.0)))  # the middle of 1 to 4
    transition.stretch = 1.0
    assert loss(0) == loss(1)
    nats = step_nats(transition, batch).nats.values()
    torch.testing.assert_close(loss(0), torch.stack([value.sum(1).mean() for value in nats]).sum())
    torch.testing.assert_close(ghosts(None), ghosts(torch.ones(200)))
    assert not torch.allclose(ghosts(None), ghosts(torch.full((200,), 2.0)))
