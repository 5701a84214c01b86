"""A recording: a folder of shards, or one shard, read as a list of episodes."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from worldsim.data.chance import named_key
from worldsim.data.episode import Episode
from worldsim.data.shard import About as About
from worldsim.data.shard import read_shard as read_shard
from worldsim.data.shard import write_shard as write_shard
from worldsim.errors import BadInput
from worldsim.space_json import from_json


class Recording:
    """Episodes of one environment, in an order that does not depend on how the files came about.

    Episodes are sorted by the recording's seed, its policy and the episode's index, so that a recording which was
    killed and resumed reads like one made in one go. Actions and rewards are held in memory (some bytes a step),
    frames are read from disk when they are asked for. A recording that is still being made is read as it stood when
    it was opened.

    Args:
        path: a folder of shards (``*.h5``) or one shard.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.shards = [read_shard(file) for file in shard_files(self.path)]
        if not self.shards:
            raise BadInput(f"expected a recording in {self.path}, found no .h5 file; make one with `worldsim record`")
        self.about = self.shards[0].about
        for shard in self.shards[1:]:
            if shard.about.environment != self.about.environment:
                raise BadInput(
                    f"a recording holds one environment: {shard.path} is of {shard.about.environment}, "
                    f"{self.shards[0].path.name} of {self.about.environment}; keep them in separate folders"
                )
        rows = [
            (shard.about.seed, shard.about.policy, int(shard.indices[row]), number, row)
            for number, shard in enumerate(self.shards)
            for row in range(len(shard))
        ]
        self._take([(number, row) for _, _, _, number, row in sorted(rows)])

    def _take(self, rows: list[tuple[int, int]]) -> None:
        self._rows = rows
        self.lengths: NDArray[np.int64] = self._column([shard.lengths for shard in self.shards])  # (E,)
        self.seeds: NDArray[np.int64] = self._column([shard.seeds for shard in self.shards])  # (E,)

    def _column(self, per_shard: list[NDArray[Any]]) -> NDArray[Any]:
        return np.array([per_shard[number][row] for number, row in self._rows])

    @property
    def env_id(self) -> str:
        """The environment that was recorded."""
        return self.about.env_id

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """The arguments that the environment was made with."""
        return self.about.env_kwargs

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every frame."""
        return self.about.frame_shape

    @property
    def action_space(self) -> Space[Any]:
        """Of one environment."""
        return from_json(self.about.action_space)

    @property
    def policy(self) -> str:
        """Who played, as given when recording; several are joined by " + "."""
        return " + ".join(sorted({shard.about.policy for shard in self.shards}))

    @property
    def num_frames(self) -> int:
        """Frames in all: T+1 of each episode."""
        return int(self.lengths.sum()) + len(self)

    @property
    def num_steps(self) -> int:
        """Transitions in all."""
        return int(self.lengths.sum())

    @property
    def num_bytes(self) -> int:
        """Size on disk."""
        return sum(shard.path.stat().st_size for shard in self.shards)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> Episode:
        number, row = self._rows[i]
        return self.shards[number].episode(row)

    def episodes(self) -> Iterator[Episode]:
        """All episodes, one in memory at a time."""
        for i in range(len(self)):
            yield self[i]

    def locate(self, i: int) -> tuple[int, int]:
        """Where episode ``i`` lies: number of the shard, and row in it."""
        return self._rows[i]

    def split(self, share: float, seed: int = 0) -> tuple[Recording, Recording]:
        """Two recordings of its episodes: one to learn from, and one with about so large a share of them to test on.

        Which episodes these are depends on the seed and on each episode's own place in its recording, so one that is
        for testing stays so when the recording grows.
        """
        parts: tuple[list[tuple[int, int]], ...] = ([], [])
        for number, row in self._rows:
            shard = self.shards[number]
            drawn = named_key(seed, shard.about.seed, shard.about.policy, int(shard.indices[row])) / 2**63
            parts[drawn < share].append((number, row))
        views = copy(self), copy(self)
        for view, rows in zip(views, parts, strict=True):
            view._take(rows)
        return views

    def __repr__(self) -> str:
        return (
            f"Recording({str(self.path)!r}: {self.env_id}, {len(self):,} episodes, {self.num_frames:,} frames of "
            f"{'x'.join(map(str, self.frame_shape))}, played by {self.policy or 'unknown'})"
        )


def shard_files(path: Path) -> list[Path]:
    """The shards at ``path``: itself, or the files of a folder, sorted by name; hidden ones are unfinished."""
    if path.is_file():
        return [path]
    if not path.exists():
        raise BadInput(f"expected a recording at {path}, found nothing there; make one with `worldsim record`")
    return sorted(file for file in path.glob("*.h5") if not file.name.startswith("."))
