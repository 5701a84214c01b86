"""Reality: the real game that worlds are measured against, and the truth about it where it is exposed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Discrete
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.seat import make_frames
from worldsim.checkpoint import World
from worldsim.data.turn import checked, sample, size
from worldsim.envs.pacman.env import PacManVectorEnv
from worldsim.envs.pacman.game import Game
from worldsim.envs.pacman.tiles import tile_codes
from worldsim.envs.pacman.types import MOVES, Bytes, Ints, PacManState
from worldsim.errors import BadInput
from worldsim.metrics.kinds import of_codes

Frames = NDArray[np.uint8]
SEEDS = EVALUATION_SEEDS + 500_000_000
"""Seed 0 of what is measured here: games that no training, no recording and no evaluation of agents has seen."""
SEED_STRIDE = 10_000_000
"""Between the games of two seeds of the suite."""
HOLD = 0.5
"""Probability that the player repeats an action: a random walk that gets somewhere."""


@dataclass(frozen=True)
class Reality:
    """A registered environment, as its recordings show it."""

    env_id: str
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    frames_from: str = "observation"

    def open(self, rows: int) -> VectorEnv:
        """Rows with same-step autoreset whose observations are the frames that worlds learn from."""
        return make_frames(self.env_id, rows, self.frames_from, **self.env_kwargs)


def reality_of(worlds: list[World], env_id: str | None, env_kwargs: dict[str, Any]) -> Reality:
    """The real game that all these worlds dream of, or a line that says which one does not."""
    about = worlds[0].openings.shard.about
    games = {world.openings.shard.about.env_id: world.name for world in worlds}
    if env_id is None and len(games) > 1:
        apart = " and ".join(f"{name} of {game}" for game, name in games.items())
        raise BadInput(
            f"these worlds dream of different games, {apart}; measure them one game at a time, or say --against"
        )
    same = env_id in (None, about.env_id)
    reality = Reality(env_id or about.env_id, {**(about.env_kwargs if same else {}), **env_kwargs}, about.frames_from)
    venv = reality.open(1)
    venv.close()
    shape, space = tuple(venv.single_observation_space.shape or ()), venv.single_action_space
    checked(space)
    for world in worlds:
        if tuple(world.model.config.frame_shape) != shape or world.model.action_space != space:
            raise BadInput(
                f"{world.name} dreams {_brief(world.model.config.frame_shape)} frames with actions "
                f"{world.model.action_space}, {reality.env_id} has {_brief(shape)} and {space}; give its own game"
            )
    return reality


def _brief(shape: Any) -> str:
    return "x".join(map(str, shape))


def game_of(venv: VectorEnv) -> Game | None:
    """The games behind a vector environment, if their truth is exposed and what it shows is their picture."""
    inner = venv.unwrapped
    return inner.game if isinstance(inner, PacManVectorEnv) and inner.game.pixels else None


def true_kinds(state: PacManState, view: int) -> Bytes:
    """What every cell of the view holds: (B, view, view)."""
    return of_codes(tile_codes(state, view))


def other_chance(state: PacManState, number: int = 1) -> PacManState:
    """The same games, to be continued by other random numbers."""
    out = state.copy()
    out.seed = out.seed ^ (np.uint64(number) << np.uint64(40))
    return out


class Wanderer:
    """The fixed policy of every measure: actions alike, each held with probability one half. It does not look."""

    def __init__(self, space: Space[Any], rows: int, seed: int) -> None:
        self.space, self.rng = space, np.random.default_rng(seed)
        self.last = self._fresh(rows)

    def _fresh(self, rows: int) -> NDArray[Any]:
        return sample(self.space, self.rng.random((rows, size(self.space))))

    def act(self) -> NDArray[Any]:
        """One action a row."""
        fresh = self._fresh(len(self.last))
        hold = self.rng.random(len(fresh)) < HOLD
        self.last = np.where(hold.reshape(-1, *[1] * (fresh.ndim - 1)), self.last, fresh)
        return self.last


class Careful(Wanderer):
    """The same, but it does not step next to a ghost if it can help it: its Pac-Man games last to far horizons."""

    def act_in(self, state: PacManState) -> Ints:
        """One action a game (B,)."""
        wish = self.act()
        order = self.rng.permuted(np.tile(np.arange(5), (len(wish), 1)), axis=1)  # (B, 5)
        order = np.concatenate([wish[:, None], order], 1)
        goal = state.player[:, None] + MOVES[order]  # (B, 6, 2)
        games = np.arange(len(wish))[:, None]
        goal = np.where(state.walls[games, goal[..., 0], goal[..., 1]][..., None], state.player[:, None], goal)
        near = np.abs(goal[:, :, None] - state.ghosts[:, None]).sum(-1)  # (B, 6, G)
        danger = np.where(near.shape[2] and near.min(-1, initial=9) < 2, 9 - near.min(-1, initial=9), 0)
        self.last = order[np.arange(len(wish)), danger.argmin(1)]
        return self.last


def discrete(space: Space[Any]) -> int:
    """How many actions, or 0 where they cannot be counted."""
    return int(space.n) if isinstance(space, Discrete) else 0
