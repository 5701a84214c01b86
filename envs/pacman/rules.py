"""The rules: how B games begin, and what one step does to them."""

from __future__ import annotations

import numpy as np

from worldsim.envs.pacman import ghosts
from worldsim.envs.pacman.maze import mazes, steps_from
from worldsim.envs.pacman.streams import bits, episode_keys, step_keys, uniforms
from worldsim.envs.pacman.task import FLAG_DISTANCE, FRIGHT, GHOST_DISTANCE, Task
from worldsim.envs.pacman.types import MOVES, OPPOSITE, Bools, Floats, Ints, Keys, Mode, Outcome, PacManState

_PLACE_PLAYER, _PLACE_FLAG, _PLACE_GHOST, _FOOD, _PELLET, _HEADING = 20, 21, 22, 26, 27, 31  # purposes


def begin(seed: Keys, episode: Ints, task: Task) -> PacManState:
    """Fresh games, each a function of its own seed and episode number alone.

    Args:
        seed: (B,) uint64.
        episode: (B,) int64.
        task: sizes and rules.
    """
    keys = episode_keys(seed, episode)
    count, (height, width) = len(keys), task.shape
    walls = mazes(keys, task.shape)
    games = np.arange(count)
    player = _near_centre(keys, walls) if task.arcade_ghosts else draw_cell(keys, _PLACE_PLAYER, ~walls)
    flag = np.full((count, 2), -1)
    homes = np.zeros((count, task.ghosts, 2), dtype=np.int64)
    if task.arcade_ghosts:
        corners = np.array([(1, width - 2), (1, 1), (height - 2, width - 2), (height - 2, 1)])  # the arcade's corners
        homes[:] = corners[: task.ghosts]
    elif task.ghosts or task.flag_points is not None:
        steps = steps_from(player, walls, limit=FLAG_DISTANCE[1])
        if task.flag_points is not None:
            near, far = FLAG_DISTANCE
            flag = draw_cell(keys, _PLACE_FLAG, (steps >= near) & (steps <= far))
        taken = walls.copy()
        taken[games, flag[:, 0], flag[:, 1]] |= task.flag_points is not None
        for ghost in range(task.ghosts):
            homes[:, ghost] = draw_cell(keys, _PLACE_GHOST + ghost, ~taken & (steps >= GHOST_DISTANCE))
            taken[games, homes[:, ghost, 0], homes[:, ghost, 1]] = True

    food = np.zeros_like(walls)
    pellets = np.zeros_like(walls)
    if task.food_share:
        food = ~walls & (uniforms(keys, _FOOD, height * width).reshape(walls.shape) < task.food_share)
    for quarter in range(task.pellets):
        cells = draw_cell(keys, _PELLET + quarter, _free_quarter(walls, quarter, player, flag))
        pellets[games, cells[:, 0], cells[:, 1]] = True
    food &= ~pellets
    for cell in (player, flag) if task.flag_points is not None else (player,):
        food[games, cell[:, 0], cell[:, 1]] = False

    home_steps = np.zeros((count, task.ghosts, height, width), dtype=np.uint8)
    if task.pellets:
        flat = np.repeat(walls, task.ghosts, axis=0)  # (B * G, H, W)
        home_steps = steps_from(homes.reshape(-1, 2), flat).reshape(home_steps.shape)
    return PacManState(
        seed=seed,
        episode=episode,
        age=np.zeros(count, dtype=np.int64),
        walls=walls,
        food=food,
        pellets=pellets,
        flag=flag,
        player=player,
        heading=open_heading(keys, player[:, None], walls, _HEADING)[:, 0],
        ghosts=homes.copy(),
        ghost_headings=open_heading(keys, homes, walls, _HEADING + 1),
        ghost_modes=np.zeros((count, task.ghosts), dtype=np.int64),
        homes=homes,
        home_steps=home_steps,
        fright=np.zeros(count, dtype=np.int64),
        streak=np.zeros(count, dtype=np.int64),
        clock=np.zeros(count, dtype=np.int64),
        score=np.zeros(count),
        outcome=np.full(count, int(Outcome.RUNNING)),
    )


def advance(state: PacManState, actions: Ints, task: Task) -> Floats:
    """One step of every game that is running, in place.

    The player moves; a ghost on the cell where he arrives catches him or is eaten; else he eats what lies there.
    Then the ghosts move, and again catch him or are eaten. Whoever runs into a ghost is caught, so two cannot swap.

    Args:
        state: B games, changed in place.
        actions: (B,) int64 in 0..4; a move into a wall is a stay.
        task: sizes and rules.

    Returns:
        (B,) float64 rewards.
    """
    keys = step_keys(episode_keys(state.seed, state.episode), state.age)
    games = np.arange(len(state))
    running = state.outcome == Outcome.RUNNING
    goal = state.player + MOVES[actions]
    moved = running & (actions > 0) & ~state.walls[games, goal[:, 0], goal[:, 1]]
    state.player[moved] = goal[moved]
    state.heading[moved] = actions[moved]

    rewards = meet(state, task, running)
    rewards += eat(state, task)
    if task.ghosts:
        _move_ghosts(state, task, keys)
        rewards += meet(state, task, state.outcome == Outcome.RUNNING)
    state.age += running
    if task.clearing_ends:
        left = (state.food | state.pellets).reshape(len(state), -1).any(1)
        state.outcome[~left & (state.outcome == Outcome.RUNNING)] = Outcome.CLEARED
    if task.time_limit is not None:
        late = (state.age >= task.time_limit) & (state.outcome == Outcome.RUNNING)
        state.outcome[late] = Outcome.LATE
        rewards += late * task.late_points
    state.score += rewards
    return rewards


def meet(state: PacManState, task: Task, running: Bools) -> Floats:
    """Ghosts on the player's cell: the frightened ones are eaten, any other catches him. Returns (B,) rewards."""
    rewards = np.zeros(len(state))
    touching = (state.ghosts == state.player[:, None]).all(-1) & running[:, None]  # (B, G)
    if not touching.any():
        return rewards
    caught = (touching & (state.ghost_modes == Mode.NORMAL)).any(1)
    state.outcome[caught] = Outcome.CAUGHT
    rewards += caught * task.caught_points
    for ghost in range(touching.shape[1]):
        eaten = touching[:, ghost] & (state.ghost_modes[:, ghost] == Mode.FRIGHTENED) & ~caught
        points = np.array(task.ghost_points)[np.minimum(state.streak, len(task.ghost_points) - 1)]
        rewards += eaten * points
        state.streak += eaten
        state.ghost_modes[eaten, ghost] = Mode.EATEN
    return rewards


def eat(state: PacManState, task: Task) -> Floats:
    """What lies on the player's cell: food, a power pellet, the flag. Returns (B,) rewards."""
    games = np.arange(len(state))
    here = (games, state.player[:, 0], state.player[:, 1])
    free = state.outcome == Outcome.RUNNING
    food = state.food[here] & free
    state.food[here] &= ~food
    rewards = food * task.food_points
    if task.pellets:
        pellet = state.pellets[here] & free
        state.pellets[here] &= ~pellet
        rewards += pellet * task.pellet_points
        state.fright = np.where(pellet, FRIGHT + 1, state.fright)  # this step counts down once already
        state.streak[pellet] = 0
        scared = pellet[:, None] & (state.ghost_modes != Mode.EATEN)
        state.ghost_modes[scared] = Mode.FRIGHTENED
        state.ghost_headings = np.where(scared, OPPOSITE[state.ghost_headings], state.ghost_headings)
    if task.flag_points is not None:
        reached = free & (state.player == state.flag).all(1)
        state.outcome[reached] = Outcome.FLAG
        rewards += reached * task.flag_points
    return rewards


def _move_ghosts(state: PacManState, task: Task, keys: Keys) -> None:
    """Let the ghosts of the running games move, then let their moods change."""
    running = state.outcome == Outcome.RUNNING
    steps = ghosts.moves(state, task, keys) * running[:, None]
    state.ghosts += MOVES[steps]
    state.ghost_headings = np.where(steps > 0, steps, state.ghost_headings)
    scared = state.fright > 0
    if task.pellets:
        home = (state.ghosts == state.homes).all(-1) & (state.ghost_modes == Mode.EATEN)
        state.ghost_modes[home] = Mode.NORMAL
        state.fright -= scared & running
        calm = (state.fright == 0)[:, None] & (state.ghost_modes == Mode.FRIGHTENED)
        state.ghost_modes[calm] = Mode.NORMAL
    if task.arcade_ghosts:
        before = ghosts.scattering(state.clock)
        state.clock += running & ~scared
        turn = (before != ghosts.scattering(state.clock))[:, None] & (state.ghost_modes == Mode.NORMAL)
        state.ghost_headings = np.where(turn, OPPOSITE[state.ghost_headings], state.ghost_headings)


def draw_cell(keys: Keys, purpose: int, free: Bools) -> Ints:
    """(B, 2) int64: one cell of each game, drawn from those that are free, (B, H, W); any cell where none is."""
    count, height, width = free.shape
    score = bits(keys, purpose, height * width) >> np.uint64(1)
    cell = (score * free.reshape(count, -1)).argmax(1)
    return np.stack([cell // width, cell % width], -1)


def _near_centre(keys: Keys, walls: Bools) -> Ints:
    """(B, 2) int64: one of the free cells around the centre of the board."""
    row, col, reach = walls.shape[1] // 2, walls.shape[2] // 2, 2
    centre = np.zeros_like(walls)
    centre[:, row - reach : row + reach, col - reach : col + reach] = True
    return draw_cell(keys, _PLACE_PLAYER, centre & ~walls)


def _free_quarter(walls: Bools, quarter: int, player: Ints, flag: Ints) -> Bools:
    """(B, H, W) bool: cells of one quarter of the board that hold neither wall, player nor flag."""
    row, col = walls.shape[1] // 2, walls.shape[2] // 2
    free = ~walls
    free[:, slice(row, None) if quarter < 2 else slice(0, row)] = False
    free[:, :, slice(col, None) if quarter % 2 == 0 else slice(0, col)] = False
    games = np.arange(len(walls))
    free[games, player[:, 0], player[:, 1]] = False
    there = flag[:, 0] >= 0
    free[games[there], flag[there, 0], flag[there, 1]] = False
    return free


def open_heading(keys: Keys, cells: Ints, walls: Bools, purpose: int) -> Ints:
    """(B, N) int64: for each of the cells (B, N, 2) a random direction that is not blocked."""
    games = np.arange(len(walls))[:, None, None]
    around = cells[:, :, None] + MOVES[1:]
    free = ~walls[games, around[..., 0], around[..., 1]]  # (B, N, 4)
    score = bits(keys, purpose, cells.shape[1] * 4) >> np.uint64(1)
    return 1 + (score.reshape(free.shape) * free).argmax(-1)
