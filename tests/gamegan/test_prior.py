"""What the prior learns when all else has been learned."""

from __future__ import annotations

import pytest
import torch

from tests.gamegan.sizes import settings, world
from tests.gamegan.test_objective import a_batch, seeded
from worldsim.gamegan import prior as module
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


def test_what_comes_is_not_learned_where_a_mover_is_not_as_in_reality(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings("small", judges=None)
    made, batch = PriorObjective(world(chosen.simulator, grid=chosen.grid), chosen), a_batch(ended=1)
    with torch.no_grad():
        made.simulator.movers.presence.weight.zero_()
        made.simulator.movers.presence.bias.fill_(-50)
    whole = float(made.loss(batch, seeded(), "prior")[0].detach())  # no mover, so nothing contradicts
    kept = batch.mask.flatten()
    paid = []
    original = module.contradicted

    def spy(compared, rollout):
        paid.append((rollout.nats[:, :, 0].flatten(0, 1).sum((1, 2)) * kept).sum() / kept.sum())
        assert not original(compared, rollout).any()
        presence = [moving.presence.clone() for moving in rollout.moving]
        presence[1][0, 2, 2] = 1  # row 0, step 1
        steps = [moving._replace(presence=p) for moving, p in zip(rollout.moving, presence, strict=True)]
        other = rollout._replace(moving=steps)
        apart = torch.zeros_like(compared.apart)
        assert not original(compared._replace(apart=apart), other).any()
        apart[1, 2, 2] = True
        found = original(compared._replace(apart=apart), other)
        expected = torch.zeros_like(found)
        expected[1] = True
        expected[1, 2, 2] = False
        assert torch.equal(found, expected)
        return found

    monkeypatch.setattr(module, "contradicted", spy)
    less = float(made.loss(batch, seeded(), "prior")[0].detach())
    assert whole == pytest.approx(float(paid[0].detach()), rel=1e-5)
    assert less < whole
