"""What M's loss counts, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from gymnasium.spaces import Discrete

from worldsim.space_json import to_json
from worldsim.vision_memory.latents import LatentBatch
from worldsim.vision_memory.objective import MemoryObjective
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld

CONFIG = VisionMemoryConfig((64, 64, 3), to_json(Discrete(4)), latent=3, hidden=24, mixtures=2, outcomes=2)


def a_world(**changes: object) -> VisionMemoryWorld:
    torch.manual_seed(0)
    world = VisionMemoryWorld(replace(CONFIG, **changes))  # type: ignore[arg-type]
    if world.outcome is not None:
        world.outcome.terminated[1] = True
        world.outcome.reward[1] = 1
    return world


def moves(rows: int = 6, steps: int = 8) -> LatentBatch:
    """Dimension ``action - 1`` of mu goes up by one (action 0: nothing does); two of the rows end after 5 steps."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randint(0, 4, (rows, steps), generator=generator)
    step = torch.nn.functional.one_hot(action, 4)[..., 1:].float()
    mu = torch.cat([torch.zeros(rows, 1, 3), step.cumsum(1)], 1) - 1.5
    mask = torch.ones(rows, steps, dtype=torch.bool)
    mask[:2, 5:] = False
    ended = torch.zeros(rows, steps, dtype=torch.bool)
    ended[:2, 4] = True
    first = torch.zeros(rows, steps)
    first[:, 0] = 1
    return LatentBatch(mu.half(), torch.full_like(mu, -8).half(), action, ended.float(), ended, first, mask)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("changes", [{}, {"outcomes": 0}, {"outcomes": 0, "done": True}])
def test_what_lies_past_the_end_costs_nothing(changes: dict[str, object]) -> None:
    objective = MemoryObjective(a_world(**changes)).eval()
    batch = moves()
    past = ~batch.mask
    other = batch._replace(
        mu=batch.mu.clone().masked_fill_(torch.cat([torch.zeros(6, 1, dtype=torch.bool), past], 1)[..., None], 9),
        actions=batch.actions.masked_fill(past, 3),
        rewards=batch.rewards.masked_fill(past, 9),
    )
    one, two = (objective.loss(b, seeded(), "model")[0] for b in (batch, other))
    torch.testing.assert_close(one, two)


def test_the_last_frame_is_a_target() -> None:
    objective = MemoryObjective(a_world()).eval()
    batch = moves()
    mu = batch.mu.clone()
    mu[0, 5] += 3  # the frame that the ending step led to
    one, two = (objective.loss(b, seeded(), "model")[1] for b in (batch, batch._replace(mu=mu)))
    assert float(one["nats_per_dim"]) != float(two["nats_per_dim"])


def test_z_is_drawn_anew_for_every_batch() -> None:
    objective = MemoryObjective(a_world()).eval()
    batch = moves()._replace(logvar=torch.zeros(6, 9, 3).half())
    draws = [objective.loss(batch, torch.Generator().manual_seed(s), "model")[0] for s in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_endings_weigh_ten_times() -> None:
    world = a_world(outcomes=0, done=True)
    batch = moves()
    plain, heavy = (
        float(MemoryObjective(world, done_weight=w).loss(batch, seeded(), "model")[1]["done_nats"]) for w in (1.0, 10.0)
    )
    done = world.memory.predict(
        world.memory(batch.mu[:, :-1].float(), torch.nn.functional.one_hot(batch.actions, 4).float(), batch.first)
    ).done
    assert done is not None
    ending = torch.nn.functional.softplus(-done[batch.terminated]).sum().detach() / batch.mask.sum()
    assert heavy - plain == pytest.approx(9 * float(ending), rel=0.05)


@pytest.mark.parametrize("changes", [{}, {"outcomes": 0, "done": True}])
def test_it_overfits_one_batch(changes: dict[str, object]) -> None:
    objective = MemoryObjective(a_world(**changes))
    optimizer = torch.optim.Adam(objective.parameters(), 1e-2)
    batch = moves()
    for step in range(250):
        loss, logs = objective.loss(batch, torch.Generator().manual_seed(step), "model")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(objective.parameters(), 1.0)
        optimizer.step()
    assert float(logs["nats_per_dim"]) < -0.5  # far below the 1.4 of knowing nothing
    assert float(logs["done_nats" if "done" in changes else "outcome_nats"]) < 0.1


def test_v_is_no_part_of_it() -> None:
    world = a_world()
    objective = MemoryObjective(world)
    trained = {id(p) for p in objective.parameters()}
    assert trained == {id(p) for part in (world.memory, world.outcome) if part is not None for p in part.parameters()}
    rows = objective.eval().samples(moves())
    assert rows["real"].shape == rows["predicted"].shape == (8, 64, 64, 3)


def test_the_memory_is_carried_from_batch_to_batch() -> None:
    """Two windows in turn cost what the whole costs; where nothing is carried, the second begins empty."""
    world = a_world(outcomes=0, done=True)
    whole = moves()._replace(mask=torch.ones(6, 8, dtype=torch.bool), logvar=torch.full((6, 9, 3), -60.0))
    whole.first[2, 5] = 1
    parts = [
        LatentBatch(
            *(part[:, begin : begin + 5] for part in whole[:2]),
            *(part[:, begin : begin + 4] for part in whole[2:7]),
            carried=torch.full((6,), float(begin > 0)),
        )
        for begin in (0, 4)
    ]
    expected = MemoryObjective(world, rows=6).loss(whole._replace(carried=torch.zeros(6)), seeded(), "model")[0]
    objective = MemoryObjective(world, rows=6).train()
    losses = [objective.loss(part, seeded(), "model")[0] for part in parts]
    torch.testing.assert_close((losses[0] + losses[1]) / 2, expected)
    forgot = objective.loss(parts[1]._replace(carried=torch.zeros(6)), seeded(), "model")[0]
    assert not torch.isclose(forgot, losses[1])
    kept = objective.state_dict()
    assert kept["carried_h"].abs().sum() > 0
    objective.eval().loss(parts[0], seeded(), "model")
    assert torch.equal(objective.carried_h, kept["carried_h"])  # looking on changes nothing
