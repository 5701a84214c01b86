"""Recording: play an environment in many rows at once and keep every episode.

Episode i of a recording is a function of the recording's seed and i: the environment is reset with a seed made from
both, and the policy's chance is keyed by both. So neither the number of rows nor a kill and resume changes what is
recorded (as far as the environment itself follows its seed).
"""

from __future__ import annotations

import signal
import threading
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from worldsim import space_json
from worldsim.data.chance import episode_seed, key, uniforms
from worldsim.data.policies import Act, make_policies
from worldsim.data.recording import Recording
from worldsim.data.shard import About
from worldsim.data.source import Played, Source, make_source
from worldsim.data.turn import Policy, Turn
from worldsim.data.writer import OpenEpisode, Writer
from worldsim.errors import BadInput, Stopped

_FRAMES_PER_ROW = 500  # with a number of frames wanted and rows not said: few rows, to end close to that number
Report = Callable[[int, int, int], None]
"""Told now and then: episodes done, frames done, frames made by this call."""


def record(
    env: str | VectorEnv[Any, Any, Any],
    policy: str | Act | Sequence[str | Act],
    episodes: int | None,
    out: Path | str,
    seed: int = 0,
    num_envs: int | None = None,
    *,
    frames: int | None = None,
    weights: Sequence[float] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    shard_frames: int = 8192,
    shard_seconds: float = 60.0,
    workers: int = 1,
    processes: int = 1,
    min_steps: int = 0,
    report: Report | None = None,
) -> Recording:
    """Play episodes and keep them in a folder; called again with the same arguments it makes what is missing.

    Frames are the observations where these are uint8 images (H, W, 1 or 3), and rendered pictures elsewhere.

    Args:
        env: an id of Gymnasium's registry, or a SAME_STEP vector environment with image observations. Of the latter
            the episodes' seeds are known only if it honours ``reset(seed=[...], options={"reset_mask": ...})`` and
            says so with ``metadata["reset_mask"] = True``.
        policy: "random", "sticky" (repeats its last action with probability .85), "held:K" (holds each random action
            for 1 to K steps), "cauchy:S" (a random linear controller for each episode), "sb3:PATH" (a saved
            Stable-Baselines3 model), "sb3:PATH@EPSILON" (which also acts at random with a probability drawn for each
            episode from U(0, EPSILON)), "human" (a window opens), or a function ``(observations, rng) -> actions``.
            Of several one is drawn for each episode.
        episodes: how many, together with those of an earlier call with the same seed and policy.
        out: the folder.
        seed: of the recording.
        num_envs: rows; None chooses.
        frames: instead of ``episodes``: begin episodes until so many frames are there, and finish what was begun.
        weights: of the policies, where there are several (default: alike).
        env_kwargs: for an environment given by its id.
        shard_frames: frames in a file; what a kill can lose.
        shard_seconds: a file is closed after so long, too.
        workers: threads that compress.
        processes: above 1, so many processes play, each one environment; what is recorded does not depend on it.
        min_steps: an episode with fewer steps is not kept; it counts among ``episodes``, not among ``frames``.
        report: told about progress.

    Raises:
        Stopped: on Ctrl-C, after everything that was finished has been written.
    """
    if (episodes is None) == (frames is None):
        raise BadInput("say how many --episodes or how many --frames, one of both")
    if (episodes or frames or 0) < 1:
        raise BadInput(f"expected at least one episode or frame, got {frames if episodes is None else episodes}")
    specs = [policy] if isinstance(policy, str) or callable(policy) else list(policy)
    shares = _shares(specs, weights)
    if "human" in specs:
        from worldsim.data.human import record_human  # it opens a window

        if len(specs) > 1 or not isinstance(env, str) or episodes is None:
            raise BadInput(
                'policy "human" needs an environment\'s id, --episodes, and no other policy beside it; record the '
                "others into the same folder with another call"
            )
        return record_human(env, episodes, out, seed, env_kwargs, shard_frames, report)
    if isinstance(env, str):
        most = episodes or frames or 1
        if frames is not None and num_envs is None:
            most = max(1, frames // _FRAMES_PER_ROW)
        source = make_source(env, num_envs, env_kwargs or {}, most, processes)
    else:
        env_id = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        source = Source(env, False, bool(env.metadata.get("reset_mask")), env_id, env_kwargs or {})
    try:
        players = make_policies(specs, source.action_space, seed)
        about = About(
            source.env_id,
            source.frame_shape,
            space_json.to_json(source.action_space),
            source.env_kwargs,
            "render" if source.rendered else "observation",
            seed,
            _describe(players, shares),
        )
        with (
            Writer(Path(out), about, shard_frames, shard_seconds, workers, min_steps) as writer,
            _interrupts() as interrupted,
        ):
            player = Player(source, players, shares, writer)
            wanted = _missing(writer, player, episodes, frames)
            if report is not None:
                report(len(player.finished), player.frames_done, 0)
            for made in player.play(wanted):
                if report is not None:
                    report(len(player.finished), player.frames_done, made)
                if interrupted.is_set():
                    writer.flush()
                    raise Stopped(f"stopped; {writer.kept} are in {out}; the same command goes on from there")
    finally:
        if isinstance(env, str):
            source.close()
    return Recording(out)


class Player:
    """Plays the episodes it is told to, as many at a time as the source has rows."""

    def __init__(self, source: Source, policies: list[Policy], shares: NDArray[np.float64], writer: Writer) -> None:
        self.source, self.policies, self.writer = source, policies, writer
        self._views = [source.show(policy.observation_space) for policy in policies]
        self.finished = dict(writer.done)  # index -> frames
        self.frames_done = sum(self.finished.values())
        self._seed, self._bounds = writer.about.seed, np.cumsum(shares).tolist()
        self._size = writer.about.chunk_frames
        n = source.num_envs
        self._episodes: list[OpenEpisode | None] = [None] * n
        self._buffer = np.zeros((n, self._size, *source.frame_shape), np.uint8)  # frames not yet in a chunk
        self._filled = np.zeros(n, np.int64)
        self._player = np.zeros(n, np.int64)  # which policy plays the row
        self._keys = np.zeros(n, np.uint64)
        self._ages = np.zeros(n, np.int64)  # steps played
        self._actions = np.stack([source.action_space.sample() for _ in range(n)])  # rows without an episode idle
        self._past_actions = np.zeros((n, 64, *self._actions.shape[1:]), self._actions.dtype)  # grows with the ages
        self._past_rewards = np.zeros((n, 64), np.float32)

    @property
    def frames_open(self) -> int:
        """Frames so far of the episodes under way."""
        live = [row for row, episode in enumerate(self._episodes) if episode is not None]
        return int(self._ages[live].sum()) + len(live)

    def play(self, wanted: Iterator[int]) -> Iterator[int]:
        """Play these episodes; yields after every step how many frames were made so far."""
        rows = [row for row in range(self.source.num_envs) if self._begin(row, wanted)]
        if not rows:
            return
        seeds = [episode.seed if episode is not None else 0 for episode in self._episodes]
        first = next(episode.index for episode in self._episodes if episode is not None)
        observations = self.source.reset(seeds if self.source.seeded else episode_seed(self._seed, first))
        frames = self.source.frames(observations)
        made = 0
        self._buffer[rows, 0], self._filled[rows] = frames[rows], 1
        while len(live := np.array([row for row in range(len(frames)) if self._episodes[row] is not None])):
            self._act(observations, live)
            played = self.source.step(self._actions)
            self._keep(live, played)
            made += len(live)
            over = np.flatnonzero(played.terminated | played.truncated)
            for row in over[np.isin(over, live)].tolist():
                self._finish(row, bool(played.terminated[row]), bool(played.truncated[row]))
                made += 1
                self._begin(row, wanted)
            observations = played.observations
            if len(over):
                if self.source.seeded:  # rows that have no episode any more begin, too: any will do
                    new = [episode.seed if (episode := self._episodes[row]) is not None else 0 for row in over]
                    observations = self.source.restart(over, new)
                self._buffer[over, 0], self._filled[over] = self.source.frames(observations)[over], 1
            yield made

    def _begin(self, row: int, wanted: Iterator[int]) -> bool:
        """Give a row its next episode, if there is one."""
        self._episodes[row] = None  # first, because how many are wanted depends on what is under way
        index = next(wanted, None)
        if index is None:
            return False
        episode_key = key(self._seed, index)
        lot = uniforms(np.array([episode_key], np.uint64), np.zeros(1), 1)[0, 0]
        self._player[row] = min(bisect(self._bounds, lot), len(self.policies) - 1)
        self._keys[row], self._ages[row] = episode_key, 0
        seed = episode_seed(self._seed, index) if self.source.seeded else -1
        self._episodes[row] = OpenEpisode(index, seed, self.policies[self._player[row]].name)
        return True

    def _act(self, observations: Any, live: NDArray[np.int64]) -> None:
        for number, policy in enumerate(self.policies):
            rows = live[self._player[live] == number]
            if len(rows):
                seen = None if policy.blind else self.source.seen(observations, rows, self._views[number])
                turn = Turn(seen, self._actions[rows], self._ages[rows], self._keys[rows])
                actions = policy.act(turn)
                if actions.shape != self._actions[rows].shape:
                    raise BadInput(
                        f"policy {policy.name!r} must give actions of shape {self._actions[rows].shape}, "
                        f"got {actions.shape}"
                    )
                self._actions[rows] = actions

    def _keep(self, live: NDArray[np.int64], played: Played) -> None:
        """Take one step of the live rows."""
        for row in live[self._filled[live] == self._size].tolist():
            self._close_chunk(row)
        frames = played.frames if len(live) == len(played.frames) else played.frames[live]
        self._buffer[live, self._filled[live]] = frames
        for row, frame in played.last_frames.items():
            self._buffer[row, self._filled[row]] = frame
        self._filled[live] += 1
        ages = self._ages[live]
        if ages.max() == self._past_rewards.shape[1]:
            self._past_actions = np.concatenate([self._past_actions, np.zeros_like(self._past_actions)], 1)
            self._past_rewards = np.concatenate([self._past_rewards, np.zeros_like(self._past_rewards)], 1)
        self._past_actions[live, ages] = self._actions[live]
        self._past_rewards[live, ages] = played.rewards[live]
        self._ages[live] += 1

    def _close_chunk(self, row: int) -> None:
        episode = self._episodes[row]
        assert episode is not None
        self.writer.add_chunk(episode, self._buffer[row, : self._filled[row]].copy())
        self._filled[row] = 0

    def _finish(self, row: int, terminated: bool, truncated: bool) -> None:
        episode, age = self._episodes[row], int(self._ages[row])
        assert episode is not None
        if age < self.writer.min_steps:
            self.writer.skip(episode)
            self.finished[episode.index] = 0
            return
        self._close_chunk(row)
        actions, rewards = self._past_actions[row, :age].copy(), self._past_rewards[row, :age].copy()
        self.writer.add(episode, actions, rewards, terminated, truncated)
        self.finished[episode.index] = age + 1
        self.frames_done += age + 1


def _missing(writer: Writer, player: Player, episodes: int | None, frames: int | None) -> Iterator[int]:
    """The indices of the episodes to play, in order; those of an earlier call are left out."""
    index = 0
    while index < episodes if episodes is not None else player.frames_done + player.frames_open < (frames or 0):
        if index not in writer.done:
            yield index
        index += 1


def _shares(specs: Sequence[str | Act], weights: Sequence[float] | None) -> NDArray[np.float64]:
    """Probabilities of the policies."""
    given = np.ones(len(specs)) if weights is None else np.asarray(weights, np.float64)
    if not specs or given.shape != (len(specs),) or (given < 0).any() or given.sum() <= 0:
        raise BadInput(f"expected one weight >= 0 for each of {len(specs)} policies, got {weights}")
    return given / given.sum()


def _describe(policies: list[Policy], shares: NDArray[np.float64]) -> str:
    """The mix in words: "sticky", or "0.5 random + 0.5 sticky"."""
    if len(policies) == 1:
        return policies[0].name
    return " + ".join(f"{share:.3g} {policy.name}" for policy, share in zip(policies, shares, strict=True))


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that it is met between two steps; a second one interrupts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
