"""``worldsim record``: play any Gymnasium environment and keep the episodes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction

from worldsim.env_kwargs import parse_kwargs


@dataclass(frozen=True)
class Record:
    """Play any Gymnasium environment and keep the episodes, frame by frame and without loss.

    Frames are the observations where these are uint8 images, and rendered pictures elsewhere. Episode i depends on
    --seed and i alone, so the same command run again makes what is missing: after Ctrl-C (finished episodes are
    kept), after a kill (the open file, at most a minute of play, is lost), or with a larger --episodes. With another
    --seed or --policy it adds to what is there, also at the same time from another process.
    """

    env: Positional[str]
    """Id of the environment, e.g. WorldSim/PacManFlag-v0, CarRacing-v3 or "module:Namespace/Name-v0"."""
    out: Path
    """Folder of the recording."""
    policy: Annotated[tuple[str, ...], UseAppendAction] = ()
    """Who plays: random; sticky (repeats its last action with probability .85); held:10 (holds each random action for
    1 to 10 steps); cauchy:0.01 (a random linear controller for each episode); sb3:PATH (a saved
    Stable-Baselines3 model); sb3:PATH@0.6 (the same, and in each episode a share of its actions, drawn from
    U(0, 0.6), is random); agent:FOLDER or agent:FOLDER@0.6 (one that learned in a dream, through its world);
    agent:FOLDER@0.3~0.6 (its actions, real numbers, are also shifted, by up to 0.6 of half their range, for 50 steps at
    a time); human (you, in a window). Default: random. Give the option several times to have one of them drawn for
    each episode."""
    weights: tuple[float, ...] | None = None
    """How often each of several policies is drawn, one number each (default: alike)."""
    episodes: int | None = None
    """Episodes in all, together with those of an earlier run of this command (default: 100)."""
    frames: int | None = None
    """Instead of --episodes: begin episodes until so many frames are there, and finish what was begun."""
    seed: int = 0
    """Of the recording."""
    num_envs: int | None = None
    """Rows that are played side by side; what is recorded does not depend on it (default: 256, or 8 where single
    environments are stepped in turn)."""
    env_kwargs: str = "{}"
    """Arguments for the environment as JSON, e.g. '{"ghosts": 2, "max_episode_steps": 200}'."""
    workers: int = 1
    """Threads that compress frames."""
    processes: int = 1
    """Above 1, so many processes play, each one environment (for games that are slow, such as WorldSim/TakeCover-v0);
    what is recorded does not depend on it."""
    min_steps: int = 0
    """Do not keep episodes with fewer steps; they count among --episodes, not among --frames."""
    shard_frames: int = 8192
    """Frames in one file."""

    def run(self) -> None:
        """Record, with a progress bar, and say what to do next."""
        from gymnasium.spaces import Discrete

        from worldsim.agents.progress import RecordBar
        from worldsim.data.record import record

        episodes = 100 if self.episodes is None and self.frames is None else self.episodes
        began = time.monotonic()
        with RecordBar("record", episodes, self.frames) as bar:
            recording = record(
                self.env,
                self.policy or "random",
                episodes,
                self.out,
                self.seed,
                self.num_envs,
                frames=self.frames,
                weights=self.weights,
                env_kwargs=parse_kwargs(self.env_kwargs),
                shard_frames=self.shard_frames,
                workers=self.workers,
                processes=self.processes,
                min_steps=self.min_steps,
                report=bar.report,
            )
        rate = bar.made / max(time.monotonic() - began, 1e-9)
        print(
            f"{self.out}: {len(recording):,} episodes, {recording.num_frames:,} frames of "
            f"{'x'.join(map(str, recording.frame_shape))} from {recording.about.frames_from}, "
            f"{recording.num_bytes / 1e6:,.1f} MB ({recording.num_bytes / recording.num_frames:,.0f} bytes a frame); "
            f"{bar.made:,} new frames at {rate:,.0f} frames/s"
        )
        # Buttons mostly move things on a grid, throttles hardly ever do.
        kind = "spatial" if isinstance(recording.action_space, Discrete) else "vision-memory"
        print(f"next: worldsim train {kind} {self.out} --out runs/{self.out.name}")
