"""Recording what a person plays: `worldsim.playing.play`, with every step kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Env

from worldsim import space_json
from worldsim.data.chance import episode_seed
from worldsim.data.recording import Recording
from worldsim.data.shard import About
from worldsim.data.source import is_image
from worldsim.data.writer import OpenEpisode, Writer
from worldsim.errors import Stopped
from worldsim.playing.play import open_environment, play
from worldsim.playing.player import Beginning, Transition, picture

POLICY = "human"


def record_human(
    env: str,
    episodes: int,
    out: Path | str,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    shard_frames: int = 8192,
    report: Callable[[int, int, int], None] | None = None,
    **options: Any,
) -> Recording:
    """Open a window and keep what is played there, until there are so many episodes or the person quits.

    An episode that the person cuts short (restart, quit) is kept as far as it went, neither terminated nor truncated.

    Args:
        env: a gymnasium id.
        episodes: how many, together with those of an earlier call with the same seed.
        out: the folder.
        seed: of the recording; it and an episode's number make the episode's seed.
        env_kwargs: for the environment.
        shard_frames: frames in a file.
        report: told after every episode: episodes done, frames done, frames made by this call.
        options: for `worldsim.playing.play.play`.
    """
    made = open_environment(env, env_kwargs=env_kwargs)
    try:
        with Writer(Path(out), _about(made, env, env_kwargs or {}, seed), shard_frames) as writer:
            recorder = HumanRecorder(writer, report)
            missing = episodes - len(writer.done)
            if missing > 0:
                try:
                    play(
                        made, seed=recorder.seeds(), episodes=missing,
                        on_reset=recorder.on_reset, on_step=recorder.on_step, **options,
                    )  # fmt: skip
                finally:
                    recorder.finish()
    finally:
        made.close()
    if not writer.kept.episodes:
        raise Stopped(f"nothing was played, so nothing is in {out}")
    return Recording(out)


class HumanRecorder:
    """Hands the steps of a `worldsim.playing.player.Player` to a `Writer`, one episode after another."""

    def __init__(self, writer: Writer, report: Callable[[int, int, int], None] | None = None) -> None:
        self._writer, self._report = writer, report
        self._from_render = writer.about.frames_from == "render"
        self._size = writer.about.chunk_frames
        self._done = dict(writer.done)  # index -> frames
        self._made = 0
        self._episode: OpenEpisode | None = None
        self._frames: list[np.ndarray] = []  # not yet in a chunk
        self._actions: list[Any] = []
        self._rewards: list[float] = []
        self._ended = (False, False)

    def seeds(self) -> Iterator[int]:
        """The seeds of the episodes that are still missing."""
        while True:
            yield episode_seed(self._writer.about.seed, self._next())

    def on_reset(self, beginning: Beginning) -> None:
        """An episode begins; the one before, if it was under way, is over."""
        self.finish()
        self._episode = OpenEpisode(self._next(), beginning.seed, POLICY)
        self._actions, self._rewards, self._ended = [], [], (False, False)
        self._frames = [self._seen(beginning)]

    def on_step(self, step: Transition) -> None:
        """A step was played."""
        assert self._episode is not None
        if len(self._frames) == self._size:
            self._close_chunk(self._episode)
        self._frames.append(self._seen(step))
        self._actions.append(step.action)
        self._rewards.append(step.reward)
        self._ended = (step.terminated, step.truncated)

    def finish(self) -> None:
        """Keep the episode under way, if anything was played."""
        episode, self._episode = self._episode, None
        if episode is None or not self._actions:
            return
        self._close_chunk(episode)
        self._done[episode.index] = len(self._actions) + 1
        self._made += len(self._actions) + 1
        actions = np.asarray(self._actions)
        self._writer.add(episode, actions, np.array(self._rewards, np.float32), *self._ended)
        if self._report is not None:
            self._report(len(self._done), sum(self._done.values()), self._made)

    def _next(self) -> int:
        """The first number that no episode has, the one under way included."""
        used = {*self._done, self._episode.index} if self._episode and self._actions else set(self._done)
        return next(index for index in range(len(used) + 1) if index not in used)

    def _seen(self, moment: Beginning | Transition) -> np.ndarray:
        return np.array(moment.frame if self._from_render else moment.observation, np.uint8)

    def _close_chunk(self, episode: OpenEpisode) -> None:
        self._writer.add_chunk(episode, np.stack(self._frames))
        self._frames = []


def _about(env: Env[Any, Any], env_id: str, env_kwargs: dict[str, Any], seed: int) -> About:
    """What `worldsim.data.record` would say of the same environment, so that both can share a folder."""
    rendered = not is_image(env.observation_space)
    if rendered:
        env.reset(seed=0)
    height, width, channels = picture(env).shape if rendered else env.observation_space.shape or ()
    return About(
        env_id,
        (height, width, channels),
        space_json.to_json(env.action_space),
        env_kwargs,
        "render" if rendered else "observation",
        seed,
        POLICY,
    )
