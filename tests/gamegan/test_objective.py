"""What the objective trains, when, and on what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.gamegan.sizes import GRID, settings, world
from worldsim.data.windows import Batch
from worldsim.errors import BadInput
from worldsim.gamegan import objective as module
from worldsim.gamegan.adversary import Play
from worldsim.gamegan.grid.lessons import Compared, agree, foreseeable, told_motion
from worldsim.gamegan.grid.motion import STAY, Motion
from worldsim.gamegan.judges.judges import JudgeConfig
from worldsim.gamegan.objective import GameGANObjective
from worldsim.gamegan.presets import PRESETS, Settings
from worldsim.gamegan.rollout import Rollout, roll_out
from worldsim.gamegan.simulator import Moving
from worldsim.training import FitConfig, fit
from worldsim.vae.colour import colour_weights


def a_batch(rows: int = 2, steps: int = 4, side: tuple[int, int] = (32, 40), seed: int = 0, ended: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (rows, steps + 1, *side, 3), dtype=torch.uint8, generator=generator)
    mask = torch.ones(rows, steps, dtype=torch.bool)
    mask[:ended, 2:] = False
    actions = torch.randint(0, 5, (rows, steps), generator=generator)
    return Batch(frames, actions, torch.zeros(rows, steps), torch.zeros(rows, steps, dtype=torch.bool), mask)


def objective(preset: str = "small", **changes: object) -> GameGANObjective:
    chosen = settings(preset, **changes)
    model = world(chosen.simulator, grid=chosen.grid, flat=chosen.flat)
    torch.manual_seed(1)
    return GameGANObjective(model, chosen)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def advance(made: GameGANObjective, share: float) -> GameGANObjective:
    made.step.fill_(round(share * made.settings.steps))
    return made


def moved(module: nn.Module) -> set[str]:
    """Names of the parts that collected a gradient."""
    got = {name for name, p in module.named_parameters() if p.grad is not None and float(p.grad.abs().sum()) > 0}
    return {name.split(".")[0] for name in got}


def test_turns_hold_every_parameter_once() -> None:
    for preset in ("small", "small-lstm", "paper-64", "paper-64-m", "action-lstm"):
        made = objective(preset, judges=None) if preset.startswith("paper") else objective(preset)
        groups = {name: list(group) for name, group in made.turns().items()}
        everything = [id(p) for group in groups.values() for p in group]
        assert sorted(everything) == sorted(id(p) for p in made.parameters())
        expected = {
            "small": ["critic", "generator"],
            "small-lstm": ["generator"],
            "paper-64": ["graphic", "temporal"],
            "paper-64-m": ["generator"],
            "action-lstm": ["generator"],
        }
        assert list(groups) == expected[preset]


def test_a_perfect_picture_costs_nothing_and_a_wrong_one_its_squared_error() -> None:
    weights = replace(PRESETS["small"].weights, changed=1.0, motion=0.0)
    made, batch = objective(colours=False, weights=weights), a_batch()
    real = batch.frames[:, 1:].permute(0, 1, 4, 2, 3) / 255

    class Copying(nn.Module):
        """Stands in for the renderer: the real frames, a little too bright."""

        def __init__(self, off: float) -> None:
            super().__init__()
            self.t, self.off = 0, off

        def forward(self, static: Tensor, dynamic: Tensor, back: Tensor | None) -> tuple[Tensor, None]:
            self.t += 1
            return real[:, self.t - 1] + self.off, None

    for off in (0.0, 0.1):
        made.simulator.renderer = Copying(off)  # type: ignore[assignment]
        logs = made.loss(batch, seeded(), "generator")[1]
        assert float(logs["reconstruction"]) == pytest.approx(0.2 * 3 * 32 * 40 * off**2, abs=1e-3)


def test_critics_wait_for_their_share_of_the_run_and_then_are_heard_a_little_later() -> None:
    made, batch = objective(steps=100, judged_from=0.6, alone=5), a_batch(4, 4)
    heard = {}
    for step in (59, 60, 64, 65):
        made.step.fill_(step)
        critic = made.loss(batch, seeded(), "critic")
        logs = made.loss(batch, seeded(), "generator")[1]
        heard[step] = (float(critic[0].detach()) > 0, any(name.startswith("judged") for name in logs))
    assert heard == {59: (False, False), 60: (True, False), 64: (True, False), 65: (True, True)}
    assert int(made.step) == 66  # counted once an update, in the generator's turn


def test_rows_of_the_prior_have_no_picture_to_equal() -> None:
    made = advance(objective(steps=100, judged_from=0.6, alone=0, own_share=0.5), 0.9)
    batch = a_batch(4, 4)
    other = Batch(*(value.clone() for value in batch))
    other.frames[2:, 1:] = 255 - other.frames[2:, 1:]
    one, two = (made.eval().loss(b, seeded(), "generator")[1] for b in (batch, other))
    for name in ("reconstruction", "choices"):
        torch.testing.assert_close(one[name], two[name])
    other.frames[:2, 1:] = 255 - other.frames[:2, 1:]
    advance(made, 0.9)
    assert not torch.allclose(one["reconstruction"], made.loss(other, seeded(), "generator")[1]["reconstruction"])


def test_at_first_there_are_no_choices() -> None:
    made, batch = objective(mute_until=0.5), a_batch()
    assert "choices" not in made.loss(batch, seeded(), "generator")[1]
    logs = advance(made, 0.5).loss(batch, seeded(), "generator")[1]
    assert float(logs["choices"]) > 0


def test_what_lies_past_the_end_counts_nowhere() -> None:
    batch = a_batch(4, 4, ended=2)
    other = Batch(*(value.clone() for value in batch))
    other.frames[:, 1:][~batch.mask] = 7
    other.actions[~batch.mask] = 4
    other.rewards[~batch.mask] = 2
    for turn in ("critic", "generator"):
        logs = []
        for b in (batch, other):
            # Feature maps of real frames past the end feed the posterior of steps that do not count either.
            made = advance(objective(steps=100, judged_from=0.6, alone=0, warm=1), 0.9).eval()
            logs.append(made.loss(b, seeded(), turn)[1])
        for name, value in logs[0].items():
            torch.testing.assert_close(value, logs[1][name], msg=f"{turn} {name}")


def test_the_cycle_loss_moves_all_but_the_renderer() -> None:
    weights = replace(PRESETS["paper-64"].weights, penalty_temporal=0, reconstruction=0, feature=0, outcome=0)
    made = objective("paper-64", judges=None, weights=weights)
    batch = a_batch(2, 3, (64, 64))
    for group in made.turns().values():
        for parameter in group:
            parameter.requires_grad_(False)
    for parameter in made.turns()["temporal"]:
        parameter.requires_grad_(True)
    loss, logs = made.loss(batch, seeded(), "temporal")
    assert float(logs["cycle"]) > 0
    assert float(loss.detach()) == pytest.approx(float(logs["cycle"]))
    loss.backward()
    assert moved(made.simulator) == {"dynamics", "memory", "encoder"}
    assert "cycle" not in made.loss(batch, seeded(), "graphic")[1]


def test_real_frames_feed_the_first_steps_and_own_ones_the_others() -> None:
    made = objective()
    simulator = made.simulator.eval()
    batch = a_batch()
    real = batch.frames.permute(0, 1, 4, 2, 3) / 255
    actions = torch.eye(5)[batch.actions]
    noise = torch.zeros(2, 4, simulator.noise_size)
    later = real.clone()
    later[:, 2:] = 0
    changed = []
    for warm in (1, 2, 3):
        one, two = (roll_out(simulator, x, actions, noise, warm, 0, "unit").images for x in (real, later))
        changed.append([not torch.equal(one[:, t], two[:, t]) for t in range(4)])
    assert changed == [[False] * 4, [False] * 4, [False, False, True, True]]
    blurred = roll_out(simulator, real, actions, noise, 1, 0, "unit", 0.5 * torch.randn(2, 4, 3, 32, 40)).images
    clean = roll_out(simulator, real, actions, noise, 1, 0, "unit").images
    assert torch.equal(blurred[:, 0], clean[:, 0])
    assert not torch.allclose(blurred[:, 1], clean[:, 1])


def test_no_gradient_flows_through_a_picture_that_is_fed_back() -> None:
    made = objective()
    batch = a_batch()
    real = batch.frames.permute(0, 1, 4, 2, 3) / 255
    rollout = roll_out(made.simulator, real, torch.eye(5)[batch.actions], None, 1, 0, "unit")
    rollout.images[:, 0].retain_grad()
    (rollout.carried[-1]["h"].sum() + rollout.images[:, -1].sum()).backward()
    renderer = made.simulator.renderer.moving.paint.weight.grad
    assert renderer is not None
    again = objective()
    rollout = roll_out(again.simulator, real, torch.eye(5)[batch.actions], None, 1, 0, "unit")
    rollout.images[:, -1].sum().backward()
    torch.testing.assert_close(again.simulator.renderer.moving.paint.weight.grad, renderer)


@pytest.mark.parametrize("preset", ["small", "code-multi", "code-single", "action-lstm"])
def test_every_preset_makes_updates(preset: str, tmp_path) -> None:
    judges = JudgeConfig("simple") if preset.startswith("code") else PRESETS[preset].judges
    length, side = (6, (64, 64)) if preset != "small" else (4, (32, 40))
    kind = None if judges is None else JudgeConfig("grid") if preset != "code-multi" else judges
    made = objective(preset, judges=kind, length=length, judged_from=0.0, alone=0, mute_until=0.0)
    before = [p.detach().clone() for p in made.parameters()]
    config = FitConfig(steps=1, device="cpu", learning_rate=1e-3, sample_every=1, checkpoint_every=1)
    result = fit(made, lambda *_: a_batch(2, length, side), config, tmp_path)
    assert all(torch.isfinite(torch.tensor(list(result.logs.values()))))
    still = [n for (n, p), old in zip(made.named_parameters(), before, strict=True) if torch.equal(p, old)]
    # At first every real and every generated picture is within the hinge: what is added to all logits has no slope.
    assert not [name for name in still if name.startswith("judges") and not name.endswith("bias")], still
    assert len(still) < 0.35 * len(before), still
    assert (tmp_path / "samples").exists()


def test_a_loss_that_is_not_a_number_stops_the_run_and_is_named(tmp_path) -> None:
    made = objective(mute_until=0.0)

    class Broken(nn.Module):
        def forward(self, static: Tensor, dynamic: Tensor, back: Tensor | None) -> tuple[Tensor, None]:
            image = torch.full((len(static), 3, 32, 40), 0.5)
            return image * (torch.nan if int(made.step) >= 3 else 1), None

    made.simulator.renderer = Broken()  # type: ignore[assignment]
    config = FitConfig(steps=9, device="cpu", checkpoint_every=1, sample_every=0)
    with pytest.raises(BadInput, match=r"step 4 is not finite \(.*generator/reconstruction.*gamegan.pt keeps"):
        fit(made, lambda *_: a_batch(), config, tmp_path, "gamegan")
    kept = torch.load(tmp_path / "gamegan.pt")
    assert kept["step"] == 3
    assert all(torch.isfinite(value).all() for value in kept["objective"].values() if value.is_floating_point())


def test_rare_colours_weigh_more() -> None:
    batch = a_batch()
    batch.frames[:] = 0
    batch.frames[..., :2, :, :] = 200
    made = objective()
    weighted = GameGANObjective(world(), made.settings, colour_weights(batch.frames.flatten(0, 1)))
    plain, heavy = (float(o.loss(batch, seeded(), "generator")[1]["reconstruction"]) for o in (made, weighted))
    assert heavy > 1.5 * plain


def test_the_samples_show_real_and_dreamed_stretches() -> None:
    rows = objective().eval().samples(a_batch(4, 4))
    assert list(rows)[:3] == ["real 0", "dream 0", "moving 0"]
    assert len(rows) == 9
    assert all(row.shape == (4, 32, 40, 3) and row.dtype == torch.uint8 for row in rows.values())


def test_the_schedule_falls_to_the_opening_frame() -> None:
    small = PRESETS["small"]
    shares = (0.0, 0.29, 0.31, 0.4, 0.45, 0.5, 1.0)
    assert [small.warm_steps(share) for share in shares] == [4, 4, 4, 2, 1, 1, 1]
    assert [PRESETS["paper-84"].warm_steps(share) for share in (0, 1 / 6, 1 / 3, 1)] == [9, 5, 1, 1]
    code = PRESETS["code-multi"]
    assert [code.warm_steps(epoch / 60) for epoch in (0, 1, 30, 59)] == [16, 16, 8, 1]


def test_code_and_paper_differ_where_the_facts_say_so() -> None:
    paper, code = PRESETS["paper-64"], PRESETS["code-multi"]
    assert (paper.weights.info, code.weights.info) == (1, 30)
    assert (paper.weights.feature, code.weights.feature) == (0.05, 10)
    assert (paper.flat.slots, code.flat.slots) == (39, 21)
    assert (paper.flat.gate, code.flat.gate) == ("hidden", "difference")
    for settings_ in (paper, code):
        assert isinstance(settings_, Settings)
        assert (settings_.weights.reconstruction, settings_.weights.cycle) == (0.05, 0.05)
        assert (settings_.learning_rate, settings_.betas, settings_.length) == (1e-4, (0.0, 0.9), 31)
    assert GRID.memory


def test_the_curriculum_lengthens_until_the_critics_judge() -> None:
    grown = replace(PRESETS["small"], length=24, curriculum=(6, 12))
    shares = (0.0, 0.24, 0.26, 0.49, 0.51, 0.76, 1.0)
    assert [grown.piece(share) for share in shares] == [6, 6, 12, 12, 24, 24, 24]
    assert PRESETS["small"].piece(0.0) == PRESETS["small"].piece(0.9) == 8
    without = replace(grown, judges=None)
    assert [without.piece(share) for share in (0.3, 0.4, 0.6, 0.7, 1.0)] == [6, 12, 12, 24, 24]
    with pytest.raises(BadInput, match="expected divisors of 24, got 7"):
        replace(grown, curriculum=(7,))


def test_short_pieces_train_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = module.roll_out

    def spy(simulator, real, actions, *rest):
        seen.append(tuple(actions.shape[:2]))
        return original(simulator, real, actions, *rest)

    monkeypatch.setattr(module, "roll_out", spy)
    made = objective(curriculum=(2,), judges=None)
    made.loss(a_batch(), seeded(), "generator")
    advance(made, 0.5).loss(a_batch(), seeded(), "generator")
    assert seen == [(4, 2), (2, 4)]


def test_cells_that_changed_count_more(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = a_batch()
    found = module.find_motion(
        torch.zeros(8, 3, 32, 40), torch.zeros(8, 3, 32, 40), *torch.zeros(2, 8, 4, 5), GRID.cell
    )
    changed = torch.zeros(8, 4, 5, dtype=torch.bool)
    changed[:, 1, 2] = True
    monkeypatch.setattr(module, "find_motion", lambda *_: found._replace(changed=changed))
    lost = {}
    for times in (1.0, 3.0, 5.0):
        made = advance(objective(colours=False, weights=replace(PRESETS["small"].weights, changed=times)), 0.5)
        lost[times] = float(made.loss(batch, seeded(), "generator")[1]["reconstruction"])
    assert lost[3.0] - lost[1.0] == pytest.approx(lost[5.0] - lost[3.0], rel=1e-3)
    assert lost[3.0] > lost[1.0]


def test_choices_are_told_the_kind_of_what_comes_into_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cells are black or white; one is said to have come into view."""
    batch = a_batch()
    white = torch.rand(2, 5, 4, 5, generator=seeded()) < 0.5
    pixels = white.repeat_interleave(GRID.cell, 2).repeat_interleave(GRID.cell, 3)[..., None].expand(-1, -1, -1, -1, 3)
    batch = batch._replace(frames=(255 * pixels).to(torch.uint8))
    kinds = torch.stack([torch.zeros(3 * GRID.cell**2), *torch.ones(2, 3 * GRID.cell**2)])
    found = module.find_motion(
        torch.zeros(8, 3, 32, 40), torch.zeros(8, 3, 32, 40), *torch.zeros(2, 8, 4, 5), GRID.cell
    )
    entered = torch.zeros(8, 4, 5, dtype=torch.bool)
    monkeypatch.setattr(module, "find_motion", lambda *_: found._replace(entered=entered))
    made = objective(colours=False, weights=replace(PRESETS["small"].weights, kinds=2.0))
    made.kinds = kinds
    with torch.no_grad():
        made.simulator.movers.presence.bias.fill_(-1e3)
    advance(made, 0.5)
    log_q = []
    original = module.roll_out

    def spy(*arguments):
        out = original(*arguments)
        log_q.append(torch.stack([moving.choices for moving in out.moving], 1))
        return out

    monkeypatch.setattr(module, "roll_out", spy)
    told = made.loss(batch, seeded(), "generator")[1]
    nothing = -(log_q[-1][:, :, 0] * made.simulator.edge).sum() / 8  # the inner cells are told nothing
    assert float(told["kinds"]) == pytest.approx(2 * float(nothing.detach()), rel=1e-5)
    entered[:, 0, 2] = True
    advance(made, 0.5)
    total, told = made.loss(batch, seeded(), "generator")
    alternative = 1 + white[:, 1:, 0, 2].long()  # black is the first kind, white the second of two alike
    nats = -log_q[-1][:, :, :, 0, 2].gather(2, alternative[..., None]).sum() / 8
    rest = made.simulator.edge.clone()
    rest[0, 2] = 0
    nats = nats - (log_q[-1][:, :, 0] * rest).sum() / 8
    assert float(told["kinds"]) == pytest.approx(2 * float(nats.detach()), rel=1e-5)
    total.backward()
    assert float(made.simulator.choices.posterior_next.weight.grad.abs().sum()) > 0


def test_home_is_told_of_nothing_but_movers_and_movers_are_told_what_they_look_like() -> None:
    """Black cells, a white one that came back into view, and another of which a mover is held to be there."""
    made = objective(weights=replace(PRESETS["small"].weights, kinds=1.0))
    cell, options = GRID.cell, GRID.options
    kinds = torch.stack([torch.zeros(3 * cell**2), torch.ones(3 * cell**2)])
    real = torch.zeros(1, 2, 3, 32, 40)
    real[:, 0, :, cell : 2 * cell, cell : 2 * cell] = real[:, 1, :, :cell, 2 * cell : 3 * cell] = 1
    nothing = torch.zeros(1, 4, 5, dtype=torch.bool)
    entered, back, moved = nothing.clone(), nothing.clone(), nothing.clone()
    entered[0, 0, 2] = back[0, 0, 2] = moved[0, 1, 1] = True
    view, alone = torch.full((1,), STAY), torch.ones(1, dtype=torch.bool)
    found = Motion(moved, view, *[nothing] * 7, entered, view, alone)
    presence = torch.full((1, 4, 5), -9.0)
    presence[0, 1, 1] = 9
    choices, looks = torch.randn(2, 1, options, 4, 5, generator=seeded()).log_softmax(2)
    moving = Moving(torch.zeros(1, 9), presence, 0 * presence, back, back.float(), looks, choices, choices)
    rollout = Rollout(real, torch.zeros(1, 1, 2, 4, 5), real, [], [], [moving])
    play = Play(real, real[:, 1:], torch.zeros(1, 1, 5), None, torch.ones(1, 1, dtype=torch.bool), 1)
    edge, white = made.simulator.edge, 2
    still = found._replace(moved=nothing)  # white is not known to move
    told = made._named(kinds, still, real[:, 0], play, rollout, torch.ones(1, 1))
    torch.testing.assert_close(told, -(choices[0, 0] * edge).sum() - looks[0, white, 1, 1])
    told = made._named(kinds, found, real[:, 0], play, rollout, torch.ones(1, 1))
    edge = edge.clone()
    edge[0, 2] = 0
    expected = -(choices[0, 0] * edge).sum() - choices[0, white, 0, 2] - looks[0, white, 1, 1]
    torch.testing.assert_close(told, expected)
    assert made.kind_moved.tolist() == [0, 0, 1, 0]
    assert made.kind_seen.tolist() == [0, 38, 2, 0]


def test_movers_are_told_where_dream_and_reality_agree() -> None:
    """Four cells that hold a mover: one went, two stayed, one of them not there in reality, of one nothing is known."""
    none = torch.zeros(1, 1, 4, dtype=torch.bool)
    went, stayed, apart = none.clone(), none.clone(), none.clone()
    went[..., 0] = stayed[..., 1:3] = apart[..., 2] = True
    way = torch.tensor([[[3, STAY, STAY, STAY]]])
    found = Motion(
        went, way, none, none, went, stayed, none, none, none, none, torch.zeros(1, dtype=torch.int64), none[0, 0, :1]
    )
    ways = torch.randn(1, 9, 1, 4, generator=seeded()).log_softmax(1)
    presence, count = torch.full((1, 1, 4), 9.0), torch.tensor([[[0.0, 1.0, 1.0, 0.0]]])
    moving = Moving(torch.zeros(1, 9), presence, count, none, none, ways, ways, ways)
    rollout = Rollout(ways, torch.zeros(1, 1, 2, 1, 4), ways, [], [], [moving])
    held = torch.nn.functional.softplus(torch.tensor(-9.0))
    expected = held - ways[0, 3, 0, 0] - ways[0, STAY, 0, 1]
    torch.testing.assert_close(told_motion(found, apart, rollout, torch.ones(1, 1)), expected)
    assert not told_motion(found, ~none, rollout, torch.ones(1, 1)).any()
    # The error counts where one left in both, and where one is in both: not of the third, who is there in the dream
    # alone, nor of the fourth, who left in the dream alone.
    assert agree(found, apart, rollout, 1).tolist() == [[[True, True, False, False]]]
    arrived = found._replace(came=apart)
    assert agree(arrived, apart, rollout, 1).tolist() == [[[True, True, True, False]]]
    # Who goes to one that stands there must come in reality too: both are drawn.
    met = Rollout(*rollout[:-1], [moving._replace(coming=2 * moving.coming)])
    assert agree(found, apart, met, 1).tolist() == [[[True, False, False, False]]]
    assert agree(arrived, apart, met, 1).tolist() == [[[True, False, True, False]]]
    alone = arrived._replace(alike=apart)  # in reality nothing but that which came is seen there
    assert agree(alone, apart, met, 1).tolist() == [[[True, False, False, False]]]
    # What vanished was a mover, and where it went is not told.
    vanished = found._replace(moved=none, vanished=went)
    torch.testing.assert_close(told_motion(vanished, apart, rollout, torch.ones(1, 1)), held - ways[0, STAY, 0, 1])
    # The prior does not learn from whom reality does not know, nor, but at the edge, from whom it has lost.
    edge = torch.zeros(1, 4)
    assert foreseeable(Compared(found, ways, apart), rollout, edge).tolist() == [[[True, True, False, True]]]
    assert foreseeable(Compared(vanished, ways, apart), rollout, edge).tolist() == [[[False, True, False, True]]]
    assert foreseeable(Compared(vanished, ways, apart), rollout, 1 - edge).tolist() == [[[True, True, False, True]]]
    gone = Rollout(*rollout[:-1], [moving._replace(presence=-presence)])
    assert foreseeable(Compared(vanished, ways, apart), gone, edge).all()


def test_the_kernel_is_told_how_the_view_moved_while_choices_are_still_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = a_batch()
    found = module.find_motion(
        torch.zeros(8, 3, 32, 40), torch.zeros(8, 3, 32, 40), *torch.zeros(2, 8, 4, 5), GRID.cell
    )
    alone = torch.zeros(8, dtype=torch.bool)
    alone[3] = True  # row 0, step 3
    monkeypatch.setattr(module, "find_motion", lambda *_: found._replace(view=torch.full((8,), 7), alone=alone))
    made = objective(weights=replace(PRESETS["small"].weights, motion=2.0))
    kernel = made.simulator.kernel
    with torch.no_grad():
        kernel.weight.zero_()
        kernel.bias.zero_()[7] = 1.0
    total, told = made.loss(batch, seeded(), "generator")
    nats = -torch.tensor([0.0] * 7 + [1.0, 0.0]).log_softmax(0)[7]
    assert float(told["motion"]) == pytest.approx(2 * float(nats) / 8, rel=1e-4)
    assert "choices" not in told
    assert "kinds" not in told
