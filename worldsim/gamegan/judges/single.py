"""The single-image judge: does this look like a frame of the game?"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.judges.features import Kind


class SingleJudge(nn.Module):
    """Logits of one picture's features.

    - simple: a patch head (two convolutions of 2, the first padded: 3 x 3 logits) and a whole-image head (two
      convolutions of 2: one logit), 263,425 parameters each;
    - residual: ReLU, sum over places, one matrix: one logit;
    - grid: a patch head of 3 x 3 and 1 x 1: a logit for each cell.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.4, and the release.

    Shapes:
        (n, D, r, c) -> list of (n, logits).
    """

    def __init__(self, kind: Kind, size: tuple[int, int, int]) -> None:
        super().__init__()
        width = size[0]
        self.kind = kind
        if kind == "residual":
            self.heads = nn.ModuleList([nn.Linear(width, 1)])
        elif kind == "simple":
            self.heads = nn.ModuleList(
                nn.Sequential(nn.Conv2d(width, width, 2, 1, pad), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 2))
                for pad in (1, 0)
            )
        else:
            layers = (nn.Conv2d(width, 48, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(48, 1, 1))
            self.heads = nn.ModuleList([nn.Sequential(*layers)])

    def forward(self, features: Tensor) -> list[Tensor]:
        """The logits of each head."""
        x = F.relu(features).sum((2, 3)) if self.kind == "residual" else features
        return [head(x).flatten(1) for head in self.heads]
