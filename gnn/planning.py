"""Planning: try many futures from where the real game stands, and play the first action of the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from worldsim.checkpoint import World
from worldsim.dream import Dream, Snapshot
from worldsim.envs.pacman import rules
from worldsim.envs.pacman.planes import board_planes, with_ways_home
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import Task, make_task
from worldsim.envs.pacman.types import Floats, Ints, Outcome, PacManState
from worldsim.gnn.board import decode
from worldsim.gnn.boards import on_board
from worldsim.gnn.forager import distances, forager, nearest_food
from worldsim.gnn.measure import HELD_OUT
from worldsim.noise import stream_keys

Player = Callable[[PacManState, np.random.Generator], Ints]
"""Chooses an action for each of B real games."""

CAUGHT_COST = 500.0
"""What it costs a plan to end caught, in points."""
WAY_COST = 0.5
"""What each step to the nearest food costs where a plan ends, so that a plan without any food still goes somewhere."""


class Shooting(NamedTuple):
    """Random shooting: ``argmax_k sum_t gamma^t r_t - gamma^t CAUGHT_COST [caught at t] - WAY_COST way`` of K plans."""

    candidates: int = 96
    """K, plans for each game."""
    length: int = 16
    """T, actions of a plan."""
    discount: float = 0.97
    """gamma."""
    hold: float = 0.7
    """How likely an action is held for one more step."""

    def plans(self, games: int, rng: np.random.Generator) -> Ints:
        """(T, games * K) actions; to stand still is none of them."""
        drawn = rng.integers(1, 5, (self.length, games * self.candidates))
        for t in range(1, self.length):
            drawn[t] = np.where(rng.random(drawn.shape[1]) < self.hold, drawn[t - 1], drawn[t])
        return drawn

    def best(self, state: PacManState, plans: Ints, totals: Floats, ends: Ints) -> Ints:
        """The first actions (B,) of the best plans.

        Args:
            state: B games from which the plans were tried.
            plans: (T, B * K).
            totals: (B * K,) discounted rewards and costs.
            ends: (B * K, 2) cells where the plans end.
        """
        way = distances(state.food | state.pellets, ~state.walls).clip(max=100)
        game = np.repeat(np.arange(len(state)), self.candidates)
        totals = totals - WAY_COST * way[game, ends[:, 0], ends[:, 1]]
        chosen = totals.reshape(len(state), -1).argmax(1)
        first: Ints = plans[0].reshape(len(state), -1)[np.arange(len(state)), chosen]
        return first


class DreamPlanner:
    """Random shooting in a dream, which is put where the real game stands with ``set_state``.

    The real game is never asked what would happen.

    Args:
        world: of kind "graph", on a board of the games' size.
        games: B, played at once.
        shooting: K, T and so on.
    """

    def __init__(self, world: World, games: int, shooting: Shooting) -> None:
        self.shooting = shooting
        self.dream = Dream(world, games * shooting.candidates)
        rows = torch.arange(games * shooting.candidates)
        self.dream.reset(rows, seeds=rows)

    def __call__(self, state: PacManState, rng: np.random.Generator) -> Ints:
        """(B,) actions."""
        plan, begun = self.shooting, decode(torch.from_numpy(board_planes(state)))
        many = {name: value.repeat_interleave(plan.candidates, 0) for name, value in begun.items()}
        temperature = torch.ones(self.dream.num_streams)
        key = stream_keys(torch.from_numpy(rng.integers(0, 1 << 62, self.dream.num_streams)))
        self.dream.set_state(Snapshot({**many, "temperature": temperature}, key, torch.zeros_like(key), key * 0))
        plans = plan.plans(len(state), rng)
        totals, running = np.zeros(plans.shape[1]), np.ones(plans.shape[1], bool)
        for t, actions in enumerate(plans):
            after, reward, terminated = self.dream.step(torch.from_numpy(actions))
            over = running & terminated.numpy()
            caught = over & (after["outcome"].numpy() == Outcome.CAUGHT)
            totals += plan.discount**t * (running * reward.numpy() - CAUGHT_COST * caught)
            running &= ~over
        player, width = self.dream.get_state().state["player"].numpy(), state.walls.shape[2]
        return plan.best(state, plans, totals, np.stack([player // width, player % width], -1))


class RulesPlanner:
    """The same search in the game's own rules, with other dice: what a perfect model is worth to it."""

    def __init__(self, task: Task, shooting: Shooting) -> None:
        self.task, self.shooting = task, shooting

    def __call__(self, state: PacManState, rng: np.random.Generator) -> Ints:
        """(B,) actions."""
        plan = self.shooting
        many = state.take(np.repeat(np.arange(len(state)), plan.candidates))
        many.seed = rng.integers(0, 1 << 62, len(many)).astype(np.uint64)
        plans = plan.plans(len(state), rng)
        totals = np.zeros(plans.shape[1])
        for t, actions in enumerate(plans):
            running = many.outcome == Outcome.RUNNING
            rewards = rules.advance(many, actions, self.task)
            caught = running & (many.outcome == Outcome.CAUGHT)
            totals += plan.discount**t * (rewards - CAUGHT_COST * caught)
        return plan.best(state, plans, totals, many.player)


def play_out(player: Player, task: Task, games: int, steps: int, seed: int = HELD_OUT) -> tuple[Floats, Ints]:
    """Scores (games,) and steps survived (games,) of a player in the real game."""
    state = with_ways_home(rules.begin(row_seeds(seed, games), np.zeros(games, dtype=np.int64), task))
    rng = np.random.default_rng(seed)
    score, lived = np.zeros(games), np.zeros(games, dtype=np.int64)
    for _ in range(steps):
        lived += state.outcome == Outcome.RUNNING
        score += rules.advance(state, player(state, rng), task)
    return score, lived


def compare_players(
    world: World, shape: tuple[int, int], games: int, steps: int, shooting: Shooting | None = None
) -> list[dict[str, Any]]:
    """Rows of a table: random, breadth-first search, planning in the dream and in the rules, on the same real games."""
    from worldsim.agents.score import half_width

    shooting, task = shooting or Shooting(), make_task("arcade", shape)
    moved = on_board(world, *shape, count=1)
    players: dict[str, Player] = {
        "at random": lambda state, rng: rng.integers(0, 5, len(state)),
        "nearest food, breadth-first search": lambda state, rng: nearest_food(board_planes(state), rng),
        "the same around the ghosts": lambda state, rng: forager(board_planes(state), rng),
        "random shooting in the dream": DreamPlanner(moved, games, shooting),
        "random shooting in the rules": RulesPlanner(task, shooting),
    }
    rows = []
    for name, player in players.items():
        score, lived = play_out(player, task, games, steps)
        found = {"mean": float(score.mean()), "half_width": half_width(score), "length": float(lived.mean())}
        rows.append({"player": name, **found, "n": games, "steps": steps, "board": list(shape)})
        print(rows[-1], flush=True)
    return rows
