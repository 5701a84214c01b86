"""The three tasks: what lies on the board, what it is worth and what ends an episode. Every number of the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from worldsim.envs.pacman.maze import MAX_BOARD, MIN_BOARD
from worldsim.errors import BadInput

MAX_GHOSTS = 4


@dataclass(frozen=True)
class Task:
    """One kind of game. Rewards are in the task's own unit."""

    board: int = 14
    """Rows, and columns where these do not differ; the border of walls included."""
    columns: int | None = None
    """Columns, where they differ from the rows."""
    ghosts: int = 0
    pellets: int = 0
    """Power pellets on the board."""
    food_share: float = 0.0
    """Probability that a free cell holds food."""
    food_points: float = 0.0
    pellet_points: float = 0.0
    ghost_points: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """For the first, second, third and fourth ghost eaten after one pellet."""
    caught_points: float = 0.0
    flag_points: float | None = None
    """None: there is no flag."""
    time_limit: int | None = None
    """The episode ends at this step."""
    late_points: float = 0.0
    """Reward at the time limit."""
    clearing_ends: bool = False
    """Whether the episode ends when all food and pellets are eaten."""
    arcade_ghosts: bool = False
    """Four characters with their own targets and phases, or all of them after the player with CHASE_CHANCE."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the board."""
        return self.board, self.board if self.columns is None else self.columns


TASKS: dict[str, Task] = {
    "arcade": Task(
        ghosts=4,
        pellets=4,
        food_share=1.0,
        food_points=10.0,
        pellet_points=50.0,
        ghost_points=(200.0, 400.0, 800.0, 1600.0),
        clearing_ends=True,
        arcade_ghosts=True,
    ),
    "flag": Task(
        ghosts=3,
        food_share=0.5,
        food_points=0.5,
        pellet_points=0.5,
        caught_points=-1.0,
        flag_points=1.0,
        time_limit=40,
        late_points=-1.0,
    ),
    "maze": Task(),
}
"""The tasks by the name that an environment takes."""

# Distances in steps at the beginning of an episode.
GHOST_DISTANCE = 5  # flag task: no ghost begins nearer to the player
FLAG_DISTANCE = (4, 24)  # flag task: nearest and farthest place of the flag

# The pace of the ghosts.
CHASE_CHANCE = 0.6  # flag task: how often a ghost takes the move that brings it nearest to the player
GHOST_REST = 8  # arcade: a ghost stands still on every eighth step, so that the player is a little faster
FRIGHTENED_PACE = 2  # a frightened ghost moves on every second step

# Phases, in steps. The arcade's seconds (7, 20, 7, 20, 5, 20, 5, then chase for ever) at about 3 steps a second:
# the board has a quarter of the arcade's cells.
PHASES = (20, 60, 20, 60, 15, 60, 15)  # scatter, chase, scatter, ...
FRIGHT = 30  # steps that a power pellet lasts
FRIGHT_ENDING = 8  # the last steps of it, when the ghosts look different

# Targets, in cells. The arcade has 4, 2 and 8 on a board twice as wide.
PINKY_AHEAD = 2
INKY_AHEAD = 1
CLYDE_SHY = 4


def make_task(
    name: str, board: int | tuple[int, int] = 14, ghosts: int | None = None, pellets: int | None = None
) -> Task:
    """A task by name, with the sizes that the user may choose.

    Raises:
        BadInput: an unknown name, or a size out of range.
    """
    if name not in TASKS:
        raise BadInput(f"expected task {' | '.join(map(repr, TASKS))}, got {name!r}")
    task = TASKS[name]
    ghosts = task.ghosts if ghosts is None else ghosts
    pellets = task.pellets if pellets is None else pellets
    shape = (board, board) if isinstance(board, int) else tuple(board)
    if len(shape) != 2 or not all(MIN_BOARD <= side <= MAX_BOARD for side in shape):
        raise BadInput(f"expected a board of {MIN_BOARD} to {MAX_BOARD} cells a side, got {board}; the default is 14")
    if not 0 <= ghosts <= MAX_GHOSTS:
        raise BadInput(f"expected 0 to {MAX_GHOSTS} ghosts, got {ghosts}; the default here is {task.ghosts}")
    if not 0 <= pellets <= 4:
        raise BadInput(f"expected 0 to 4 power pellets (one in each quarter), got {pellets}; default {task.pellets}")
    return replace(task, board=shape[0], columns=shape[1], ghosts=ghosts, pellets=pellets)
