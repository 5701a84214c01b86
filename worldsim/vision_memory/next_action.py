"""NextAction: what the player will do next, as the iterative procedure of World Models has M say."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from gymnasium import Space
from gymnasium.spaces import Discrete, MultiBinary, MultiDiscrete
from torch import Tensor, nn

from worldsim.nn.action import action_size, encode_action
from worldsim.nn.init import glorot


class NextAction(nn.Module):
    """``P(a' | h')``, linear in M's memory h' after the present picture and action.

    Discrete actions: a softmax for each of them; MultiBinary: a logit for each; Box: the mean of a Gaussian of
    variance 1, without its constant. It is a loss in training; dreams do not ask for it.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, section 5: M learns P(x', r', a', d' | x, a, h). No loss or weight
    is given there.

    Shapes:
        h (..., H) -> (..., A); `loss`: h (N, H) and actions (N, *space.shape) -> () in nats an action.
    """

    def __init__(self, space: Space[Any], hidden: int) -> None:
        super().__init__()
        self.space = space
        self.head = nn.Linear(hidden, action_size(space))
        glorot(self.head)

    def forward(self, h: Tensor) -> Tensor:
        """Logits, or means where the action is continuous."""
        out: Tensor = self.head(h)
        return out

    def loss(self, h: Tensor, action: Tensor) -> Tensor:
        """Mean over N; 0 for N = 0."""
        if not len(h):
            return h.sum()
        said, done = self(h).float(), encode_action(self.space, action)
        if isinstance(self.space, Discrete | MultiDiscrete):
            sizes = [int(self.space.n)] if isinstance(self.space, Discrete) else self.space.nvec.flatten().tolist()
            logs = torch.cat([part.log_softmax(-1) for part in said.split(sizes, -1)], -1)
            nats = -(logs * done).sum(-1)
        elif isinstance(self.space, MultiBinary):
            nats = F.binary_cross_entropy_with_logits(said, done, reduction="none").sum(-1)
        else:
            nats = (said - done).square().sum(-1) / 2
        return nats.mean()
