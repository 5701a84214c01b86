"""Obedience: whether the dream does what the action says, and only that."""

from __future__ import annotations

import numpy as np
import torch

from worldsim.checkpoint import World
from worldsim.envs.pacman.types import MOVES, Bools, Bytes, Ints
from worldsim.metrics import kinds as k
from worldsim.metrics.estimate import Estimate, Tally
from worldsim.metrics.games import RealGames
from worldsim.metrics.inverse import InverseModel
from worldsim.metrics.look import Eyes
from worldsim.metrics.moves import seen, shifted, target
from worldsim.metrics.own_play import Step
from worldsim.metrics.reality import Reality, other_chance
from worldsim.metrics.starts import Starts
from worldsim.noise import normals, stream_keys


class Obedience:
    """Watches Pac-Man: free and blocked moves, counted apart, and what the inverse model makes of each transition.

    The walls of the picture before, moved as the action says or not moved, are held against those of the picture
    after; the nearer one is what happened. Whether a move is free is read from the picture before.
    """

    def __init__(self, rows: int, inverse: InverseModel) -> None:
        self.tally, self.inverse = Tally(rows), inverse

    def see(self, step: Step) -> None:
        said, _ = self.inverse.judge(step.before.small, step.after.small)
        for span, rows in step.ranges():
            action = np.asarray(step.action)[rows]
            if self.inverse.actions:
                agrees = said[rows] == action
                self.tally.add(f"inverse model agrees, {span}", agrees, np.ones(len(rows)), rows)
                if step.before.kinds is not None and step.after.kinds is not None:
                    self._moves(span, rows, step.before.kinds[rows], action, step.after.kinds[rows], agrees)

    def _moves(self, span: str, rows: Ints, before: Bytes, action: Ints, after: Bytes, agrees: Bools) -> None:
        moves = seen(before, action, after)
        for name, kind, obeyed in (("free", ~moves.blocked, moves.went), ("blocked", moves.blocked, ~moves.went)):
            counts = moves.tells & kind
            self.tally.add(f"{name} moves obeyed, {span}", obeyed & counts, counts, rows)
        free = moves.tells & ~moves.blocked
        self.tally.add(f"inverse model agrees on free moves, {span}", agrees & free, free, rows)

    def findings(self) -> dict[str, Estimate]:
        return self.tally.estimates()


def real_counterfactual(reality: Reality, starts: Starts, eyes: Eyes, seed: int) -> dict[str, Estimate]:
    """The game itself, read from its pictures: with other chance, so that only what the action decides is the same."""
    assert starts.truth is not None
    one, other = _actions(len(starts), seed)
    truth = _real_answers(reality, starts, (one, other), eyes, 0)
    return _compare(truth, _real_answers(reality, starts, (one, other), eyes, 1), (one, other), _before(starts, eyes))


def counterfactual(
    world: World, reality: Reality, starts: Starts, eyes: Eyes, seed: int, device: str
) -> dict[str, Estimate]:
    """The same noise with another action: what should differ and does, and what should not and does.

    From each start the game and the dream take two actions with the same chance. Cells count that both actions leave
    in view and that show nothing that moves in any of the four pictures.
    """
    one, other = _actions(len(starts), seed)
    truth = _real_answers(reality, starts, (one, other), eyes, 0)
    state = starts.followed(world.model, device)
    key = stream_keys(torch.from_numpy(starts.seeds) + seed + 1).to(device)
    noise, dreamed = normals(key, torch.ones_like(key) << 20, world.model.noise_size), []
    for action in (one, other):
        with torch.inference_mode():
            after = world.model.imagine(state, torch.from_numpy(action).to(device), noise).state
            dreamed.append(_kinds(eyes, world.model.render(after).cpu().numpy()))
    return _compare(truth, (dreamed[0], dreamed[1]), (one, other), _before(starts, eyes))


def _actions(rows: int, seed: int) -> tuple[Ints, Ints]:
    rng = np.random.default_rng([seed, 11])
    one = rng.integers(0, len(MOVES), rows)
    return one, (one + rng.integers(1, len(MOVES), rows)) % len(MOVES)


def _before(starts: Starts, eyes: Eyes) -> Bytes:
    return _kinds(eyes, starts.last)


def _kinds(eyes: Eyes, frames: np.ndarray) -> Bytes:
    kinds = eyes.look(frames).kinds
    assert kinds is not None
    return kinds


def _real_answers(
    reality: Reality, starts: Starts, actions: tuple[Ints, Ints], eyes: Eyes, chance: int
) -> tuple[Bytes, Bytes]:
    games, found = RealGames(reality, len(starts), 0), []
    assert starts.truth is not None
    for action in actions:
        games.begin_at(other_chance(starts.truth, chance) if chance else starts.truth)
        found.append(_kinds(eyes, games.step(action).frames))
    return found[0], found[1]


def _compare(
    truth: tuple[Bytes, Bytes], dreamed: tuple[Bytes, Bytes], actions: tuple[Ints, Ints], before: Bytes
) -> dict[str, Estimate]:
    still = ~(k.moving(truth[0]) | k.moving(truth[1]) | k.moving(dreamed[0]) | k.moving(dreamed[1]))
    for action in actions:
        moved = np.where((target(before, action) == k.WALL)[:, None], 0, MOVES[action])
        still &= shifted(np.ones_like(still), moved)
    should, did = truth[0] != truth[1], dreamed[0] != dreamed[1]
    tally = Tally(len(before))
    tally.add("another action, same noise: cells that should differ and do", did & should & still, should & still)
    tally.add("another action, same noise: cells that should not and do", did & ~should & still, ~should & still)
    return tally.estimates()
