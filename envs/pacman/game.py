"""B games with their rules and their looks: what both environments share."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from worldsim.envs.pacman import rules
from worldsim.envs.pacman.paint import CELL, SKINS, paint
from worldsim.envs.pacman.task import make_task
from worldsim.envs.pacman.tiles import PLANES, planes_of, tile_codes
from worldsim.envs.pacman.types import Bools, Bytes, Floats, Ints, Keys, Outcome, PacManState
from worldsim.errors import BadInput


class Game:
    """Owns the state of B games. No autoreset and no Gymnasium here."""

    state: PacManState

    def __init__(
        self,
        count: int,
        task: str,
        observation: str,
        view: int,
        board: int | tuple[int, int],
        ghosts: int | None,
        pellets: int | None,
        skin: str,
    ) -> None:
        if observation not in ("pixels", "grid"):
            raise BadInput(f"expected observation 'pixels' or 'grid', got {observation!r}")
        if skin not in SKINS:
            raise BadInput(f"expected skin {' | '.join(map(repr, SKINS))}, got {skin!r}")
        if count < 1:
            raise BadInput(f"expected at least one environment, got {count}")
        self.count = count
        self.task = make_task(task, board, ghosts, pellets)
        most = 2 * max(self.task.shape)
        if view % 2 == 0 or not 3 <= view <= most:
            raise BadInput(f"expected a view of an odd number of cells, 3 to {most}, got {view}")
        self.pixels = observation == "pixels"
        self.view = view
        self.skin = skin
        if self.pixels:
            self.observation_space = spaces.Box(0, 255, (view * CELL, view * CELL, 3), np.uint8)
        else:
            self.observation_space = spaces.Box(0, 1, (view, view, len(PLANES)), np.uint8)

    def seed(self, seeds: Keys, rows: Ints | None = None) -> None:
        """Begin the first episode of each of these random streams, (B,) uint64: of all rows, or of some."""
        games = rules.begin(seeds, np.zeros(len(seeds), dtype=np.int64), self.task)
        if rows is None or len(rows) == self.count:
            self.state = games
        else:
            self.state.put(rows, games)

    def renew(self, rows: Ints) -> None:
        """Begin the next episode of some rows."""
        self.state.put(rows, rules.begin(self.state.seed[rows], self.state.episode[rows] + 1, self.task))

    def step(self, actions: Ints) -> Floats:
        """Play (B,) actions; returns (B,) rewards."""
        return rules.advance(self.state, actions, self.task)

    @property
    def ended(self) -> Bools:
        """(B,) bool: which games are over by the rules."""
        return self.state.outcome != Outcome.RUNNING

    def observe(self, rows: Ints | None = None) -> Bytes:
        """What the players of some rows, or of all, are given to see; in fresh memory."""
        state = self.state if rows is None else self.state.take(rows)
        if self.pixels:
            return paint(state, self.view, self.skin)
        return planes_of(tile_codes(state, self.view))

    def paint(self, state: PacManState | None = None) -> Bytes:
        """(B, H, W, 3) uint8 pictures of a state, or of the present one."""
        return paint(self.state if state is None else state, self.view, self.skin)

    def facts(self) -> dict[str, Floats | Ints]:
        """The light part of the truth that goes into `info`: (B,) each."""
        return {"score": self.state.score, "outcome": self.state.outcome}

    def set_state(self, state: PacManState) -> None:
        """Take over a copy of a state of as many games, boards and ghosts."""
        expected = (self.count, *self.task.shape), (self.count, self.task.ghosts)
        got = state.walls.shape, state.ghosts.shape[:2]
        if got != expected:
            raise BadInput(f"expected walls and ghosts of shape {expected}, got {got}; make the environment to fit")
        self.state = state.copy()
