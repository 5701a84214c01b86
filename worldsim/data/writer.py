"""Writes a recording while it is being made: compresses in threads, closes shards, keeps two recorders apart."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldsim.data.recording import shard_files
from worldsim.data.shard import About, Packed, compress, read_shard, write_shard
from worldsim.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows: no lock, and the random names of shards still keep recorders apart
    fcntl = None  # type: ignore[assignment]

_PENDING = 64  # chunks that may wait for a compressing thread before the recorder waits for it


class Kept(NamedTuple):
    """What lies in a folder."""

    episodes: int
    frames: int
    bytes: int

    def __str__(self) -> str:
        size = f"{self.bytes / 1e6:.1f} MB" if self.bytes >= 1e5 else f"{self.bytes / 1e3:.1f} kB"
        return f"{self.episodes:,} episodes, {self.frames:,} frames, {size}"


@dataclass
class OpenEpisode:
    """An episode being played; its frames are on their way to being compressed."""

    index: int
    seed: int
    policy: str
    chunks: list[Future[bytes]] = field(default_factory=list)


_Over = tuple[OpenEpisode, NDArray[Any], NDArray[np.float32], bool, bool]  # what Writer.add takes


class Writer:
    """Appends episodes to a folder; what is closed is safe, whatever happens to this process.

    A shard has a random name that nobody else can hit, so recorders of different seeds or policies may share a
    folder. Two recorders of the *same* seed and policy would make the same episodes twice: the second is refused
    (by a lock that the system releases when its holder dies).

    Args:
        folder: made if need be.
        about: what is going to be recorded; another environment's recording in the folder is refused.
        shard_frames: a shard is closed when it holds so many frames,
        shard_seconds: or when it has been open for so long.
        workers: compressing threads.
        min_steps: episodes with fewer steps are only noted, see `skip`.
    """

    def __init__(
        self,
        folder: Path,
        about: About,
        shard_frames: int = 8192,
        shard_seconds: float = 60.0,
        workers: int = 1,
        min_steps: int = 0,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.about, self.min_steps = folder, about, min_steps
        self._shard_frames, self._shard_seconds = shard_frames, shard_seconds
        self._name = hashlib.sha256(f"{about.environment}|{about.seed}|{about.policy}".encode()).hexdigest()[:8]
        self._lock = self._acquire()
        self.done: dict[int, int] = {}  # index -> frames of the episodes of this seed and policy
        self.kept = self._survey()
        self._short = folder / f".{self._name}-under-{min_steps}"  # numbers of episodes, a line each
        for line in self._short.read_text().splitlines() if self._short.exists() else []:
            if line.isdecimal():
                self.done.setdefault(int(line), 0)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="worldsim-compress")
        self._pending: deque[Future[bytes]] = deque()
        self._open: list[_Over] = []
        self._frames, self._since = 0, time.monotonic()

    def _acquire(self) -> int | None:
        """Hold this recording's lock, as a file descriptor; None where the file system has no locks."""
        if fcntl is None:
            return None
        lock = os.open(self.folder / f".{self._name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BadInput(
                f"another process is making this very recording in {self.folder} (seed {self.about.seed}, policy "
                f"{self.about.policy}); wait for it, or record beside it with another --seed"
            ) from None
        except OSError:
            os.close(lock)
            return None
        for left in self.folder.glob(f".{self._name}-*.tmp"):  # of a recorder that was killed: we hold its lock
            left.unlink(missing_ok=True)
        return lock

    def _survey(self) -> Kept:
        """Look through what is there: it must be of the same environment."""
        episodes = frames = size = 0
        for path in shard_files(self.folder):
            shard = read_shard(path)
            if shard.about.environment != self.about.environment:
                raise BadInput(
                    f"{path} is a recording of {shard.about.environment}, not of {self.about.environment}; "
                    "give another --out"
                )
            episodes, frames = episodes + len(shard), frames + int(shard.lengths.sum()) + len(shard)
            size += path.stat().st_size
            if (shard.about.seed, shard.about.policy) == (self.about.seed, self.about.policy):
                self.done.update(zip(shard.indices.tolist(), (shard.lengths + 1).tolist(), strict=True))
        return Kept(episodes, frames, size)

    def add_chunk(self, episode: OpenEpisode, frames: NDArray[np.uint8]) -> None:
        """Take the next frames of an episode: a full chunk, or its last. They must not change afterwards."""
        future = self._pool.submit(compress, frames, self.about.chunk_frames)
        episode.chunks.append(future)
        self._pending.append(future)
        if len(self._pending) > _PENDING:
            self._pending.popleft().result()

    def add(
        self,
        episode: OpenEpisode,
        actions: NDArray[Any],
        rewards: NDArray[np.float32],
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Take an episode that is over, after its last chunk: (T, ...) actions and (T,) rewards."""
        self._open.append((episode, actions, rewards, terminated, truncated))
        self._frames += len(actions) + 1
        if self._frames >= self._shard_frames or time.monotonic() - self._since >= self._shard_seconds:
            self.flush()

    def skip(self, episode: OpenEpisode) -> None:
        """Note that an episode was too short to keep, so that nobody plays it again."""
        with self._short.open("a") as file:
            file.write(f"{episode.index}\n")
        self.done[episode.index] = 0

    def flush(self) -> None:
        """Close the open shard: from here on its episodes are safe."""
        if self._open:
            packed = [
                Packed(
                    [chunk.result() for chunk in e.chunks],
                    actions,
                    rewards,
                    terminated,
                    truncated,
                    e.seed,
                    e.index,
                    e.policy,
                )
                for e, actions, rewards, terminated, truncated in self._open
            ]
            path = self.folder / f"{self._name}-{secrets.token_hex(6)}.h5"
            try:
                size = write_shard(path, packed, self.about)
            except OSError as error:
                raise OSError(
                    error.errno, f"{error.strerror}; {self.kept} are kept, run the same command to go on", str(path)
                ) from error
            self.done.update((e.index, len(e.actions) + 1) for e in packed)
            kept = self.kept
            self.kept = Kept(kept.episodes + len(packed), kept.frames + self._frames, kept.bytes + size)
        self._open = []
        self._frames, self._since = 0, time.monotonic()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Keep what is finished, also when something went wrong, and let go of the lock."""
        try:
            if not isinstance(error, OSError):  # the disk has just refused this very shard
                self.flush()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            if self._lock is not None:
                os.close(self._lock)
