"""What a graph world is trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worldsim.gnn.choices import Told
from worldsim.gnn.transition import GraphTransition
from worldsim.gnn.transitions import TransitionBatch


class GraphObjective(nn.Module):
    """Nats of recorded steps: ``-log p(s', reward, ending | s, a)``, the sum over all choices of the transition.

    The chain of choices is told what happened at every link (teacher forcing). Each step's displacements between
    movers are multiplied by ``stretch ** u``, u uniform: what a ghost prefers does not change when everything is
    farther away by one factor. So small boards also teach what matters on large ones, above all that two ways that
    are equally good remain so from afar.
    """

    def __init__(self, transition: GraphTransition) -> None:
        super().__init__()
        self.transition = transition

    def loss(self, batch: TransitionBatch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One batch; logs nats a step of each kind of choice, and the share of steps of which all is the likeliest."""
        uniform = torch.rand(len(batch.action), generator=generator, device=batch.action.device)
        told = step_nats(self.transition, batch, self.transition.stretch**uniform)
        nats = {name: value.sum(1).mean() for name, value in told.nats.items()}
        exact = torch.cat(list(told.right.values()), 1).all(1).float().mean()
        return torch.stack(list(nats.values())).sum(), {"exact": exact, **{n: v.detach() for n, v in nats.items()}}


def step_nats(transition: GraphTransition, batch: TransitionBatch, stretch: Tensor | None = None) -> Told:
    """The nats of every choice of recorded steps; for ``stretch`` see `GraphTransition`."""
    truth = transition.told(batch.before, batch.action, batch.after, batch.reward)
    told = Told(truth, batch.before["present"])
    transition(batch.before, batch.action, told, stretch)
    return told
