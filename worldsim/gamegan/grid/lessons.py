"""Lessons: what real pictures that were searched for motion say of a roll-out on a grid."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from worldsim.gamegan.grid.motion import Motion
from worldsim.gamegan.rollout import Rollout


class Compared(NamedTuple):
    """Steps of a roll-out beside the real ones."""

    found: Motion  # in the real pictures
    shown: Tensor  # (n, C, H, W), the pictures that the steps began with
    apart: Tensor  # (n, R, C) bool, cells that were others there than in reality, as they lie after the step


def together(rollout: Rollout, rows: int, *names: str) -> list[Tensor]:
    """What the simulator said in the steps of the first rows: (rows * T, ...) each."""
    return [torch.stack([getattr(step, name)[:rows] for step in rollout.moving], 1).flatten(0, 1) for name in names]


def agree(found: Motion, apart: Tensor, rollout: Rollout, rows: int) -> Tensor:
    """Cells whose error counts, (rows * T, R, C): those in which both the dream and reality have movers, or neither.

    Elsewhere no picture is right. Where the error counted, movers learned to fade, as they might be elsewhere, and
    ground to look a little like what might stand there. (For the same reason rare colours weigh no more than others in
    cells that are drawn from memory alone: there the ghost that may have come meanwhile shone through.)
    """
    presence, count = together(rollout, rows, "presence", "coming")
    held = presence > 0
    one = count == 1
    both = (found.came & (one | ~found.alike)) | (found.stayed & ~apart & held & one)
    return torch.where(count > 0, both, ~found.came) & (~held | (count > 0) | found.left)


def told_motion(found: Motion, apart: Tensor, rollout: Rollout, kept: Tensor) -> Tensor:
    """Nats of what moved in the real pictures and where to, summed over the steps kept.

    What moves in the dream, and in the real picture stayed, is told to stay. Cells that were others in the dream and in
    reality before the step are told nothing.
    """
    view, presence = together(rollout, len(kept), "view", "presence")
    nats = F.nll_loss(view, found.view, reduction="none") * found.alone
    if rollout.nats.numel():
        (ways,) = together(rollout, len(kept), "ways")
        gone = found.moved | found.vanished
        told = (gone | found.covered) & ~apart
        held = F.binary_cross_entropy_with_logits(presence, gone.float(), told.float(), reduction="none")
        sure = (found.moved | (found.stayed & (presence > 0))) & ~apart
        away = F.nll_loss(ways, found.way, reduction="none") * sure
        nats = nats + (held + away).sum((1, 2))
    return (nats.view(kept.shape) * kept).sum()


def foreseeable(compared: Compared, rollout: Rollout, edge: Tensor) -> Tensor:
    """Cells whose choices the prior learns from, (rows * T, R, C): all but movers of which reality says nothing.

    A mover that is in the dream alone, or that is hidden in the real picture, may be sent anywhere by a posterior that
    looks for it there, into walls too, and the prior learned to do so.
    """
    (presence,) = together(rollout, len(rollout.nats), "presence")
    return ~((presence > 0) & (compared.apart | (compared.found.vanished & (edge == 0))))


def contradicted(compared: Compared, rollout: Rollout) -> Tensor:
    """Cells without a mover in steps in which some mover of the dream is not where it is in reality: (rows * T, R, C).

    There a ghost may come into view in reality that is in the dream's view already. Who learns from it what comes,
    learns to double ghosts.
    """
    (presence,) = together(rollout, len(rollout.nats), "presence")
    held = presence > 0
    return ~held & (held & compared.apart).flatten(1).any(1)[:, None, None]
