"""check_vector_env: hold a vector environment to Gymnasium's SAME_STEP contract; Gymnasium has no such checker."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from worldsim.testing.requirement import require

_MEMORY = 4  # steps for which a returned array must stay as it was


class _Step(NamedTuple):
    """What one step returned, copied."""

    observations: Any
    rewards: NDArray[Any]  # (B,)
    terminated: NDArray[np.bool_]  # (B,)
    truncated: NDArray[np.bool_]  # (B,)
    final: list[Any]  # (B,) last observations of rows that ended, None elsewhere


def check_vector_env(
    env: VectorEnv[Any, Any, Any],
    make: Callable[[int], VectorEnv[Any, Any, Any]] | None = None,
    *,
    steps: int = 200,
    seed: int = 0,
    independent_rows: bool = True,
) -> None:
    """Raise AssertionError with one line on what is wrong, unless ``env`` is a well-behaved vector environment.

    Checked: spaces, dtypes, SAME_STEP autoreset declared and done (the last observation and info of finished rows,
    and of no others; the observation returned belongs to the new episode), fresh arrays from every call, the same
    trajectory from the same seed, seeds as a list, no global randomness, closing twice. Closes the environment.

    Args:
        env: the environment to check.
        make: ``make(n)`` builds one with n rows; with it, row i of seed s must equal the single row of seed s + i.
        steps: of random actions; an episode should end within them.
        seed: of the environment and the actions.
        independent_rows: fail if one row's actions change another row's future.
    """
    _check_spaces(env)
    actions = _actions(env, steps, seed)
    before = _global_randomness()
    whole = _run(env, seed, actions)
    require(
        _global_randomness() == before,
        "stepping drew from the global generator of numpy or random; most likely np.random.* in place of the "
        "environment's own np_random",
    )
    _check_endings(whole, steps)
    require(
        data_equivalence(whole, _run(env, seed, actions), exact=True),
        "the same seed and actions gave another trajectory; most likely reset(seed=...) does not seed everything, or "
        "something survives the reset",
    )
    seeds = [seed + row for row in range(env.num_envs)]
    listed = env.reset(seed=seeds)[0]  # type: ignore[arg-type]  # its annotation forgets what Gymnasium's own accept
    require(
        data_equivalence(listed, whole[0].observations, exact=True),
        f"reset(seed={seeds}) and reset(seed={seed}) began differently; row i of seed s must be seeded s + i",
    )
    env.reset()
    if independent_rows and env.num_envs > 1:
        _check_independence(env, seed, actions, whole)
    if make is not None:
        _check_single(make, env.num_envs, seed, actions, whole)
    for _ in range(2):
        env.close()


def _check_spaces(env: VectorEnv[Any, Any, Any]) -> None:
    require(isinstance(env, VectorEnv), f"expected a gymnasium.vector.VectorEnv, got {type(env).__name__}")
    mode = env.metadata.get("autoreset_mode")
    require(
        mode is AutoresetMode.SAME_STEP,
        f'metadata["autoreset_mode"] must be AutoresetMode.SAME_STEP, got {mode!r}; most likely it is missing, or '
        "the string in place of the enum's member",
    )
    for name in ("observation_space", "action_space"):
        one, many = getattr(env, f"single_{name}"), getattr(env, name)
        require(
            many == batch_space(one, env.num_envs),
            f"{name} is {many}, not batch_space(single_{name}, {env.num_envs}) = {batch_space(one, env.num_envs)}",
        )


def _actions(env: VectorEnv[Any, Any, Any], steps: int, seed: int) -> list[Any]:
    space = copy.deepcopy(env.action_space)
    space.seed(seed)
    return [space.sample() for _ in range(steps)]


def _run(env: VectorEnv[Any, Any, Any], seed: int, actions: list[Any]) -> list[_Step]:
    """A trajectory, each step checked as it comes; element 0 is the reset."""
    rows = env.num_envs
    result = env.reset(seed=seed)
    require(
        isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict),
        "reset() must return (observations, info), info a dict",
    )
    _check_observations(env, result[0], "reset")
    recent: list[tuple[Any, ...]] = [result]
    kept: list[tuple[Any, ...]] = [copy.deepcopy(result)]
    nothing = np.zeros(rows, bool)
    run = [_Step(kept[0][0], np.zeros(rows), nothing, nothing, [None] * rows)]
    for action in actions:
        given = copy.deepcopy(action)
        returned = env.step(action)
        require(data_equivalence(given, action), "step() changed the actions that it was given")
        require(len(returned) == 5, f"step() must return five things, got {len(returned)}")
        observations, rewards, terminated, truncated, info = returned
        _check_observations(env, observations, "step")
        _check_arrays(rewards, terminated, truncated, rows)
        _check_final(env, info, terminated | truncated, observations)
        for old, copied in zip(recent, kept, strict=True):
            shared = any(np.shares_memory(a, b) for a in _arrays(old) for b in _arrays(returned))
            require(
                not shared and data_equivalence(old, copied, exact=True),
                "a step wrote into arrays that an earlier call returned; most likely a buffer is returned without a "
                "copy()",
            )
        recent, kept = [*recent, returned][-_MEMORY:], [*kept, copy.deepcopy(returned)][-_MEMORY:]
        seen, rewards, terminated, truncated, info = kept[-1]
        run.append(_Step(seen, rewards, terminated, truncated, list(info.get("final_obs", [None] * rows))))
    return run


def _check_observations(env: VectorEnv[Any, Any, Any], observations: Any, verb: str) -> None:
    if env.observation_space.contains(observations):
        return
    got = ", ".join(f"{a.shape} {a.dtype} in [{a.min()}, {a.max()}]" for a in _arrays(observations) if a.size)
    raise AssertionError(
        f"{verb}() returned observations outside {env.observation_space}: {got or type(observations).__name__}; most "
        "likely another dtype (float64?), an unbounded value or a missing row axis"
    )


def _check_arrays(rewards: Any, terminated: Any, truncated: Any, rows: int) -> None:
    for name, value, kind in (
        ("rewards", rewards, "f"),
        ("terminated", terminated, "b"),
        ("truncated", truncated, "b"),
    ):
        got = f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        require(
            isinstance(value, np.ndarray) and value.shape == (rows,) and value.dtype.kind == kind,
            f"{name} must be a numpy array ({rows},) of {'floats' if kind == 'f' else 'bool'}, got {got}",
        )
    require(bool(np.isfinite(rewards).all()), f"rewards must be finite, got {rewards}")


def _check_final(env: VectorEnv[Any, Any, Any], info: Any, done: NDArray[np.bool_], observations: Any) -> None:
    """The last observation and info of finished rows, and of no others."""
    require(isinstance(info, dict), f"step() must return info as a dict, got {type(info).__name__}")
    rows = len(done)
    for key in ("final_obs", "final_info"):
        mask = info.get(f"_{key}")
        if not done.any() and mask is None and key not in info:
            continue
        require(
            key in info and isinstance(mask, np.ndarray) and mask.dtype == bool and np.array_equal(mask, done),
            f'info["_{key}"] must be the mask of finished rows {done.tolist()} beside info["{key}"], got '
            f"{mask.tolist() if isinstance(mask, np.ndarray) else mask!r}",
        )
    if not done.any():
        return
    final, last_info = info["final_obs"], info["final_info"]
    require(
        isinstance(final, np.ndarray) and final.dtype == object and final.shape == (rows,),
        f'info["final_obs"] must be an object array ({rows},) of single observations, got {type(final).__name__}',
    )
    require(isinstance(last_info, dict), f'info["final_info"] must be a dict, got {type(last_info).__name__}')
    for row in range(rows):
        if not done[row]:
            require(final[row] is None, f'info["final_obs"][{row}] must be None: row {row} goes on')
            continue
        require(
            env.single_observation_space.contains(final[row]),
            f'info["final_obs"][{row}] is not in single_observation_space; most likely batched, or of another dtype',
        )
        shared = any(np.shares_memory(a, b) for a in _arrays(final[row]) for b in _arrays(observations))
        require(not shared, 'info["final_obs"] shares memory with the observations; most likely it needs a copy()')


def _check_endings(run: list[_Step], steps: int) -> None:
    """Where a row ended, the observation returned is the next episode's first."""
    ended = [(step, int(row)) for step in run for row in np.flatnonzero(step.terminated | step.truncated)]
    if not ended:
        warnings.warn(
            f"no episode ended within {steps} random steps, so autoreset was not checked; raise steps, or shorten the "
            "episodes",
            stacklevel=3,
        )
        return
    stale = all(data_equivalence(_row(step.observations, row), step.final[row], exact=True) for step, row in ended)
    varied = any(not data_equivalence(step.observations, run[0].observations, exact=True) for step in run)
    require(
        not (stale and varied),
        f"at all {len(ended)} endings the observation returned was the finished episode's last one; with SAME_STEP it "
        "must be the first of the next: most likely the reset comes in the next step, or after observing",
    )


def _check_independence(env: VectorEnv[Any, Any, Any], seed: int, actions: list[Any], whole: list[_Step]) -> None:
    """Row 0 acts otherwise; the other rows must not notice."""
    others = copy.deepcopy(actions)
    for now, later in zip(others, actions[1:], strict=False):
        for one, two in zip(_arrays(now), _arrays(later), strict=True):
            one[0] = two[0]
    for number, (before, after) in enumerate(zip(whole, _run(env, seed, others), strict=True)):
        for row in range(1, env.num_envs):
            require(
                _same_row(before, row, after, row, exact=True),
                f"row {row} changed at step {number} when only row 0 acted otherwise; most likely the rows draw from "
                "one generator, or a reset of one row touches the others",
            )


def _check_single(
    make: Callable[[int], VectorEnv[Any, Any, Any]], rows: int, seed: int, actions: list[Any], whole: list[_Step]
) -> None:
    """Row i of seed s is the single row of seed s + i, floats up to rounding."""
    alone = make(1)
    for row in range(rows):
        own = [_slice(action, row) for action in actions]
        for number, (many, one) in enumerate(zip(whole, _run(alone, seed + row, own), strict=True)):
            require(
                _same_row(many, row, one, 0, exact=False),
                f"row {row} of {rows} (seed {seed}) differs at step {number} from a single row with seed {seed + row}; "
                "most likely randomness is drawn for all rows together, or the seed of row i is not seed + i",
            )
    alone.close()


def _same_row(one: _Step, i: int, other: _Step, j: int, exact: bool) -> bool:
    return all(data_equivalence(_row(a, i), _row(b, j), exact) for a, b in zip(one, other, strict=True))


def _row(value: Any, row: int) -> Any:
    """One row of batched observations."""
    return {k: _row(v, row) for k, v in value.items()} if isinstance(value, dict) else value[row]


def _slice(value: Any, row: int) -> Any:
    """One row of batched actions, as a batch of one."""
    return {k: _slice(v, row) for k, v in value.items()} if isinstance(value, dict) else value[row : row + 1].copy()


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    """All arrays inside."""
    if isinstance(value, np.ndarray):
        yield value
        if value.dtype == object:
            for entry in value:
                yield from _arrays(entry)
    elif isinstance(value, (dict, tuple, list)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _arrays(entry)


def _global_randomness() -> tuple[object, ...]:
    _, keys, position, *_ = np.random.get_state(legacy=True)  # noqa: NPY002
    return random.getstate(), np.asarray(keys).tobytes(), position
