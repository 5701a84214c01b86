"""Dream and openings: seeds, rows, branches."""

from __future__ import annotations

import pytest
import torch

from tests.worlds import flag_recording, spatial_world
from worldsim.dream import Dream
from worldsim.errors import BadInput
from worldsim.openings import Openings, pick_openings, write_openings
from worldsim.protocol import State


def begun(rows: int, first_seed: int = 0, **options: object) -> Dream:
    dream = Dream(spatial_world(), rows, **options)  # type: ignore[arg-type]
    dream.reset(torch.arange(rows), torch.arange(first_seed, first_seed + rows))
    return dream


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def actions(rows: int, t: int) -> torch.Tensor:
    return (torch.arange(rows) * 7 + t * 3) % 5


def test_same_seed_same_dream() -> None:
    one, two = begun(8), begun(8)
    for t in range(12):
        a, b = one.step(actions(8, t)), two.step(actions(8, t))
        assert same(a.state, b.state)
        assert torch.equal(a.reward, b.reward)
    other = begun(8, first_seed=100)
    assert not same(one.state, other.state)


def test_a_row_does_not_know_the_others() -> None:
    """Row 5 of 16 is the lone dream with its seed: codes exactly, features up to rounding."""
    many, alone = begun(16), begun(1, first_seed=5)
    for t in range(10):
        many.step(actions(16, t))
        alone.step(actions(16, t)[5:6])
    assert torch.equal(many.state["codes"][5], alone.state["codes"][0])
    torch.testing.assert_close(many.observe()[5], alone.observe()[0], rtol=0, atol=1e-5)


def test_partial_reset_leaves_the_others_bit_equal() -> None:
    dream = begun(6)
    dream.step(actions(6, 0))
    before = dream.get_state()
    dream.reset(torch.tensor([1, 4]), torch.tensor([77, 78]))
    kept = torch.tensor([0, 2, 3, 5])
    assert all(torch.equal(dream.state[n][kept], before.state[n][kept]) for n in before.state)
    assert dream.age.tolist() == [1, 0, 1, 1, 0, 1]


def test_branches_share_the_past_and_the_chance() -> None:
    dream = begun(4)
    dream.step(actions(4, 0))
    fork = dream.get_state()
    first = dream.step(torch.full((4,), 1))
    dream.set_state(fork)
    counterfactual = dream.step(torch.full((4,), 2))
    dream.set_state(fork)
    again = dream.step(torch.full((4,), 1))
    assert same(first.state, again.state)
    assert not same(first.state, counterfactual.state)
    with pytest.raises(BadInput, match="expected a snapshot of 2 streams, got one of 4"):
        begun(2).set_state(fork)


def test_an_opening_can_be_chosen_and_shows_its_last_frame() -> None:
    dream = begun(3)
    dream.reset(torch.arange(3), torch.arange(3), torch.tensor([7, 7, 2]))
    assert dream.opening.tolist() == [7, 7, 2]
    world = spatial_world()
    for row, opening in enumerate([7, 7, 2]):
        frame = torch.from_numpy(world.openings.episode(opening).frames[-1:].copy())
        assert torch.equal(dream.state["codes"][row], world.model.vision.encode(frame)[0])
        assert float(dream.state["age"][row]) == len(world.openings.episode(opening))
    with pytest.raises(BadInput, match="expected openings from 0 to 11"):
        dream.reset(torch.arange(3), torch.arange(3), torch.tensor([0, 1, 99]))


def test_openings_are_stretches_of_the_recording_and_never_its_ends(tmp_path: object) -> None:
    recording = flag_recording()
    stretches = pick_openings(recording, 20, 5, seed=3, whole=True)
    for stretch in stretches:
        source = next(e for e in recording.episodes() if e.index == stretch.index)
        assert 1 <= len(stretch) <= 5
        assert len(stretch) < len(source) - 1
        assert (stretch.frames == source.frames[: len(stretch) + 1]).all()
    anywhere = pick_openings(recording, 20, 5, seed=3, whole=False)
    assert any((a.frames[0] != b.frames[0]).any() for a, b in zip(stretches, anywhere, strict=True))


def test_warm_up_does_not_depend_on_which_openings_are_asked_for() -> None:
    world = spatial_world()
    few = Openings(world.openings.shard.path).states(world.model, torch.tensor([9]), torch.device("cpu"))
    all_of_them = Openings(world.openings.shard.path).states(world.model, torch.arange(12), torch.device("cpu"))
    assert same(few, {name: value[9:10] for name, value in all_of_them.items()})


def test_temperature() -> None:
    cold, warm = begun(32, temperature=0.01), begun(32)
    assert cold.state["temperature"].eq(0.01).all()
    for t in range(3):
        cold.step(actions(32, t))
        warm.step(actions(32, t))
    assert not torch.equal(cold.state["codes"], warm.state["codes"])
    cold.temperature = 2.0
    assert cold.state["temperature"].eq(2.0).all()
    assert cold.temperature == 2.0
    with pytest.raises(BadInput, match="temperature must be above 0"):
        cold.temperature = 0.0


def test_no_opening_is_an_error(tmp_path: object) -> None:
    with pytest.raises(BadInput, match="at least one episode"):
        write_openings(spatial_world().openings.shard.path.with_name("none.h5"), [], flag_recording().about)
