"""What the prior learns when all else has been learned."""

from __future__ import annotations

from dataclasses import replace

import torch

from tests.gamegan.sizes import settings, world
from tests.gamegan.test_objective import a_batch, seeded
from worldsim.gamegan.presets import PRESETS
from worldsim.gamegan.prior import PriorObjective
from worldsim.training import FitConfig, fit


def test_only_the_prior_learns_and_it_comes_nearer_to_the_posterior(tmp_path) -> None:
    chosen = settings("small")
    model = world(chosen.simulator, grid=chosen.grid)
    made, batch = PriorObjective(model, chosen), a_batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    nats = float(made.loss(batch, seeded(), "prior")[0].detach())
    config = FitConfig(steps=30, device="cpu", learning_rate=1e-2, sample_every=0, checkpoint_every=30)
    fit(made, lambda *_: batch, config, tmp_path, "prior")
    assert float(made.loss(batch, seeded(), "prior")[0].detach()) < 0.8 * nats
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("simulator.choices.prior_") for name in changed), changed


def test_it_pays_what_the_simulators_own_training_pays_for_the_choices() -> None:
    chosen = settings("small", judges=None, weights=replace(PRESETS["small"].weights, choices=1.0))
    made, batch = PriorObjective(world(chosen.simulator, grid=chosen.grid), chosen), a_batch(ended=1)
    whole = super(PriorObjective, made).loss(batch, seeded(), "generator")[1]["choices"]
    made.step.fill_(made.settings.steps)
    torch.testing.assert_close(made.loss(batch, seeded(), "prior")[0], whole)
