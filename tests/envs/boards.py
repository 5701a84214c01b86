"""Pac-Man boards drawn by hand: the letters of a board, and the state that they mean."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman.maze import steps_from
from worldsim.envs.pacman.types import Action, Mode, PacManState

HEADINGS = {"<": Action.LEFT, ">": Action.RIGHT, "^": Action.UP, "v": Action.DOWN}


def board(
    text: str,
    headings: str = "<<<<",
    modes: tuple[Mode, ...] = (Mode.NORMAL,) * 4,
    fright: int = 0,
    clock: int = 25,
    age: int = 0,
    heading: str = "<",
) -> PacManState:
    """One game: `#` wall, `.` food, `o` pellet, `F` flag, `P` player, `0` to `3` ghosts, blank floor.

    The clock begins in the first chase phase.
    """
    rows = text.strip("\n").split("\n")
    grid = np.array([list(row) for row in rows])
    walls = (grid == "#")[None]
    places = [np.argwhere(grid == str(ghost)) for ghost in range(4)]
    ghosts = np.array([place[0] for place in places if len(place)], dtype=np.int64).reshape(-1, 2)
    flags = np.argwhere(grid == "F")
    corners = [(1, grid.shape[1] - 2), (1, 1), (grid.shape[0] - 2, grid.shape[1] - 2), (grid.shape[0] - 2, 1)]
    homes = np.array(corners[: len(ghosts)], dtype=np.int64).reshape(1, -1, 2)
    home_steps = [steps_from(homes[:, ghost], walls)[0] for ghost in range(len(ghosts))]
    return PacManState(
        seed=np.zeros(1, dtype=np.uint64),
        episode=np.zeros(1, dtype=np.int64),
        age=np.array([age]),
        walls=walls,
        food=(grid == ".")[None],
        pellets=(grid == "o")[None],
        flag=flags[:1] if len(flags) else np.full((1, 2), -1),
        player=np.argwhere(grid == "P")[:1],
        heading=np.array([int(HEADINGS[heading])]),
        ghosts=ghosts[None].copy(),
        ghost_headings=np.array([[int(HEADINGS[sign]) for sign in headings[: len(ghosts)]]], dtype=np.int64),
        ghost_modes=np.array([[int(mode) for mode in modes[: len(ghosts)]]], dtype=np.int64),
        homes=homes,
        home_steps=np.array(home_steps, dtype=np.uint8).reshape(1, len(ghosts), *grid.shape),
        fright=np.array([fright]),
        streak=np.zeros(1, dtype=np.int64),
        clock=np.array([clock]),
        score=np.zeros(1),
        outcome=np.zeros(1, dtype=np.int64),
    )


def many(state: PacManState, count: int) -> PacManState:
    """The same game `count` times, each with a random stream of its own."""
    games = state.take(np.zeros(count, dtype=np.int64))
    games.seed = np.arange(count, dtype=np.uint64)
    return games
