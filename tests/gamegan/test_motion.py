"""Block matching: what it says of patches that move, and of the real game."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

import worldsim  # noqa: F401 (registers)
from worldsim.gamegan.grid.motion import STAY, WAYS, Motion, find_motion, unlike
from worldsim.vae.colour import colour_weights, pixel_weights

CELL = 3


def boards(*cells: Tensor) -> Tensor:
    """Pictures (n, 1, 15, 18) whose cells of 3 pixels have one brightness each."""
    return torch.stack(cells)[:, None].repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)


def ground() -> Tensor:
    """5 x 6 cells, all different, all dark."""
    return 0.3 * torch.rand(5, 6, generator=torch.Generator().manual_seed(0))


def found(before: Tensor, after: Tensor) -> Motion:
    """Rare is what is bright."""
    return find_motion(boards(before), boards(after), before[None], after[None], CELL)


def test_a_ghost_goes_every_way_and_what_it_covers_stays() -> None:
    for index, (row, col) in enumerate(WAYS):
        before, after = ground(), ground()
        before[2, 3] = 1.0
        after[2 + row, 3 + col] = 1.0
        motion = found(before, after)
        if index == STAY:
            assert not motion.moved.any()
            assert not motion.covered.any()
            assert motion.stayed.all()
            continue
        assert motion.moved[0].nonzero().tolist() == [[2, 3]]
        assert int(motion.way[0, 2, 3]) == index
        assert motion.left[0].nonzero().tolist() == [[2, 3]]
        assert motion.covered[0].nonzero().tolist() == [[2 + row, 3 + col]]
        assert torch.equal(motion.stayed, ~(motion.moved | motion.covered))
        assert (motion.way[~motion.moved] == STAY).all()


def test_one_behind_the_other_and_one_that_turns() -> None:
    before, after = ground(), ground()
    before[2, 3], before[2, 2], after[2, 4], after[2, 3] = 1.0, 0.8, 1.0, 0.8
    before[0, 1], after[0, 1] = 0.9, 0.7
    motion = found(before, after)
    assert motion.moved[0].nonzero().tolist() == [[2, 2], [2, 3]]
    assert motion.came[0].nonzero().tolist() == motion.alike[0].nonzero().tolist() == [[2, 3], [2, 4]]
    assert motion.left[0].nonzero().tolist() == [[2, 2]]  # into where the first was, the second came
    assert motion.changed[0, 0, 1]
    assert motion.stayed[0, 0, 1]
    assert not motion.stayed[0, 2, 2:5].any()


def test_cells_that_differ_before_the_view_moves() -> None:
    one, other = ground(), ground()
    other[2, 3] += 0.5
    other[0, 0] += 0.001
    view = torch.tensor([WAYS.index((1, 0)), WAYS.index((0, -1)), STAY])  # what lay below, or to the left, is here now
    pictures = (boards(*[picture] * 3) for picture in (one, other))
    assert unlike(*pictures, view, CELL).nonzero().tolist() == [[0, 1, 3], [1, 2, 4], [2, 2, 3]]


def test_the_view_may_move_under_it() -> None:
    """Everything moves one cell up; the ghost one to the right besides."""
    before, after = ground(), torch.zeros(5, 6)
    after[:4] = before[1:]
    after[4] = torch.linspace(0.35, 0.45, 6)  # comes into view
    before[2, 3] = 1.0
    after[1, 4] = 1.0
    motion = found(before, after)
    assert motion.moved[0].nonzero().tolist() == [[1, 3]]
    assert WAYS[int(motion.way[0, 1, 3])] == (0, 1)
    assert motion.entered[0].nonzero().tolist() == [[4, col] for col in range(6)]
    assert WAYS[int(motion.view)] == (1, 0)  # what lay below is here now
    assert motion.alone.all()


def test_of_a_picture_without_marks_no_move_of_the_view_is_told() -> None:
    dark = torch.zeros(5, 6)
    assert not found(dark, dark).alone.any()
    assert WAYS[int(found(ground(), ground()).view)] == (0, 0)


def test_of_what_vanishes_or_leaves_no_way_is_told() -> None:
    before, after = ground(), ground()
    before[2, 3] = before[0, 0] = 1.0
    motion = found(before, after)
    assert not motion.moved.any()
    assert motion.vanished[0].nonzero().tolist() == motion.left[0].nonzero().tolist() == [[0, 0], [2, 3]]
    assert not motion.covered.any()


def test_what_comes_in_from_outside_is_told_from_what_moves_there() -> None:
    before, after = ground(), ground()
    after[0, 4] = 1.0  # from outside
    before[3, 1], after[4, 1] = 1.0, 1.0  # from the cell beside it
    motion = found(before, after)
    assert motion.entered[0].nonzero().tolist() == [[0, 4]]
    assert motion.moved[0].nonzero().tolist() == [[3, 1]]


def test_what_vanishes_went_to_the_one_cell_beside_it_that_changed() -> None:
    """The ghost catches the player: both are gone, and there is a star."""
    before, after = ground(), ground()
    before[2, 3], before[2, 2], after[2, 2] = 1.0, 0.8, 0.5
    motion = found(before, after)
    assert motion.moved[0].nonzero().tolist() == [[2, 3]]
    assert WAYS[int(motion.way[0, 2, 3])] == (0, -1)
    assert motion.came[0].nonzero().tolist() == [[2, 2]]
    assert not motion.alike.any()
    after[1, 3] = 0.45  # another cell beside it changed too: who knows
    assert not found(before, after).moved.any()


def test_who_walks_into_one_that_stays_meets_it_there() -> None:
    """The player steps onto a ghost's cell: where he stood is ground now, where the ghost stood a star."""
    before, after = ground(), ground()
    before[2, 2], before[2, 3], after[2, 3] = 0.9, 1.0, 0.45
    motion = found(before, after)
    assert motion.moved[0].nonzero().tolist() == [[2, 2]]
    assert WAYS[int(motion.way[0, 2, 2])] == (0, 1)
    assert motion.came[0].nonzero().tolist() == motion.vanished[0].nonzero().tolist() == [[2, 3]]
    assert motion.stayed[0, 2, 3]
    assert not motion.alike.any()
    after[2, 3] = before[2, 2] / 4  # as common as what is left where the other stood: neither went to the other
    after[2, 2] = before[2, 2] / 4
    assert not found(before, after).moved.any()


def test_one_that_vanishes_is_found_though_another_came_after_it() -> None:
    """Two ghosts in a row: the first one catches the player, the second stands where the first stood."""
    before, after = ground(), ground()
    before[2, 1], before[2, 2], before[2, 3] = 0.5, 1.0, 0.95
    after[2, 1], after[2, 2] = 0.45, 0.95
    motion = found(before, after)
    assert motion.moved[0].nonzero().tolist() == [[2, 2], [2, 3]]
    assert {WAYS[int(way)] for way in motion.way[motion.moved]} == {(0, -1)}
    assert motion.came[0].nonzero().tolist() == [[2, 1], [2, 2]]
    assert motion.alike[0].nonzero().tolist() == [[2, 2]]


def looked(pictures: np.ndarray, colours: Tensor) -> tuple[Tensor, Tensor]:
    """Frames of the real game as pictures within [0, 1], and how rare each cell is."""
    weights = pixel_weights(torch.from_numpy(pictures), colours)[..., 0]
    rarity = weights.unflatten(1, (7, 12)).unflatten(3, (7, 12)).mean((2, 4))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255, rarity


def test_on_the_real_game_every_move_it_finds_is_that_of_a_ghost_or_the_player() -> None:
    venv = gym.make_vec("WorldSim/PacManFlag-v0", num_envs=64)
    frames, _ = venv.reset(seed=0)
    rng, seen, wrong, ghosts, told = np.random.default_rng(0), 0, 0, 0, 0
    colours = colour_weights(torch.from_numpy(frames))

    for _ in range(3):
        before = venv.unwrapped.game.state.copy()
        after_frames, _, ended, _, _ = venv.step(rng.integers(0, 5, 64))
        after = venv.unwrapped.game.state
        (one, rare_one), (two, rare_two) = looked(frames, colours), looked(after_frames, colours)
        motion = find_motion(one, two, rare_one, rare_two, 12)
        for game in np.flatnonzero(motion.alone.numpy() & ~ended):
            assert WAYS[int(motion.view[game])] == tuple(after.player[game] - before.player[game])
        told += int(motion.alone.sum())
        for game, row, col in motion.moved.nonzero().tolist():
            if not ended[game]:
                place = np.array([row, col]) - 3 + after.player[game]
                there = place + WAYS[int(motion.way[game, row, col])]
                movers = [*zip(before.ghosts[game], after.ghosts[game], strict=True)]
                movers.append((before.player[game], after.player[game]))
                wrong += not any((a == place).all() and (b == there).all() for a, b in movers)
                seen += 1
        ghosts += int((np.abs(before.ghosts - before.player[:, None]).max(-1) <= 2).sum())
        frames = after_frames
    assert wrong == 0
    assert told > 0.9 * 3 * 64
    assert seen > 0.8 * ghosts > 20


def test_on_the_real_game_most_catches_are_found() -> None:
    """The player stands still until a ghost is there: it went from where it stood beside him to the middle."""
    venv = gym.make_vec("WorldSim/PacManFlag-v0", num_envs=128)
    frames, _ = venv.reset(seed=1)
    colours = colour_weights(torch.from_numpy(frames))
    right = caught = 0
    for _ in range(40):
        before = venv.unwrapped.game.state.copy()
        after, _, ended, _, info = venv.step(np.zeros(128, dtype=np.int64))
        beside = np.abs(before.ghosts - before.player[:, None]).sum(-1) == 1
        for game in np.flatnonzero(ended & (beside.sum(1) == 1)):
            (one, rare_one), (two, rare_two) = (
                looked(pictures, colours) for pictures in (frames[game][None], info["final_obs"][game][None])
            )
            motion = find_motion(one, two, rare_one, rare_two, 12)
            ghost = before.ghosts[game][beside[game]][0] - before.player[game]
            place = (0, *(3 + ghost))
            right += bool(motion.moved[place]) and WAYS[int(motion.way[place])] == tuple(-ghost)
            caught += 1
        frames = after
    assert caught > 100
    assert right > 0.92 * caught
