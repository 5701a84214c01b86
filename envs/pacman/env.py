"""Pac-Man as Gymnasium environments: one game, or B games in one call."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from worldsim.envs.pacman.game import Game
from worldsim.envs.pacman.streams import row_seeds
from worldsim.envs.pacman.types import Action, Bools, Bytes, Floats, Ints, PacManState
from worldsim.errors import BadInput

Info = dict[str, Any]


class PacManEnv(gym.Env[Bytes, np.int64]):
    """Pac-Man on a random board that the player sees through a window around himself.

    ## Description

    Every episode has a new maze of 14 x 14 cells, its border of walls included: connected, without dead ends, with
    corridors one cell wide. The player and the ghosts move by whole cells. The player sees 7 x 7 cells with himself
    in the middle; what lies outside the board is black. Three tasks share these rules:

    - `WorldSim/PacMan-v0` (`task="arcade"`): the rules of the arcade game on a smaller board, with one life.
    - `WorldSim/PacManFlag-v0` (`task="flag"`): the task of GameGAN's Table 1 (Kim et al. 2020, arXiv:2005.12126):
      eat, reach the flag, stay away from the ghosts, within 40 steps. The published text leaves the share of food,
      the ghosts' pace and the distances open; they were set here so that a random player scores about what the
      paper reports for its own, -0.2.
    - `WorldSim/PacManMaze-v0` (`task="maze"`): walls only, to test whether a world that is left and entered again
      is still the same.

    In one step the player moves first. A ghost on the cell where he arrives catches him, or is eaten; otherwise he
    eats what lies there. Then the ghosts move, and may catch him or be eaten. A player who walks into a ghost is
    caught, so they cannot swap cells.

    Arcade ghosts go, cell by cell, where the bird's-eye distance to their target is least, without turning back.
    Blinky's target is the player, Pinky's the cell 2 ahead of him, Inky's the point as far beyond the cell 1 ahead
    of him as Blinky is before it, Clyde's the player from more than 4 cells away and his own corner from nearer.
    Phases change with turning back: scatter to the own corner for 20 steps, chase 60, scatter 20, chase 60,
    scatter 15, chase 60, scatter 15, then chase. Ghosts rest on every 8th step. A power pellet frightens them for
    30 steps (in the last 8 they turn pale): they turn back, wander, and move on every 2nd step; meanwhile the phases
    stand still. An eaten ghost is a pair of eyes until it is back in its corner.

    Ghosts of the flag task move 1 cell in every step: with probability 0.6 to the cell nearest to the player,
    otherwise at random without turning back.

    ## Action Space

    `Discrete(5)`: 0 stay, 1 left, 2 right, 3 up, 4 down. A move into a wall is a stay.

    ## Observation Space

    - `observation="pixels"`: `Box(0, 255, (84, 84, 3), uint8)`, 12 x 12 pixels a cell.
    - `observation="grid"`: `Box(0, 1, (7, 7, 22), uint8)`, the same content in symbols: what
      `worldsim.envs.pacman.tiles.PLANES` names, 1 where it is true of the cell. A player or ghost hides what lies
      under it, as in the picture.

    `info` holds `score`, the sum of rewards, and `outcome` (0 running, 1 caught, 2 flag, 3 late, 4 cleared).
    `state` is the whole truth, and `set_state` goes on from any such truth.

    ## Rewards

    | | arcade | flag | maze |
    |---|---|---|---|
    | food | 10 | 0.5 | |
    | power pellet | 50 | 0.5 | |
    | 1st to 4th ghost eaten after one pellet | 200, 400, 800, 1600 | 0 | |
    | flag | | 1 | |
    | caught | 0 | -1 | |
    | 40th step | | -1 | |

    ## Starting State

    Arcade: food on every free cell, 4 power pellets, one in each quarter, 4 ghosts in the corners, the player on one of
    the 4 x 4 cells in the middle. Flag: food on half of the free cells, no pellets, the flag 4 to 24 steps from the
    player, 3 ghosts at least 5 steps from him. Maze: the player.

    ## Episode End

    Terminated: caught; flag reached; the 40th step of the flag task, which is part of the task and therefore no
    truncation; all food and pellets eaten in the arcade task. Truncated: after 500 steps of `WorldSim/PacMan-v0`, or
    200 of `WorldSim/PacManMaze-v0`.

    Args:
        task: "arcade", "flag" or "maze".
        observation: "pixels" or "grid".
        view: cells along a side of the window; an odd number.
        board: cells along a side of the board, 8 to 40. Or a pair of them: rows and columns.
        ghosts: 0 to 4; None takes the task's own number.
        pellets: power pellets, 0 to 4; None takes the task's own number.
        skin: "arcade", or "plain" for one flat colour a thing.
        render_mode: "rgb_array" or None.

    ## Version History

    - v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}

    def __init__(
        self,
        task: str = "arcade",
        observation: str = "pixels",
        view: int = 7,
        board: int | tuple[int, int] = 14,
        ghosts: int | None = None,
        pellets: int | None = None,
        skin: str = "arcade",
        render_mode: str | None = None,
    ) -> None:
        self.game = Game(1, task, observation, view, board, ghosts, pellets, skin)
        self.observation_space = self.game.observation_space
        self.action_space = spaces.Discrete(len(Action))
        self.render_mode = render_mode
        self._begun = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Bytes, Info]:
        """Begin an episode: of a new random stream if a seed is given, else the next one of the same stream."""
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = int(self.np_random.integers(2**62))
        self._begun = True
        if seed is None:
            self.game.renew(np.array([0]))
        else:
            self.game.seed(row_seeds(seed, 1))
        return self.game.observe()[0], self._info()

    def step(self, action: np.int64 | int) -> tuple[Bytes, float, bool, bool, Info]:
        """Play one action."""
        if not self.action_space.contains(action):
            raise BadInput(f"expected an action in 0..4 (stay, left, right, up, down), got {action!r}")
        rewards = self.game.step(np.array([action], dtype=np.int64))
        return self.game.observe()[0], float(rewards[0]), bool(self.game.ended[0]), False, self._info()

    def render(self) -> Bytes | None:
        """What the player sees, as a picture, also where the observation is a grid."""
        return self.game.paint()[0] if self.render_mode == "rgb_array" else None

    @property
    def state(self) -> PacManState:
        """The truth, a copy: a batch of one."""
        return self.game.state.copy()

    def set_state(self, state: PacManState) -> Bytes:
        """Go on from another state, a batch of one; returns its observation."""
        self.game.set_state(state)
        self._begun = True
        return self.game.observe()[0]

    def paint(self, state: PacManState | None = None) -> Bytes:
        """(B, H, W, 3) uint8 pictures of any state, or (1, H, W, 3) of the present one."""
        return self.game.paint(state)

    def get_keys_to_action(self) -> dict[tuple[str, ...], int]:
        """Letter keys for a person; the empty chord is to stay."""
        return dict(KEYS)

    def _info(self) -> Info:
        return {key: values[0] for key, values in self.game.facts().items()}


class PacManVectorEnv(VectorEnv[Bytes, Ints, Any]):
    """B games of `PacManEnv` in one call; a row that ends begins anew in the same step, if not told to wait.

    Row i of `reset(seed=s)` is bit for bit the single environment reset with seed s + i, whatever the other rows do.
    Takes the arguments of `PacManEnv`, and:

    Args:
        num_envs: B.
        max_episode_steps: where a row is truncated; None never.
        autoreset_mode: SAME_STEP; or DISABLED, then rows that ended wait for a reset with a "reset_mask".
    """

    metadata: dict[str, Any] = {
        **PacManEnv.metadata,
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "reset_mask": True,  # what worldsim.data.record asks for
    }

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "arcade",
        observation: str = "pixels",
        view: int = 7,
        board: int | tuple[int, int] = 14,
        ghosts: int | None = None,
        pellets: int | None = None,
        skin: str = "arcade",
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
    ) -> None:
        if autoreset_mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
            raise BadInput(f"expected AutoresetMode.SAME_STEP or DISABLED, got {autoreset_mode}")
        self.metadata = {**self.metadata, "autoreset_mode": autoreset_mode}
        self.num_envs = num_envs
        self.game = Game(num_envs, task, observation, view, board, ghosts, pellets, skin)
        self.single_observation_space = self.game.observation_space
        self.single_action_space = spaces.Discrete(len(Action))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = render_mode
        self.max_episode_steps = max_episode_steps
        self._begun = False

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Bytes, Info]:
        """Begin an episode in every row; row i takes seed + i, or the i-th seed of a list.

        With ``options={"reset_mask": (num_envs,) bool}`` only those rows begin, and the others stay as they are.
        """
        super().reset(seed=seed[0] if isinstance(seed, list) else seed)
        mask = (options or {}).get("reset_mask")
        rows = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        if seed is None and not self._begun:
            seed = int(self.np_random.integers(2**62))
        self._begun = True
        if seed is None:
            self.game.renew(rows)
        elif isinstance(seed, list):
            if len(seed) != self.num_envs:
                raise BadInput(f"expected {self.num_envs} seeds, one for each row, got {len(seed)}")
            self.game.seed(np.concatenate([row_seeds(seed[row], 1) for row in rows]), rows)
        else:
            self.game.seed(row_seeds(seed, self.num_envs)[rows], rows)
        return self.game.observe(), self._info(np.ones(self.num_envs, dtype=bool))

    def step(self, actions: Ints) -> tuple[Bytes, Floats, Bools, Bools, Info]:
        """Play one action in every row; `info["final_obs"]` holds the last observation of rows that ended."""
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu" or np.any((actions < 0) | (actions > 4)):
            raise BadInput(
                f"expected actions as ({self.num_envs},) integers in 0..4, got {actions.shape} {actions.dtype}; "
                "sample them from env.action_space"
            )
        waits = self.metadata["autoreset_mode"] == AutoresetMode.DISABLED
        if waits and (self.game.ended | self._late).any():
            over = np.flatnonzero(self.game.ended | self._late).tolist()
            raise BadInput(f'rows {over} have ended; reset them first, with options={{"reset_mask": mask}}')
        rewards = self.game.step(actions.astype(np.int64))
        terminated, truncated = self.game.ended, self._late
        done = terminated | truncated
        if waits or not done.any():
            every = np.ones(self.num_envs, dtype=bool)
            return self.game.observe(), rewards, terminated, truncated, self._info(every)
        rows = np.flatnonzero(done)
        final_obs = np.full(self.num_envs, None, dtype=object)
        for row, frame in zip(rows, self.game.observe(rows), strict=True):
            final_obs[row] = frame.copy()  # its own memory: a view would keep the frames of all other rows
        final_info = self._info(done)
        self.game.renew(rows)
        info = self._info(np.ones(self.num_envs, dtype=bool))
        info |= {"final_obs": final_obs, "_final_obs": done, "final_info": final_info, "_final_info": done.copy()}
        return self.game.observe(), rewards, terminated, truncated, info

    def render(self) -> tuple[Bytes, ...] | None:
        """One picture for each row."""
        return tuple(self.game.paint()) if self.render_mode == "rgb_array" else None

    @property
    def state(self) -> PacManState:
        """The truth about all rows, a copy."""
        return self.game.state.copy()

    def set_state(self, state: PacManState) -> Bytes:
        """Go on from another state of as many games; returns its observations."""
        self.game.set_state(state)
        self._begun = True
        return self.game.observe()

    def paint(self, state: PacManState | None = None) -> Bytes:
        """(B, H, W, 3) uint8 pictures of any state, or of the present one."""
        return self.game.paint(state)

    @property
    def _late(self) -> Bools:
        """(B,) bool: which rows have played as many steps as they may."""
        if self.max_episode_steps is None:
            return np.zeros(self.num_envs, dtype=bool)
        return self.game.state.age >= self.max_episode_steps

    def _info(self, rows: Bools) -> Info:
        """Facts in Gymnasium's form: values of the rows named, zero elsewhere, and a mask for each key."""
        info: Info = {}
        for key, values in self.game.facts().items():
            info[key] = np.where(rows, values, values.dtype.type(0))
            info[f"_{key}"] = rows.copy()
        return info


KEYS: dict[tuple[str, ...], int] = {
    (): Action.STAY,
    ("a",): Action.LEFT,
    ("d",): Action.RIGHT,
    ("w",): Action.UP,
    ("s",): Action.DOWN,
}
