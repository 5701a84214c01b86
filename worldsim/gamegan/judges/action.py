"""The action judge: does the second picture follow from the first under this action?"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.judges.features import Flat, Kind


class Recognised(NamedTuple):
    """What the transition alone tells."""

    action: Tensor  # (n, A) logits
    noise: Tensor  # (n, Z)


class ActionJudge(nn.Module):
    """A logit for (x, x', a), and which action and noise led from x to x'.

    ``t = LeakyReLU(conv([f(x), f(x')]))``, with a kernel that covers the whole map; ``logit = Linear(LeakyReLU(
    Linear([t, Linear(a)])))``; ``(a^, z^) = Linear(t)``.

    For "grid" the kernel is 3, and beside f(x) and f(x') it sees how far each cell of f(x') is from each of the nine
    cells of f(x) around it, ``d_k / mean_k d_k`` with d the mean absolute difference, as networks for optical flow do
    (Dosovitskiy et al. 2015, arXiv:1504.06852, which multiply): without, it never recognised an action, as a
    convolution does not compare. t is averaged over places for the regression; a logit for each cell reads t there
    and its average.

    It is trained on three kinds of pair: real with the true action (real), real with another one, and generated with
    the action it was generated from (both fake).

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.4, and the release.

    Shapes:
        features (n, D, r, c) twice, action (n, A).
    """

    def __init__(self, kind: Kind, size: tuple[int, int, int], actions: int, noise: int) -> None:
        super().__init__()
        width, rows, cols = size
        self.local, self.split = kind == "grid", (actions, noise)
        hidden = 48 if self.local else 256
        if self.local:
            self.transition: nn.Module = nn.Conv2d(2 * width + 9, hidden, 3, padding=1)
            self.judge: nn.Module = nn.Sequential(
                nn.Conv2d(hidden, hidden, 1), nn.LeakyReLU(0.2), nn.Conv2d(hidden, 1, 1)
            )
        else:
            self.transition = nn.Sequential(nn.Conv2d(2 * width, hidden, (rows, cols)), Flat())
            self.judge = nn.Sequential(nn.Linear(2 * hidden, 512), nn.LeakyReLU(0.2), nn.Linear(512, 1))
        self.embed = nn.Linear(actions, hidden)
        self.recogniser = nn.Linear(hidden, actions + noise)

    def transitions(self, before: Tensor, after: Tensor) -> Tensor:
        """t: (n, 256), or (n, 48, r, c) for "grid"."""
        if not self.local:
            whole: Tensor = self.transition(torch.cat([before, after], 1))
            return whole
        return F.leaky_relu(self.transition(torch.cat([before, after, gaps(before, after)], 1)), 0.2)

    def forward(self, transition: Tensor, action: Tensor) -> Tensor:
        """Logits (n, 1), or (n, cells)."""
        embedded = self.embed(action)
        if self.local:
            whole = 2 * transition.mean((2, 3)) + embedded
            out: Tensor = self.judge(transition + whole[:, :, None, None])
        else:
            out = self.judge(torch.cat([transition, embedded], 1))
        return out.flatten(1)

    def recognise(self, transition: Tensor) -> Recognised:
        """Which action and noise it was."""
        pooled = transition.mean((2, 3)) if self.local else transition
        return Recognised(*self.recogniser(pooled).float().split(self.split, 1))


def gaps(before: Tensor, after: Tensor) -> Tensor:
    """How unlike each cell is to the nine cells around it before, as shares: (n, D, r, c) twice -> (n, 9, r, c)."""
    near = F.unfold(before, 3, padding=1).unflatten(1, (before.shape[1], 9)).unflatten(3, before.shape[2:])
    gaps = (near - after[:, :, None]).abs().mean(1)
    return 4 * (gaps / (gaps.mean(1, keepdim=True) + 1e-3) - 1)
