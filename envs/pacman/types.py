"""The words of the game: the action table, what a ghost and an episode can be, and the whole truth about B games."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]


class Action(IntEnum):
    """What a player, or a ghost, can do in one step. A heading is the last action that moved."""

    STAY = 0
    LEFT = 1
    RIGHT = 2
    UP = 3
    DOWN = 4


MOVES: Ints = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)], dtype=np.int64)  # (5, 2): action -> (row, col)
OPPOSITE: Ints = np.array([0, 2, 1, 4, 3], dtype=np.int64)  # (5,): action -> the action that takes it back


class Mode(IntEnum):
    """What a ghost is at the moment."""

    NORMAL = 0
    FRIGHTENED = 1
    EATEN = 2  # only its eyes, on the way home


class Outcome(IntEnum):
    """How an episode stands, or ended."""

    RUNNING = 0
    CAUGHT = 1
    FLAG = 2
    LATE = 3
    CLEARED = 4


@dataclass
class PacManState:
    """All there is to know about B games (H rows, W columns, G ghosts); row b of every array is game b.

    Coordinates are (row, col). Two equal states continue equally under equal actions: the random numbers of a game
    are a function of its seed, episode and age, which are part of the state.
    """

    seed: Keys  # (B,) uint64: names the row's random stream
    episode: Ints  # (B,) int64: episodes that the row began before this one
    age: Ints  # (B,) int64: steps since the episode began
    walls: Bools  # (B, H, W) bool
    food: Bools  # (B, H, W) bool
    pellets: Bools  # (B, H, W) bool: power pellets
    flag: Ints  # (B, 2) int64, (-1, -1) where there is none
    player: Ints  # (B, 2) int64
    heading: Ints  # (B,) int64 in 1..4
    ghosts: Ints  # (B, G, 2) int64
    ghost_headings: Ints  # (B, G) int64 in 1..4
    ghost_modes: Ints  # (B, G) int64, see Mode
    homes: Ints  # (B, G, 2) int64: where a ghost begins, scatters to and returns to when eaten
    home_steps: Bytes  # (B, G, H, W) uint8: steps from each cell to the ghost's home; 0 where no pellet needs it
    fright: Ints  # (B,) int64: steps that the ghosts stay frightened
    streak: Ints  # (B,) int64: ghosts eaten since the last pellet
    clock: Ints  # (B,) int64: steps without fright; decides between scatter and chase
    score: Floats  # (B,) float64: rewards of the episode so far
    outcome: Ints  # (B,) int64, see Outcome

    def __len__(self) -> int:
        return len(self.age)

    def copy(self) -> PacManState:
        """The same games in memory of their own."""
        return PacManState(**{f.name: getattr(self, f.name).copy() for f in fields(self)})

    def take(self, rows: Ints | Bools) -> PacManState:
        """Some of the games, copied: an index array, or a mask (B,)."""
        return PacManState(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def put(self, rows: Ints | Bools, games: PacManState) -> None:
        """Overwrite some of the games, in place."""
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(games, f.name)
