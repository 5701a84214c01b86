"""Inverse dynamics: a small network, trained on real play, that says which action lies between two frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import Space
from torch import Tensor, nn

from worldsim.metrics.games import RealGames
from worldsim.metrics.look import Eyes
from worldsim.metrics.reality import Reality, Wanderer, discrete
from worldsim.nn.action import action_size, encode_action

FEATURES = 64
_BATCH, _RATE, _EPOCHS = 128, 2e-3, 5
_SEED = 70  # above those of what is measured


class InverseModel(nn.Module):
    """``action = W2 relu(W1 conv(sum, difference))`` of two frames; its hidden layer is a transition's trained feature.

    Actions that cannot be seen (a move into a wall looks like standing still) bound its accuracy, so the dream's is
    read beside that on real play. Of continuous actions it predicts the numbers, and only the feature is used.

    Source: ours, after the inverse model of Pathak et al. 2017 (arXiv:1705.05363).

    Shapes:
        before, after (B, D, h, w) -> out (B, A), feature (B, FEATURES).
    """

    def __init__(self, channels: int, height: int, width: int, action_space: Space[Any]) -> None:
        super().__init__()
        self.action_space, self.actions = action_space, discrete(action_space)
        large = min(height, width) > 10
        self.convs = nn.Sequential(
            nn.Conv2d(2 * channels, 32, 5 if large else 3, stride=2 if large else 1, padding=2 if large else 1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2 if large else 1, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            width_out = self.convs(torch.zeros(1, 2 * channels, height, width)).shape[1]
        self.hidden = nn.Linear(width_out, FEATURES)
        self.out = nn.Linear(FEATURES, self.actions or action_size(action_space))

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """What was done, and the feature."""
        feature = F.relu(self.hidden(self.convs(torch.cat([before + after - 1, 2 * (after - before)], 1))))
        return self.out(feature), feature

    def loss(self, before: Tensor, after: Tensor, action: Tensor) -> Tensor:
        """Cross-entropy in nats, or the squared error of a continuous action."""
        out, _ = self(before, after)
        if self.actions:
            return F.cross_entropy(out, action - int(self.action_space.start))  # type: ignore[attr-defined]
        return F.mse_loss(out, encode_action(self.action_space, action).float())

    @torch.inference_mode()
    def judge(self, before: Tensor, after: Tensor) -> tuple[np.ndarray, Tensor]:
        """The likeliest action (B,) of countable ones, and the feature (B, FEATURES)."""
        out, feature = self(before, after)
        start = int(self.action_space.start) if self.actions else 0  # type: ignore[attr-defined]
        return out.argmax(1).numpy() + start, feature


def train_inverse(reality: Reality, eyes: Eyes, rows: int = 128, steps: int = 48, seed: int = 0) -> InverseModel:
    """Train on ``rows * steps`` real pairs, of games that are not measured."""
    games = RealGames(reality, rows, _SEED)
    space = games.venv.single_action_space
    wander, before = Wanderer(space, rows, seed), eyes.look(games.frames).small
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(steps):
        action = wander.act()
        turn = games.step(action)
        pairs.append((before, eyes.look(turn.frames).small, torch.from_numpy(np.ascontiguousarray(action))))
        before = pairs[-1][1] if not turn.ended.any() else eyes.look(games.frames).small
    befores, afters, actions = (torch.cat(part) for part in zip(*pairs, strict=True))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _, channels, height, width = befores.shape
        model = InverseModel(channels, height, width, space)
    optimizer = torch.optim.AdamW(model.parameters(), _RATE, weight_decay=1e-2)
    batches = max(1, len(actions) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, max(2, _EPOCHS * batches))
    for _ in range(_EPOCHS):
        for rows_of in torch.randperm(len(actions), generator=generator).tensor_split(batches):
            loss = model.loss(befores[rows_of], afters[rows_of], actions[rows_of])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval().requires_grad_(False)
