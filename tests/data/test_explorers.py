"""How World Models explored: held actions, a random controller for each episode, short games dropped."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiBinary

import tests.data.toy as toy
from worldsim.data import source
from worldsim.data.cauchy import CauchyPolicy, look
from worldsim.data.chance import key
from worldsim.data.held import HeldPolicy
from worldsim.data.policies import make_policies
from worldsim.data.record import record
from worldsim.data.turn import Policy, Turn
from worldsim.errors import BadInput, WorkerDied

TOY = toy.__name__ + ":Test/Toy-v0"


def play(policy: Policy, rows: list[int], steps: int, observations: Any = None) -> np.ndarray:
    """(steps, rows) of what a policy does in episodes ``rows``."""
    keys, done, previous = np.array([key(4, row) for row in rows], np.uint64), [], np.zeros(len(rows), np.int64)
    for age in range(steps):
        previous = policy.act(Turn(observations, previous, np.full(len(rows), age), keys))
        done.append(previous)
    return np.stack(done)


def test_actions_are_held_for_one_to_k_steps_alike() -> None:
    actions = play(HeldPolicy(Discrete(1_000_000), 4), list(range(50)), 400)
    lengths = np.concatenate([np.diff(np.flatnonzero(np.diff(column, prepend=-1))) for column in actions.T])
    assert len(np.unique(actions)) > 0.99 * (len(lengths) + 50)
    shares = np.bincount(lengths, minlength=5)[1:] / len(lengths)
    assert shares == pytest.approx([0.25] * 4, abs=0.02)


def test_what_is_held_does_not_depend_on_who_plays_beside() -> None:
    whole = play(HeldPolicy(Discrete(9), 5), list(range(12)), 30)
    assert np.array_equal(play(HeldPolicy(Discrete(9), 5), [3, 11], 30), whole[:, [3, 11]])
    assert play(HeldPolicy(Box(-1.0, 1.0, (2,)), 3), [0], 5).shape == (5, 1, 2)


def test_a_cauchy_controller_stays_through_its_episode_and_is_linear() -> None:
    space, rows = Box(np.array([-1, 0, 0], np.float32), 1.0), list(range(2000))
    seen = np.random.default_rng(0).integers(0, 256, (len(rows), 32, 32, 3), np.uint8)
    policy = CauchyPolicy(space, 0.01)
    actions = play(policy, rows, 1, seen)[0]
    assert all(space.contains(action) for action in actions)
    assert np.array_equal(play(policy, rows, 2, seen)[1], actions)
    steer = np.sort(actions[:, 0])
    assert abs(np.median(steer)) < 0.1
    assert steer[100] < -0.9 < 0.9 < steer[-100]  # heavy tails
    assert (np.abs(steer) < 0.5).mean() > 0.25
    few = CauchyPolicy(space, 0.01)
    assert np.allclose(play(few, rows[5:7], 1, seen[5:7])[0], actions[5:7])
    black = play(CauchyPolicy(space, 0.01), rows[:1], 1, np.zeros((1, 32, 32, 3), np.uint8))[0, 0, 0]
    weights = policy._weights[key(4, 0)]
    assert np.arctanh(actions[0, 0]) == pytest.approx(weights[0] @ np.append(look(seen[:1])[0], 1), rel=1e-3)
    assert np.arctanh(black) == pytest.approx(weights[0, -1], rel=1e-3)


def test_a_cauchy_controller_of_choices() -> None:
    actions = play(CauchyPolicy(Discrete(3, start=1)), list(range(300)), 1, np.ones((300, 4)))[0]
    assert set(actions.tolist()) == {1, 2, 3}


@pytest.mark.parametrize(
    ("spec", "words"),
    [("held:0", "1 to K"), ("held:x", "a number after held"), ("cauchy:-1", "above 0"), ("held:1.5", "a number")],
)
def test_what_is_no_explorer(spec: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        make_policies([spec], Discrete(2), 0)
    with pytest.raises(BadInput, match="Box or Discrete"):
        make_policies(["cauchy"], MultiBinary(2), 0)


def test_short_episodes_are_dropped_and_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = record(TOY, "held:3", 30, tmp_path / "whole", num_envs=4)
    kept = record(TOY, "held:3", 20, tmp_path / "kept", num_envs=4, min_steps=15)
    expected = [i for i in range(20) if whole.lengths[i] >= 15]
    assert [episode.index for episode in kept.episodes()] == expected
    assert 0 < len(expected) < 20
    resets: list[int] = []
    reset = toy.Toy.reset

    def counted(self: toy.Toy, *, seed: int | None = None, options: Any = None) -> Any:
        resets.append(seed or 0)
        return reset(self, seed=seed, options=options)

    monkeypatch.setattr(toy.Toy, "reset", counted)
    more = record(TOY, "held:3", 30, tmp_path / "kept", num_envs=1, min_steps=15)
    assert not set(resets) & {episode.seed for episode in list(whole.episodes())[:20]}
    assert [episode.index for episode in more.episodes()] == [i for i in range(30) if whole.lengths[i] >= 15]
    assert np.array_equal(more[-1].frames, whole[more[-1].index].frames)


def test_processes_record_the_same(tmp_path: Path) -> None:
    alone = record(TOY, ["held:3", "cauchy"], 12, tmp_path / "alone", num_envs=1)
    made = record(TOY, ["held:3", "cauchy"], 12, tmp_path / "processes", processes=3)
    for one, other in zip(alone.episodes(), made.episodes(), strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.actions, other.actions)
        assert (one.seed, one.policy, one.terminated) == (other.seed, other.policy, other.terminated)


def test_a_process_that_dies_is_named_and_nothing_finished_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = source._in_processes

    def shot(makers: list[Any]) -> Any:
        venv = made(makers)
        threading.Thread(target=lambda: (time.sleep(0.5), os.kill(venv.processes[1].pid, signal.SIGKILL))).start()
        return venv

    monkeypatch.setattr(source, "_in_processes", shot)
    kwargs = {"delay": 0.003}
    with pytest.raises(WorkerDied, match=r"process 1 of 2 that play .*Toy-v0 died \(exit code -9\)"):
        record(TOY, "random", 400, tmp_path, env_kwargs=kwargs, processes=2)
    monkeypatch.undo()
    kept = record(TOY, "random", 8, tmp_path, env_kwargs=kwargs, processes=2)
    assert len(kept) >= 8
