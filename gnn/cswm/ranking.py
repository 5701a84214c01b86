"""Hits@1 and mean reciprocal rank: is the state that really came about the nearest to the predicted one?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Ranks(NamedTuple):
    """Of n predictions."""

    hits: float  # share with rank 1
    reciprocal: float  # mean of 1 / rank
    n: int
    among: int  # different states that were ranked


def rank(predicted: Tensor, real: Tensor, state: Tensor) -> Ranks:
    """Rank each true state among all different true states by distance to the prediction.

    States that are the same are one candidate (Biza, van der Pol & Kipf 2021, arXiv:2110.05517: otherwise doubles of
    the right answer count as wrong ones). The tie rule is the strict one: whatever is as near as the truth comes first.

    Args:
        predicted: (n, F), flattened slots after k imagined steps.
        real: (n, F), the encodings of the frames that really came.
        state: (n,) int64, a number for each true state.
    """
    kinds, which = state.unique(return_inverse=True)
    first = torch.full((len(kinds),), len(state), dtype=torch.int64).scatter_reduce(
        0, which, torch.arange(len(state)), "amin"
    )
    candidates = real[first]
    ranks = []
    for rows in torch.arange(len(predicted)).split(512):
        apart = torch.cdist(predicted[rows], candidates)  # (b, candidates)
        truth = apart.gather(1, which[rows, None])
        ranks.append((apart <= truth).sum(1))
    found = torch.cat(ranks).double()
    return Ranks(float((found == 1).double().mean()), float((1 / found).mean()), len(found), len(kinds))
