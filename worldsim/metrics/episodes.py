"""Episodes: real play that is known whole, to be followed for some steps and then imagined with the same actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.dream import Dream, Snapshot
from worldsim.envs.pacman.tiles import tile_codes
from worldsim.envs.pacman.types import Bools, PacManState
from worldsim.metrics.games import RealGames
from worldsim.metrics.kinds import of_codes
from worldsim.metrics.reality import Careful, Frames, Reality, game_of, other_chance
from worldsim.metrics.starts import LONGEST, Starts
from worldsim.noise import stream_keys
from worldsim.protocol import State


@dataclass(frozen=True)
class Truth:
    """What the game exposes about B episodes of H steps."""

    start: PacManState  # B games at their starts
    kinds: NDArray[np.uint8]  # (H + 1, B, R, C) of the view
    known: Bools  # (H + 1, B, R, C): cells of the view that the frames up to the start have shown


@dataclass(frozen=True)
class Episodes:
    """B real episodes that were running at their starts, each H steps on from there."""

    starts: Starts
    frames: Frames  # (H + 1, B, H, W, C); 0 is the last one that a world follows
    actions: NDArray[Any]  # (H, B, ...)
    rewards: NDArray[np.float64]  # (H, B) 0 after the end
    alive: Bools  # (H + 1, B): the frame is one of the episode, its last included
    over: Bools  # (H + 1, B): the episode has ended by then
    truth: Truth | None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def horizon(self) -> int:
        """H."""
        return len(self.actions)


def play_episodes(reality: Reality, rows: int, horizon: int, first: int, careful: bool) -> Episodes:
    """Play ``rows`` games from their beginnings; those that end before their starts are left out.

    Args:
        reality: the game.
        rows: how many.
        horizon: H.
        first: seed of the first game.
        careful: by the player that keeps away from ghosts (where the truth says where they are).
    """
    venv = reality.open(rows)
    game = game_of(venv)
    rng, wander = np.random.default_rng([first, 3]), Careful(venv.single_action_space, rows, first)
    steps, total = rng.integers(1, LONGEST + 1, rows), LONGEST + horizon
    shown = venv.reset(seed=int(first))[0]
    frames = np.zeros((total + 1, *shown.shape), np.uint8)
    frames[0] = shown
    running, actions = np.ones(rows, bool), []
    rewards, alive, over = np.zeros((total, rows)), np.ones((total + 1, rows), bool), np.zeros((total + 1, rows), bool)
    states: list[PacManState] = [] if game is None else [game.state.copy()]
    for t in range(total):
        action = wander.act_in(game.state) if careful and game is not None else wander.act()
        actions.append(action.copy())
        shown, reward, terminated, truncated, info = venv.step(action)
        rewards[t], ended = np.where(running, reward, 0), terminated | truncated
        frames[t + 1] = shown
        for row in np.flatnonzero(ended & running):
            frames[t + 1, row] = info["final_obs"][row]
        alive[t + 1] = running
        running = running & ~ended
        over[t + 1] = ~running
        if game is not None:
            states.append(game.state.copy())
    kept = np.flatnonzero(~over[steps, np.arange(rows)])
    steps = steps[kept]
    when = steps + np.arange(horizon + 1)[:, None]  # (H + 1, B) steps since the game's beginning
    played = np.stack(actions)
    starts = Starts(frames[: LONGEST + 1, kept], played[:LONGEST, kept], steps, first + kept, None)
    truth = None if game is None else _truth(states, steps, kept, when, game.view)
    if truth is not None:
        starts = Starts(starts.frames, starts.actions, steps, starts.seeds, truth.start)
    return Episodes(
        starts,
        frames[when, kept],
        played[when[:-1], kept],
        rewards[when[:-1], kept],
        alive[when, kept],
        over[when, kept],
        truth,
    )


def _truth(states: list[PacManState], steps: NDArray, kept: NDArray, when: NDArray, view: int) -> Truth:
    """The last frame of an episode is not among the states, which have begun anew: its truth is taken as unknown."""
    start = states[0].take(kept)
    for t in range(1, LONGEST + 1):
        if (here := np.flatnonzero(steps == t)).size:
            start.put(here, states[t].take(kept[here]))
    places = np.stack([state.player for state in states])[:, kept]  # (T, B, 2)
    codes = np.stack([tile_codes(state, view) for state in states])[:, kept]
    height, width = start.walls.shape[1:]
    reach = np.arange(-(view // 2), view // 2 + 1)
    rows = np.arange(len(kept))[:, None, None]
    shown = np.zeros((len(kept), height + 2 * view, width + 2 * view), bool)  # a board with room around it

    def cells(place: NDArray) -> tuple[NDArray, NDArray]:
        return (place[:, :1] + reach + view)[:, :, None], (place[:, 1:] + reach + view)[:, None, :]

    for t in range(LONGEST + 1):
        r, c = cells(places[t])
        shown[rows, r, c] |= (t <= steps)[:, None, None]
    known = np.stack([shown[(rows, *cells(places[at, np.arange(len(kept))]))] for at in when])
    return Truth(start, of_codes(codes[when, np.arange(len(kept))]), known)


@dataclass(frozen=True)
class Shown:
    """One step of what a world, or the game with other chance, makes of the same actions."""

    frames: Frames  # (B, H, W, C)
    rewards: NDArray[np.float64]  # (B,) of this step, 0 after the end
    over: Bools  # (B,) ended by now
    state: State | None = None


def imagined(
    world: World, episodes: Episodes, seed: int, temperature: float, device: str, at: set[int]
) -> Iterator[tuple[int, Shown]]:
    """What a world imagines at the steps ``at`` (0 is what it shows of the last real frame), and each step's reward."""
    key = stream_keys(torch.from_numpy(episodes.starts.seeds) + (seed << 32) + 1).to(device)
    nought = torch.zeros_like(key)
    dream = Dream(world, len(episodes), 1.0 if world.kind == "copy" else temperature, device)
    dream.set_state(Snapshot(episodes.starts.followed(world.model, device), key, nought, nought))
    dream.temperature = dream.temperature
    over, none = np.zeros(len(episodes), bool), np.zeros((0,), np.uint8)
    yield 0, Shown(dream.render().cpu().numpy(), np.zeros(len(episodes)), over, dream.state)
    for t, action in enumerate(episodes.actions, 1):
        step = dream.step(torch.from_numpy(np.ascontiguousarray(action)))
        rewards = np.where(over, 0, step.reward.cpu().numpy().astype(np.float64))
        over = over | step.terminated.cpu().numpy()
        yield t, Shown(dream.render().cpu().numpy() if t in at else none, rewards, over, dream.state)


def replayed(reality: Reality, episodes: Episodes, number: int, at: set[int]) -> Iterator[tuple[int, Shown]]:
    """What the game itself makes of the same actions with other chance."""
    assert episodes.truth is not None
    games = RealGames(reality, len(episodes), 0)
    games.begin_at(other_chance(episodes.truth.start, number))
    over = np.zeros(len(episodes), bool)
    yield 0, Shown(games.frames, np.zeros(len(episodes)), over)
    for t, action in enumerate(episodes.actions, 1):
        turn = games.step(action)
        rewards = np.where(over, 0, turn.rewards)
        over = over | turn.ended
        yield t, Shown(turn.frames, rewards, over)
