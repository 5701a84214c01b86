"""WorldSim/PacManGraph-v0: the same game, shown as a graph or as planes over the whole board."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from worldsim.envs.pacman import nodes
from worldsim.envs.pacman.anywhere import begin_anywhere
from worldsim.envs.pacman.env import KEYS, PacManVectorEnv
from worldsim.envs.pacman.paint import CELL, paint
from worldsim.envs.pacman.planes import PLANES, board_planes, with_ways_home
from worldsim.envs.pacman.types import Bytes, Ints, PacManState
from worldsim.errors import BadInput

Info = dict[str, Any]


class PacManGraphVectorEnv(VectorEnv[Any, Ints, Any]):
    """B games of `PacManGraphEnv` in one call; same-step autoreset, rows as in `PacManVectorEnv`.

    Args:
        num_envs: B.
        task: "arcade", "flag" or "maze".
        rows: of the board, 8 to 40.
        cols: of the board, 8 to 40.
        ghosts: 0 to 4; None takes the task's own number.
        pellets: power pellets, 0 to 4; None takes the task's own number.
        observation: "graph" or "board".
        nodes: V, to which graphs are padded; None takes the most that such a board can have.
        pad: rows and columns of the planes, larger than the board; None for the board's own.
        anywhere: begin in the midst of a game, see `worldsim.envs.pacman.anywhere`.
        render_mode: "rgb_array" or None.
        max_episode_steps: where a row is truncated; None never.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["rgb_array"],
        "render_fps": 8,
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "reset_mask": True,
        "frames": "observation",  # what is recorded, though planes are no picture
    }

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "arcade",
        rows: int = 14,
        cols: int = 14,
        ghosts: int | None = None,
        pellets: int | None = None,
        observation: str = "graph",
        nodes: int | None = None,
        pad: tuple[int, int] | None = None,
        anywhere: bool = False,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        if observation not in ("graph", "board"):
            raise BadInput(f"expected observation 'graph' or 'board', got {observation!r}")
        self._games = PacManVectorEnv(
            num_envs, task, "grid", 3, (rows, cols), ghosts, pellets, max_episode_steps=max_episode_steps
        )
        self.game, self.num_envs, self.render_mode = self._games.game, num_envs, render_mode
        self.shape = (rows, cols) if pad is None else (int(pad[0]), int(pad[1]))
        if self.shape[0] < rows or self.shape[1] < cols:
            raise BadInput(f"expected pad of at least the board's {(rows, cols)}, got {self.shape}")
        self.observation, self.anywhere = observation, anywhere
        self.nodes = _checked_nodes(nodes, (rows, cols))
        self.single_observation_space = _space(observation, self.nodes, self.shape)
        self.single_action_space = self._games.single_action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = self._games.action_space

    def reset(self, *, seed: int | list[int] | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Begin every row, or with ``options={"reset_mask": mask}`` some of them."""
        _, info = self._games.reset(seed=seed, options=options)
        mask = (options or {}).get("reset_mask")
        self._begun(np.arange(self.num_envs) if mask is None else np.flatnonzero(mask))
        return self._shown(self.state), info

    def step(self, actions: Ints) -> tuple[Any, Any, Any, Any, Info]:
        """Play one action in every row; `info["final_obs"]` holds the last observation of rows that ended."""
        last = _Last(self._games)
        _, rewards, terminated, truncated, info = self._games.step(actions)
        if "final_obs" in info:
            rows = np.flatnonzero(info["_final_obs"])
            final = self._shown(last.state(actions, rows))
            for at, row in enumerate(rows):
                info["final_obs"][row] = _row(final, at)
            self._begun(rows)
        return self._shown(self.game.state), rewards, terminated, truncated, info

    def render(self) -> tuple[Bytes, ...] | None:
        """A picture of every whole board."""
        return tuple(paint(self.game.state, None)) if self.render_mode == "rgb_array" else None

    @property
    def state(self) -> PacManState:
        """The truth about all rows, a copy."""
        return self.game.state.copy()

    def set_state(self, state: PacManState) -> Any:
        """Go on from another state of as many games; returns its observations."""
        self._games.set_state(with_ways_home(state))
        return self._shown(self.game.state)

    def _begun(self, rows: Ints) -> None:
        games = self.game.state.take(rows)
        if self.anywhere:
            games = begin_anywhere(games, self.game.task)
        self.game.state.put(rows, with_ways_home(games))

    def _shown(self, state: PacManState) -> Any:
        if self.observation == "board":
            return board_planes(state, self.shape)
        graph = nodes.to_nodes(~state.walls, nodes.node_features(state), self.nodes)
        return {"x": graph.x, "mask": graph.mask.astype(np.int8), "edges": graph.edges}


class _Last:
    """The states in which rows end: the vector environment has begun them anew when it returns."""

    def __init__(self, games: PacManVectorEnv) -> None:
        self._before, self._task = games.game.state.copy(), games.game.task

    def state(self, actions: Ints, rows: Ints) -> PacManState:
        """The rows after these actions; a game's chance is part of its state, so it ends the same way again."""
        from worldsim.envs.pacman.rules import advance

        state = self._before.take(rows)
        advance(state, np.asarray(actions, dtype=np.int64)[rows], self._task)
        return state


class PacManGraphEnv(gym.Env[Any, np.int64]):
    """The game of `WorldSim/PacMan-v0` with nothing hidden: the whole board, as a graph or as planes.

    ## Description

    Rules, tasks, actions, rewards and episode ends are those of `PacManEnv`. The board may have any size from 8 to 40
    rows and columns, and the player sees all of it.

    ## Observation Space

    - `observation="graph"`: a `Dict` for one graph padded to V nodes: `x` (V, F) float32, the features named by
      `worldsim.envs.pacman.nodes.FEATURES`; `mask` (V,) int8, 1 where there is a node; `edges` (V, 4) int64, the node
      to the left, right, up and down of each, or V where there is none. Stable-Baselines3 takes it as it is.
    - `observation="board"`: `Box(0, 255, (rows, cols, 18), uint8)`: the planes of `worldsim.envs.pacman.planes`. They
      tell all that decides how the game goes on, but for its random numbers.

    Takes the arguments of `PacManGraphVectorEnv`, of which it is the batch of one.

    ## Version History

    - v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8, "frames": "observation"}

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        self._batch = PacManGraphVectorEnv(1, render_mode=render_mode, **arguments)
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self.render_mode = render_mode
        self._begun = False

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Any, Info]:
        """Begin an episode: of a new random stream if a seed is given, else the next one of the same stream."""
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = int(self.np_random.integers(2**62))
        self._begun = True
        observation, _ = self._batch.reset(seed=seed)
        return _row(observation, 0), self._info()

    def step(self, action: np.int64 | int) -> tuple[Any, float, bool, bool, Info]:
        """Play one action."""
        if not self.action_space.contains(action):
            raise BadInput(f"expected an action in 0..4 (stay, left, right, up, down), got {action!r}")
        game = self._batch.game
        rewards = game.step(np.array([action], dtype=np.int64))
        return _row(self._batch._shown(game.state), 0), float(rewards[0]), bool(game.ended[0]), False, self._info()

    def render(self) -> Bytes | None:
        """The whole board."""
        return paint(self._batch.game.state, None)[0] if self.render_mode == "rgb_array" else None

    @property
    def state(self) -> PacManState:
        """The truth, a copy: a batch of one."""
        return self._batch.state

    def set_state(self, state: PacManState) -> Any:
        """Go on from another state, a batch of one; returns its observation."""
        self._begun = True
        return _row(self._batch.set_state(state), 0)

    def get_keys_to_action(self) -> dict[tuple[str, ...], int]:
        """Letter keys for a person; the empty chord is to stay."""
        return dict(KEYS)

    def _info(self) -> Info:
        return {key: values[0] for key, values in self._batch.game.facts().items()}


def picture_shape(board: tuple[int, int]) -> tuple[int, int, int]:
    """(H, W, 3) of a painted board."""
    return board[0] * CELL, board[1] * CELL, 3


def _checked_nodes(wanted: int | None, shape: tuple[int, int]) -> int:
    most = nodes.most_nodes(shape)
    if wanted is not None and wanted < most:
        raise BadInput(f"a board of {shape[0]} x {shape[1]} cells may have {most} nodes, got nodes={wanted}")
    return most if wanted is None else wanted


def _space(observation: str, count: int, shape: tuple[int, int]) -> spaces.Space[Any]:
    if observation == "board":
        return spaces.Box(0, 255, (*shape, len(PLANES)), np.uint8)
    return spaces.Dict(
        {
            "x": spaces.Box(0, 4, (count, len(nodes.FEATURES)), np.float32),
            "mask": spaces.Box(0, 1, (count,), np.int8),
            "edges": spaces.Box(0, count, (count, nodes.SIDES), np.int64),
        }
    )


def _row(observation: Any, row: int) -> Any:
    if isinstance(observation, dict):
        return {key: value[row].copy() for key, value in observation.items()}
    return observation[row].copy()
