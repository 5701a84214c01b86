"""Reward and termination from one draw: a categorical over the (reward, terminated) pairs that were recorded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from worldsim.data.recording import Recording


class OutcomeTable(NamedTuple):
    """The outcomes that a step can have."""

    reward: NDArray[np.float32]  # (K,) in the environment's unit
    terminated: NDArray[np.bool_]  # (K,)


def outcome_table(rewards: NDArray[np.float32], terminated: NDArray[np.bool_], limit: int = 64) -> OutcomeTable:
    """Collect the outcomes of recorded steps; a finer reward than ``limit`` values is cut into equal-count bins.

    Args:
        rewards: (n,) recorded rewards.
        terminated: (n,) whether the step ended its episode.
        limit: most values kept for the steps that end an episode, and as many for those that do not.
    """
    kept_reward: list[float] = []
    kept_end: list[bool] = []
    for end in (False, True):
        values = np.sort(rewards[terminated == end])
        distinct = np.unique(values)
        if len(distinct) > limit:
            distinct = np.unique([part.mean() for part in np.array_split(values, limit)])
        kept_reward.extend(distinct.tolist())
        kept_end.extend([end] * len(distinct))
    return OutcomeTable(np.asarray(kept_reward, np.float32), np.asarray(kept_end, bool))


def recorded_outcomes(recording: Recording) -> OutcomeTable:
    """The table of a whole recording."""
    ends = [np.zeros(len(shard.rewards), bool) for shard in recording.shards]
    for end, shard in zip(ends, recording.shards, strict=True):
        end[shard.first_step + shard.lengths - 1] = shard.terminated
    return outcome_table(np.concatenate([shard.rewards for shard in recording.shards]), np.concatenate(ends))


class OutcomeHead(nn.Module):
    """Which (reward, terminated) pair follows: ``p(k) = softmax(W2 relu(W1 x))_k``; reward and ending are pair k's.

    One categorical keeps a reward and the ending it belongs to together (the flag ends the game and is worth 1), and
    has no scale to tune. Rewards finer than the table fall to the nearest entry with the same ending.

    Source: ours. World Models (arXiv:1803.10122) has an ending logit only, GameGAN (arXiv:2005.12126) neither.

    Shapes:
        features (..., F) -> logits (..., K); `sample`: (B, F), uniform (B,) -> reward (B,), terminated (B,).
    """

    reward: Tensor
    terminated: Tensor

    def __init__(self, features: int, hidden: int, outcomes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outcomes)
        )
        self.register_buffer("reward", torch.zeros(outcomes))
        self.register_buffer("terminated", torch.zeros(outcomes, dtype=torch.bool))

    def set_table(self, table: OutcomeTable) -> None:
        """Fill in what was recorded; the table is saved with the weights."""
        self.reward.copy_(torch.from_numpy(table.reward))
        self.terminated.copy_(torch.from_numpy(table.terminated))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (..., K)."""
        logits: Tensor = self.net(features)
        return logits

    def target(self, reward: Tensor, terminated: Tensor) -> Tensor:
        """The entry nearest to each recorded outcome: (...,) float and bool -> (...,) int64."""
        apart = (reward[..., None] - self.reward).abs()
        apart = apart + 1e9 * (terminated[..., None] != self.terminated)
        return apart.argmin(-1)

    def loss(self, features: Tensor, reward: Tensor, terminated: Tensor, mask: Tensor) -> Tensor:
        """Cross-entropy in nats a step, averaged over the steps that ``mask`` keeps."""
        logits = self.net(features).float()
        nats = F.cross_entropy(logits.flatten(0, -2), self.target(reward, terminated).flatten(), reduction="none")
        kept = mask.flatten().to(nats.dtype)
        return (nats * kept).sum() / kept.sum().clamp(min=1)

    def sample(self, features: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """One draw a stream: reward (B,) float32 and terminated (B,) bool."""
        total = self.net(features).float().softmax(-1).cumsum(-1)
        pick = (uniform[:, None] * total[:, -1:] >= total).sum(-1).clamp(max=total.shape[-1] - 1)
        return self.reward[pick], self.terminated[pick]
