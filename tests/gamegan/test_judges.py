"""The judges see what they should, and count what they should."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from worldsim.errors import BadInput
from worldsim.gamegan.adversary import Play, critic_losses, generator_losses
from worldsim.gamegan.judges.action import ActionJudge, gaps
from worldsim.gamegan.judges.features import Kind
from worldsim.gamegan.judges.judges import JudgeConfig, Judges
from worldsim.gamegan.judges.temporal import TemporalJudge
from worldsim.gamegan.weights import LossWeights


@pytest.mark.parametrize(
    ("kind", "size", "frames", "logits"),
    [
        ("simple", (8, 3, 3), 32, [7, 6, 1]),
        ("residual", (8, 5, 5), 18, [7, 4, 1]),
        ("simple", (8, 3, 3), 12, [2, 1]),
        ("residual", (8, 4, 4), 8, [2]),
        ("grid", (8, 3, 4), 6, [3 * 12]),
    ],
)
def test_levels_and_logits_in_time(kind: Kind, size: tuple[int, int, int], frames: int, logits: list[int]) -> None:
    judge = TemporalJudge(kind, size, frames)
    seen = judge(torch.randn(2, size[0], frames, *size[1:]))
    assert [x.shape for x in seen] == [(2, n) for n in logits]
    with pytest.raises(BadInput, match="raise length"):
        TemporalJudge(kind, size, 3)


@pytest.mark.parametrize(("level", "sees"), [(0, 6), (1, 12)])
def test_a_level_sees_the_published_number_of_frames(level: int, sees: int) -> None:
    judge = TemporalJudge("simple", (4, 3, 3), 32)
    frames = torch.randn(1, 4, 32, 3, 3, requires_grad=True)
    judge(frames)[level][0, 0].backward()
    assert frames.grad is not None
    assert int((frames.grad.abs().sum((0, 1, 3, 4)) > 0).sum()) <= sees
    assert float(frames.grad[:, :, 0].abs().sum()) > 0


def judges(kind: Kind = "grid", **changes: bool) -> Judges:
    torch.manual_seed(0)
    side = 32 if kind == "grid" else 64
    return Judges(JudgeConfig(kind, **changes), 3, side, side, 5, 2, 7, cell=8)


@pytest.mark.parametrize("kind", ["grid", "simple", "residual"])
def test_every_weight_but_those_of_the_regression_is_normalised(kind: Kind) -> None:
    network = judges(kind)
    free = {
        name
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Conv3d)) and not parametrize.is_parametrized(layer, "weight")
    }
    assert free == {"action.embed", "action.recogniser"}


def play(rows: int = 3, steps: int = 6, ended: int = 0) -> Play:
    generator = torch.Generator().manual_seed(1)
    real = torch.rand(rows, steps + 1, 3, 32, 32, generator=generator)
    fake = torch.rand(rows, steps, 3, 32, 32, generator=generator)
    actions = torch.eye(5)[torch.randint(0, 5, (rows, steps), generator=generator)]
    mask = torch.ones(rows, steps, dtype=torch.bool)
    mask[:ended, 3:] = False
    return Play(real, fake, actions, torch.randn(rows, steps, 2, generator=generator), mask, 2)


def test_a_missing_judge_says_nothing() -> None:
    wrong = play().actions.roll(1, 2)
    weights = LossWeights(penalty_temporal=0)
    every = {"single", "action", "recognise", "info", "temporal"}
    assert set(critic_losses(judges(), play(), wrong, weights)) == every
    assert set(generator_losses(judges(), play(), 3, weights)) == every | {"feature"}
    assert set(critic_losses(judges(temporal=False), play(), wrong, weights)) == every - {"temporal"}
    assert set(generator_losses(judges(action=False), play(), 0, weights)) == {"single", "temporal"}


def test_what_lies_past_the_end_counts_nowhere() -> None:
    seen = play(ended=2)
    past = ~seen.mask
    other = seen._replace(
        real=seen.real.clone(), fake=seen.fake.clone(), actions=seen.actions.clone(), noise=seen.noise + 0
    )
    other.real[:, 1:][past] = 9.0
    other.fake[past] = 9.0
    other.actions[past] = 0.0
    network, weights = judges().eval(), LossWeights(penalty_temporal=0)
    for f in (
        lambda p: critic_losses(network, p, p.actions.roll(1, 2), weights),
        lambda p: generator_losses(network, p, 3, weights),
    ):
        one, two = f(seen), f(other)
        for name, value in one.items():
            torch.testing.assert_close(value, two[name], msg=name)


def test_hinge_by_hand() -> None:
    network, seen = judges().eval(), play()
    losses = critic_losses(network, seen, seen.actions.roll(1, 2), LossWeights(single=2.0, penalty_temporal=0))
    logits = [network.single(network.features(x.flatten(0, 1)))[0] for x in (seen.real[:, 1:], seen.fake)]
    expected = torch.relu(1 - logits[0]).mean() + torch.relu(1 + logits[1]).mean()
    torch.testing.assert_close(losses["single"], 2 * expected)
    told = generator_losses(network, seen, 3, LossWeights())
    torch.testing.assert_close(told["single"], -logits[1].mean())


def test_a_generated_pair_begins_at_a_real_frame_during_warm_up() -> None:
    """With warm = 2 the pairs are (x0, g1), (x1, g2), (g2, g3), ...: x2 and later ones do not count in them."""
    network, seen = judges(single=False, temporal=False).eval(), play()
    later, first = seen.real.clone(), seen.real.clone()
    later[:, 2:] = 0
    first[:, 1] = 0
    weights = LossWeights(feature=0)
    one, two, three = (
        generator_losses(network, seen._replace(real=real), 0, weights)["action"] for real in (seen.real, later, first)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_frames_that_are_real_please_the_feature_loss() -> None:
    seen = play()
    same = seen._replace(fake=seen.real[:, 1:])
    assert float(generator_losses(judges().eval(), same, 3, LossWeights())["feature"].detach()) == pytest.approx(0)
    squared, absolute = (
        generator_losses(judges().eval(), seen, 2, LossWeights(feature_norm=norm))["feature"]
        for norm in ("squared", "absolute")
    )
    features = judges().eval().frames
    apart = features(seen.fake[:2]) - features(seen.real[:2, 1:])
    torch.testing.assert_close(squared, 0.05 * apart.square().mean())
    torch.testing.assert_close(absolute, 0.05 * apart.abs().mean())


def test_the_penalty_is_the_squared_slope() -> None:
    network, seen = judges(action=False, temporal=False).eval(), play()
    loss = critic_losses(network, seen, seen.actions, LossWeights(penalty=1.0))["penalty"]
    frames = seen.real[:, 1:].flatten(0, 1).requires_grad_(True)
    (slope,) = torch.autograd.grad(network.single(network.features(frames))[-1].sum(), frames)
    torch.testing.assert_close(loss, 0.33 * slope.square().sum((1, 2, 3)).mean() * 6 / 6)


def test_they_learn_to_tell_actions_and_fakes_apart() -> None:
    """A block that moves as the action says; the fakes are of another brightness."""
    torch.manual_seed(0)
    network = judges()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    move = torch.tensor([[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]])
    for _ in range(100):
        action = torch.randint(0, 5, (8, 6), generator=generator)
        place = (torch.tensor([1, 1]) + torch.cat([torch.zeros(8, 1, 2), move[action].cumsum(1)], 1)).long() % 4
        real = torch.zeros(8, 7, 4, 4).flatten(2).scatter_(2, (place[..., :1] * 4 + place[..., 1:]), 1.0)
        real = real.view(8, 7, 1, 4, 4).expand(-1, -1, 3, -1, -1).repeat_interleave(8, 3).repeat_interleave(8, 4)
        seen = play(8)._replace(real=real, fake=0.5 * real[:, 1:], actions=torch.eye(5)[action], noise=None)
        losses = critic_losses(network, seen, seen.actions.roll(1, 2), LossWeights(penalty_temporal=0))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    assert float(losses["recognise"].detach()) < 1.1  # chance: log 5 = 1.6
    assert float(losses["single"].detach()) < 1.5  # chance: 2
    assert float(losses["action"].detach()) < 2.7  # chance: 3


def test_a_gap_is_nothing_where_the_picture_moved_to() -> None:
    before = torch.randn(2, 5, 6, 6)
    after = before.roll((-1, 0), (2, 3))  # what was below is here: row 2, column 1 of nine
    found = gaps(before, after)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(found[:, 7], torch.full((2, 4, 4), -4.0))
    torch.testing.assert_close(found.mean(1), torch.zeros(2, 4, 4), atol=2e-2, rtol=0)
    assert (found.argmin(1) == 7).all()


def test_the_action_judge_of_the_grid_learns_which_way_the_view_went() -> None:
    torch.manual_seed(0)
    judge = ActionJudge("grid", (8, 7, 7), actions=4, noise=0)
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    ways = ((1, 0), (-1, 0), (0, 1), (0, -1))
    losses = []
    for _ in range(60):
        before, action = torch.randn(32, 8, 7, 7), torch.randint(0, 4, (32,))
        after = torch.stack([x.roll(ways[a], (1, 2)) for x, a in zip(before, action.tolist(), strict=True)])
        told = judge.recognise(judge.transitions(before, after)).action
        loss = nn.functional.cross_entropy(told, action)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 < losses[0]
