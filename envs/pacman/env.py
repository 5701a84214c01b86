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
    """One game."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}

    def __init__(
        self,
        task: str = "arcade",
        observation: str = "pixels",
        view: int = 7,
        board: int = 14,
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
    """B games in one call; a row that ends begins anew in the same step."""

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
        board: int = 14,
        ghosts: int | None = None,
        pellets: int | None = None,
        skin: str = "arcade",
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
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
        rewards = self.game.step(actions.astype(np.int64))
        terminated = self.game.ended
        truncated = np.zeros(self.num_envs, dtype=bool)
        if self.max_episode_steps is not None:
            truncated = self.game.state.age >= self.max_episode_steps
        done = terminated | truncated
        if not done.any():
            return self.game.observe(), rewards, terminated, truncated, self._info(~done)
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
