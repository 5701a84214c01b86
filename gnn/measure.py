"""How exact a model of the maze game is: one step, many steps, and its nats beside those that the rules leave open."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from worldsim.envs.pacman import rules
from worldsim.envs.pacman.planes import board_planes, with_ways_home
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.task import Task, make_task
from worldsim.envs.pacman.types import Bools, Floats, Ints, Outcome
from worldsim.gnn.board import decode
from worldsim.gnn.chance import entropy, ghost_chances
from worldsim.gnn.choices import NOISE, Draw, Told
from worldsim.gnn.forager import forager
from worldsim.gnn.objective import step_nats
from worldsim.gnn.transition import GraphTransition
from worldsim.gnn.transitions import TransitionBatch
from worldsim.protocol import State

Step = Callable[[State, Tensor], State]
"""A model to measure: state and actions (B,) to its likeliest next state."""

HELD_OUT = 3_000_000_000  # seeds from here on: no recording has them
ROLLOUTS = (1, 5, 10, 25, 100)


class Play(NamedTuple):
    """Steps of real games, game by game in time's order."""

    planes: list[np.ndarray]  # T+1 times (B, H, W, 18) uint8
    actions: list[Ints]  # T times (B,)
    rewards: list[Floats]  # T times (B,)
    running: list[Bools]  # T times (B,): whether the game was running before the step
    chances: list[Floats]  # T times (B, G, 5): how likely the rules made each move of a ghost
    ghosts: list[Ints]  # T+1 times (B, G, 2)


def play(
    shape: tuple[int, int],
    games: int,
    steps: int,
    task: str = "arcade",
    ghosts: int | None = None,
    pellets: int | None = None,
    seed: int = HELD_OUT,
    pad: tuple[int, int] | None = None,
) -> Play:
    """Real games from their first frame; every second one is played by the forager, the others at random.

    Args:
        shape: (rows, cols) of the boards.
        games: B.
        steps: T, fewer if all games end before.
        task: "arcade" or "flag".
        ghosts: 0 to 4; None takes the task's own number.
        pellets: 0 to 4; None takes the task's own number.
        seed: of the boards, the player and the dice.
        pad: (rows, cols) of the planes where they are larger than the board.
    """
    rules_of: Task = make_task(task, shape, ghosts, pellets)
    state = with_ways_home(rules.begin(row_seeds(seed, games), np.zeros(games, dtype=np.int64), rules_of))
    rng = np.random.default_rng(seed)
    forages = np.arange(games) % 2 == 0
    sticky = rng.integers(1, 5, games)
    done = Play([board_planes(state, pad)], [], [], [], [], [state.ghosts.copy()])
    for _ in range(steps):
        sticky = np.where(rng.random(games) < 0.7, sticky, rng.integers(0, 5, games))
        actions = np.where(forages, forager(done.planes[-1], rng), sticky)
        done.running.append(state.outcome == Outcome.RUNNING)
        done.chances.append(ghost_chances(state, actions, rules_of))
        done.rewards.append(rules.advance(state, actions, rules_of))
        done.actions.append(actions)
        done.planes.append(board_planes(state, pad))
        done.ghosts.append(state.ghosts.copy())
        if not (state.outcome == Outcome.RUNNING).any():
            break
    return done


def likeliest(transition: GraphTransition) -> Step:
    """A world's likeliest next state: each choice at its median, which is the likeliest of what is all but certain."""

    def step(state: State, action: Tensor) -> State:
        ones = torch.ones(len(action))
        after, reward, _ = transition(state, action, Draw(torch.zeros(len(action), NOISE), ones))
        return {**after, "reward": reward}

    return step


def drawn(transition: GraphTransition, seed: int = 0) -> Step:
    """A world as it dreams, chance included."""
    generator = torch.Generator().manual_seed(seed)

    def step(state: State, action: Tensor) -> State:
        noise = torch.randn(len(action), NOISE, generator=generator)
        after, reward, _ = transition(state, action, Draw(noise, torch.ones(len(action))))
        return {**after, "reward": reward}

    return step


def told_counters(step: Step, games: Play) -> Step:
    """A model that does not predict the counters, with the true ones given to it at every step of a roll-out."""
    frames = iter(games.planes[1:])

    def told(state: State, action: Tensor) -> State:
        truth = decode(torch.from_numpy(next(frames)))
        return {**step(state, action), "counters": truth["counters"], "outcome": truth["outcome"]}

    return told


def copied(state: State, action: Tensor) -> State:
    """The baseline that lets nothing happen."""
    return state


def channels(guess: State, truth: State) -> dict[str, Tensor]:
    """What is right about each game, (B,) bool by name; counters, ending and reward where the guess has them."""
    there = truth["present"]
    right = {
        "player": guess["player"] == truth["player"],
        "heading": guess["heading"] == truth["heading"],
        "food": (guess["items"][:, 0] == truth["items"][:, 0]).all(1),
        "pellets": (guess["items"][:, 1] == truth["items"][:, 1]).all(1),
    }
    for name in ("ghost", "ghost_heading", "ghost_mode"):
        right[name] = ((guess[name] == truth[name]) | ~there).all(1)
    if "reward" in guess:
        right["counters"] = (guess["counters"] == truth["counters"]).all(1)
        right["ending"] = guess["outcome"] == truth["outcome"]
        if "reward" in truth:
            right["reward"] = guess["reward"] == truth["reward"]
    return right


def one_step(step: Step, games: Play) -> dict[str, float]:
    """Shares of real steps whose outcome is predicted exactly, over all running games.

    ``exact``: all of the board, of the steps in which the rules draw nothing; ``exact_all`` with counters, ending and
    reward too (0 for models without them); ``first``: ``exact`` of games' first steps; then each channel: of
    ghosts in the same steps, of all else in all steps, chance included.
    """
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}

    def add(name: str, right: Tensor, among: Tensor) -> None:
        sums[name] = sums.get(name, 0.0) + float((right & among).sum())
        counts[name] = counts.get(name, 0.0) + float(among.sum())

    with torch.inference_mode():
        for t, actions in enumerate(games.actions):
            rows = np.flatnonzero(games.running[t])
            if len(rows) == 0:
                break
            before, truth = (decode(torch.from_numpy(games.planes[t + d][rows])) for d in (0, 1))
            truth["reward"] = torch.from_numpy(games.rewards[t][rows]).float()
            right = channels(step(before, torch.from_numpy(actions[rows])), truth)
            certain = torch.from_numpy((games.chances[t][rows].max(-1) == 1).all(1))
            board = torch.stack([v for k, v in right.items() if k not in ("counters", "ending", "reward")]).all(0)
            every = torch.stack(list(right.values())).all(0) & ("reward" in right)
            add("exact", board, certain)
            add("exact_all", every, certain)
            if t == 0:
                add("first", board, certain)
            for name, value in right.items():
                add(name, value, certain if name.startswith("ghost") else torch.ones_like(certain))
    return {name: sums[name] / max(1.0, counts[name]) for name in sums} | {"n": counts["exact"]}


def roll_out(step: Step, games: Play, at: tuple[int, ...] = ROLLOUTS) -> dict[int, tuple[float, int]]:
    """Shares of games whose whole board is exactly right after k steps alone, among those still running, and how many.

    Needs games without chance: no pellets, arcade rules.
    """
    found: dict[int, tuple[float, int]] = {}
    with torch.inference_mode():
        state = decode(torch.from_numpy(games.planes[0]))
        for t, actions in enumerate(games.actions):
            state = step(state, torch.from_numpy(actions))
            state.pop("reward", None)
            if t + 1 in at:
                truth = decode(torch.from_numpy(games.planes[t + 1]))
                right = torch.stack(list(channels(state, truth).values())).all(0)
                among = truth["outcome"] == 0
                found[t + 1] = float((right & among).sum() / among.sum().clamp(min=1)), int(among.sum())
    return found


def nats(transition: GraphTransition, games: Play) -> dict[str, float]:
    """Nats a step: the ghosts' moves by the model, by the rules (on the same moves), and their entropy by the rules."""
    model, exact, left, other, n = 0.0, 0.0, 0.0, 0.0, 0
    with torch.inference_mode():
        for t, running in enumerate(games.running):
            rows = np.flatnonzero(running)
            if len(rows) == 0:
                break
            told = _told(transition, games, t, rows)
            chances = games.chances[t][rows]
            went = games.ghosts[t + 1][rows] - games.ghosts[t][rows]  # (n, G, 2)
            moves = (went[..., None, :] == rules.MOVES).all(-1).argmax(-1)
            p = np.take_along_axis(chances, moves[..., None], -1)[..., 0]
            model += float(told.nats["ghost_move"].sum())
            exact -= float(np.log(p).sum())
            left += float(entropy(chances).sum())
            other += float(sum(value.sum() for name, value in told.nats.items() if name != "ghost_move"))
            n += len(rows)
    return {"model": model / n, "rules": exact / n, "entropy": left / n, "all_else": other / n, "n": n}


def _told(transition: GraphTransition, games: Play, t: int, rows: Ints) -> Told:
    before, after = (decode(torch.from_numpy(games.planes[t + d][rows])) for d in (0, 1))
    batch = TransitionBatch(
        before, torch.from_numpy(games.actions[t][rows]), after, torch.from_numpy(games.rewards[t][rows]).float()
    )
    return step_nats(transition, batch)
