"""Many controllers at once in one dream: population x roll-outs are the rows of a single batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.agents.linear import LinearController
from worldsim.arithmetic import Precision
from worldsim.checkpoint import World
from worldsim.dream import Dream, Snapshot
from worldsim.errors import BadInput
from worldsim.protocol import select

_KEEP = 0.8  # share of rows still playing below which the batch is made smaller
_LOOK = 8  # steps between looks at that share


class Episodes(NamedTuple):
    """One episode for every controller and roll-out."""

    returns: NDArray[np.float64]  # (P, R)
    lengths: NDArray[np.int64]  # (P, R)


class DreamPopulation:
    """Plays P controllers for R episodes each in a dream; rows whose episode is over leave the batch.

    Args:
        world: whose dream.
        controller: of which kind the controllers are.
        horizon: steps after which an episode is cut.
        temperature: of the dream.
        precision: of the world's multiplications.
        device: where the world is.
        patience: steps in a row without a reward above 0 after which an episode is over; 0 waits for ever.
    """

    def __init__(
        self,
        world: World,
        controller: LinearController,
        horizon: int,
        temperature: float = 1.0,
        precision: Precision = "fp32",
        device: str = "cpu",
        patience: int = 0,
    ) -> None:
        if device != "cpu":
            raise BadInput(f"a population dreams on the CPU so far, got device {device!r}")
        self.world, self.controller, self.horizon = world, controller, horizon
        self.temperature, self.precision, self.patience = temperature, precision, patience

    def play(self, parameters: NDArray[np.floating], seeds: NDArray[np.int64]) -> Episodes:
        """Episodes of controllers ``parameters`` (P, N) with ``seeds`` (P, R)."""
        many, rollouts = seeds.shape
        owner = torch.arange(many).repeat_interleave(rollouts)  # (B,) whose row it is
        row = torch.arange(many * rollouts)  # (B,) where its return goes
        population = torch.from_numpy(np.asarray(parameters, np.float32))
        returns, lengths = torch.zeros(len(row), dtype=torch.float64), torch.zeros(len(row), dtype=torch.int64)
        with torch.inference_mode():
            dream = self._dream(len(row))
            dream.reset(row, torch.from_numpy(seeds.reshape(-1)))
            layers = self.controller.layers(population[owner])
            playing, paid = torch.ones(len(row), dtype=torch.bool), torch.zeros(len(row), dtype=torch.int64)
            for step in range(1, self.horizon + 1):
                imagined = dream.step(self.controller.act(layers, dream.observe()))
                returns[row] += torch.where(playing, imagined.reward, 0).double()
                lengths[row] += playing
                playing &= ~imagined.terminated
                paid = torch.where(imagined.reward > 0, step, paid)  # the last step that was
                if self.patience:
                    playing &= step - paid < self.patience
                if step % _LOOK and step < self.horizon:
                    continue
                left = int(playing.sum())
                if left == 0:
                    break
                if left < _KEEP * len(row):
                    kept = playing.nonzero()[:, 0]
                    dream, row, owner = self._fewer(dream, kept), row[kept], owner[kept]
                    layers, playing, paid = self.controller.layers(population[owner]), playing[kept], paid[kept]
        shape = (many, rollouts)
        return Episodes(returns.numpy().reshape(shape), lengths.numpy().reshape(shape))

    def _dream(self, rows: int) -> Dream:
        return Dream(self.world, rows, self.temperature, "cpu", self.precision)

    def _fewer(self, dream: Dream, kept: torch.Tensor) -> Dream:
        """The same dream without the rows that are over."""
        smaller = self._dream(len(kept))
        state, *others = dream.get_state()
        smaller.set_state(Snapshot(select(state, kept), *(value[kept] for value in others)))
        return smaller
