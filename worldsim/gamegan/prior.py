"""What the prior of the choices is trained on when all else has been learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from worldsim.data.windows import Batch
from worldsim.gamegan.grid.lessons import contradicted, foreseeable
from worldsim.gamegan.objective import GameGANObjective
from worldsim.gamegan.presets import Settings
from worldsim.gamegan.world import GameGANWorld


class PriorObjective(GameGANObjective):
    """``balance * KL(q | p)`` of the choices, moving p alone; all else of the simulator stays as it is.

    While the simulator learns, what the prior is to foresee changes under it, and what is rare (a ghost that is in view
    does not come into view as well) is drowned in the few stretches of an update. Alone it can take three times as many
    for the same time, as nothing is differentiated but itself.

    Source: ours; a prior fitted to a finished posterior as in VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937).

    Args:
        world: on a grid, trained.
        settings: that it was trained with.
        colours: as for `GameGANObjective`.
    """

    def __init__(self, world: GameGANWorld, settings: Settings, colours: Tensor | None = None) -> None:
        super().__init__(world, replace(settings, judges=None), colours)
        self.step.fill_(settings.steps)  # only the opening frame is real

    def turns(self) -> dict[str, Iterable[nn.Parameter]]:
        """The prior's parameters; those of all else have no gradient from here on."""
        self.requires_grad_(False)
        choices = cast(nn.Module, self.simulator.choices)
        own = [p for name, p in choices.named_parameters() if name.startswith("prior_")]
        for parameter in own:
            parameter.requires_grad_(True)
        return {"prior": own}

    def loss(self, batch: Batch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """Nats a step."""
        play, rollout = self._play(batch, generator, judged=False)
        kept = play.mask.float()
        prior = rollout.nats[:, :, 0].flatten(0, 1)
        if (compared := self._compared(batch, play, rollout, len(kept))) is not None:
            prior = prior * foreseeable(compared, rollout, self._edge) * ~contradicted(compared, rollout)
        return (prior.sum((1, 2)).view(kept.shape) * kept).sum() / kept.sum().clamp(min=1), {}
