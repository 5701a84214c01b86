"""Things of which a picture holds at most one, found by counting codes in recorded play."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

_SURE = 10.0  # pictures that should hold both codes by chance, before "never seen together" says anything
_RARE = 0.02  # share of that number still called never: pictures may show the very end of an episode


def find_things(pictures: Iterable[Tensor], codes: int) -> Tensor:
    """Codes that are faces of one thing: a ghost's four headings, a ball, a key.

    A code is single if no picture holds it twice, although 10 would by chance. Two single codes are faces of one thing
    if no picture holds both, although ``n p_a p_b >= 10`` pictures would if they were unrelated (p: share of pictures
    that hold the code). Things are the groups that such pairs connect; a single code without a partner is one alone.

    Args:
        pictures: (n, ...) int64 codes, in parts.
        codes: K, size of the codebook.

    Returns:
        (K,) int64: the thing's number from 0 on, or -1 for a code that is not single.
    """
    holds, twice, total = torch.zeros(codes, codes, dtype=torch.float64), torch.zeros(codes, dtype=torch.float64), 0
    number = torch.zeros(codes, dtype=torch.float64)
    for part in pictures:
        flat = part.flatten(1).long()
        count = torch.zeros(len(flat), codes).scatter_add_(1, flat, torch.ones(flat.shape))
        has = (count > 0).double()
        holds += has.T @ has
        twice += (count > 1).double().sum(0)
        number += count.double().sum(0)
        total += len(flat)
    seen = holds.diagonal().clone()
    rate = number / max(total, 1)
    chance_twice = total * (1 - torch.exp(-rate) * (1 + rate))  # if it fell on cells by chance
    single = (twice <= _RARE * chance_twice) & (chance_twice >= _SURE)
    expected = seen[:, None] * seen[None] / max(total, 1)
    apart = (holds <= _RARE * expected) & (expected >= _SURE) & single[:, None] & single[None]
    thing = torch.full((codes,), -1)
    found = 0
    for first in range(codes):
        if thing[first] >= 0 or not single[first]:
            continue
        edge = [first]
        while edge:
            code = edge.pop()
            thing[code] = found
            edge += [int(other) for other in apart[code].nonzero()[:, 0] if thing[other] < 0]
        found += 1
    return thing
