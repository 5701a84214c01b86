"""One file of a recording: several episodes in HDF5, lossless.

Layout, version 1::

    attributes  format="worldsim-recording", version, about (JSON of `About`), policies (JSON list of names)
    frames      (N, H, W, C) uint8, gzip chunks of a few frames; every episode begins on a chunk, the gap is zeros
    actions     (sum of T, ...)   rewards (sum of T,) float32      all episodes one after another
    length first_frame seed index terminated truncated policy (E,) one row per episode

It is plain HDF5 that any tool reads. Here chunks are compressed and decompressed by zlib itself, outside HDF5: the
library works under one lock, and zlib lets go of Python's, so threads help. Measured on 84x84x3 Pac-Man frames, chunks
of 16 were as small as chunks of 32 (438 bytes a frame) and read random windows about twice as fast; level 3 was as
fast as level 1 and a fifth smaller.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from worldsim.data.episode import Episode
from worldsim.errors import BadInput

FORMAT, VERSION = "worldsim-recording", 1
LEVEL = 3  # zlib's, see above
_CHUNK_FRAMES, _CHUNK_BYTES = 16, 4 << 20  # a chunk holds at most so many frames and about so many bytes
_COLUMNS = ("length", "first_frame", "seed", "index", "terminated", "truncated", "policy")


@dataclass(frozen=True)
class About:
    """What all episodes of a recording have in common."""

    env_id: str
    frame_shape: tuple[int, int, int]  # (H, W, C)
    action_space: dict[str, Any]  # worldsim.space_json
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    frames_from: str = "observation"  # or "render"
    seed: int = 0  # of the recording: it and an episode's index fix the episode
    policy: str = ""  # who played, as given on the command line

    @property
    def environment(self) -> str:
        """What must agree within a folder, as one line for messages."""
        kwargs = json.dumps(self.env_kwargs, sort_keys=True) if self.env_kwargs else ""
        shape = "x".join(map(str, self.frame_shape))
        return f"{self.env_id}{kwargs} with {shape} frames and actions {json.dumps(self.action_space)}"

    @property
    def chunk_frames(self) -> int:
        """Frames per chunk of a shard."""
        return min(_CHUNK_FRAMES, max(1, _CHUNK_BYTES // int(np.prod(self.frame_shape))))


@dataclass(frozen=True, eq=False)
class Packed:
    """An episode whose frames are compressed already."""

    chunks: list[bytes]
    actions: NDArray[Any]
    rewards: NDArray[np.float32]
    terminated: bool
    truncated: bool
    seed: int
    index: int
    policy: str


def compress(frames: NDArray[np.uint8], chunk_frames: int) -> bytes:
    """One chunk of at most ``chunk_frames`` frames, filled up with zeros."""
    packer = zlib.compressobj(LEVEL)
    data = packer.compress(np.ascontiguousarray(frames).data)
    if len(frames) < chunk_frames:
        data += packer.compress(bytes((chunk_frames - len(frames)) * frames[0].size))
    return data + packer.flush()


def pack(episode: Episode, chunk_frames: int) -> Packed:
    """Compress an episode."""
    frames = episode.frames
    return Packed(
        [compress(frames[i : i + chunk_frames], chunk_frames) for i in range(0, len(frames), chunk_frames)],
        episode.actions,
        episode.rewards,
        episode.terminated,
        episode.truncated,
        episode.seed,
        episode.index,
        episode.policy,
    )


def write_shard(path: Path | str, episodes: Iterable[Episode | Packed], about: About) -> int:
    """Write episodes to one new file, whole or not at all, and return its size in bytes.

    The file is made in memory (it is compressed: megabytes), written under a temporary name, flushed to the disk and
    renamed; a full disk is an ordinary OSError that leaves nothing behind.
    """
    path = Path(path)
    image = _image([e if isinstance(e, Packed) else pack(e, about.chunk_frames) for e in episodes], about)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(image)


def _image(episodes: Sequence[Packed], about: About) -> bytes:
    """The bytes of a shard."""
    if not episodes:
        raise BadInput("a shard needs at least one episode, got none")
    counts = [len(episode.chunks) for episode in episodes]
    policies = sorted({episode.policy for episode in episodes})
    columns = {
        "length": np.array([len(e.actions) for e in episodes], np.int64),
        "first_frame": (np.cumsum(counts) - counts).astype(np.int64) * about.chunk_frames,
        "seed": np.array([e.seed for e in episodes], np.int64),
        "index": np.array([e.index for e in episodes], np.int64),
        "terminated": np.array([e.terminated for e in episodes], bool),
        "truncated": np.array([e.truncated for e in episodes], bool),
        "policy": np.array([policies.index(e.policy) for e in episodes], np.int32),
    }
    with h5py.File(f"{id(episodes)}.h5", "w", driver="core", backing_store=False) as file:
        file.attrs.update(
            {"format": FORMAT, "version": VERSION, "about": json.dumps(asdict(about)), "policies": json.dumps(policies)}
        )
        for name, column in columns.items():
            file[name] = column
        file["actions"] = np.concatenate([e.actions for e in episodes])
        file["rewards"] = np.concatenate([e.rewards for e in episodes]).astype(np.float32)
        frames = file.create_dataset(
            "frames",
            (sum(counts) * about.chunk_frames, *about.frame_shape),
            np.uint8,
            chunks=(about.chunk_frames, *about.frame_shape),
            compression="gzip",
            compression_opts=LEVEL,
        )
        for number, chunk in enumerate(chunk for episode in episodes for chunk in episode.chunks):
            frames.id.write_direct_chunk((number * about.chunk_frames, 0, 0, 0), chunk)
        file.flush()
        return bytes(file.id.get_file_image())


class Shard:
    """An open shard: everything but the frames is in memory; frames are read and decompressed chunk by chunk.

    Safe to use from several threads and after a fork, because no file stays open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self._read(file)
        except FileNotFoundError:
            raise BadInput(f"expected a recording at {path}, found no such file") from None
        except PermissionError:
            raise
        except OSError as error:
            raise self._refuse(f"it is truncated or no HDF5 file ({str(error).splitlines()[0][:80]})") from None
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadInput):
                raise
            raise self._refuse(f"it is damaged ({type(error).__name__}: {error})") from None

    def _read(self, file: h5py.File) -> None:
        if file.attrs.get("format") != FORMAT:
            raise self._refuse("worldsim did not write it")
        if file.attrs["version"] != VERSION:
            raise self._refuse(f"it has version {file.attrs['version']}, this worldsim reads version {VERSION}")
        about = json.loads(file.attrs["about"])
        self.about = About(**about | {"frame_shape": tuple(about["frame_shape"])})
        self.lengths, self.first_frame, self.seeds, self.indices, self.terminated, self.truncated, policy = (
            file[name][:] for name in _COLUMNS
        )
        names = json.loads(file.attrs["policies"])
        self.policies: list[str] = [names[i] for i in policy]
        self.first_step = np.cumsum(self.lengths) - self.lengths
        self.actions, self.rewards = file["actions"][:], file["rewards"][:]
        frames = file["frames"]
        self.chunk_frames = int(frames.chunks[0])
        self._where = np.zeros((frames.shape[0] // self.chunk_frames, 2), np.int64)  # byte offset, size
        frames.id.chunk_iter(self._note_chunk)
        if (self._where[:, 1] == 0).any() or len(self.actions) != self.lengths.sum():
            raise self._refuse("parts of it are missing")

    def _note_chunk(self, chunk: Any) -> None:
        self._where[chunk.chunk_offset[0] // self.chunk_frames] = chunk.byte_offset, chunk.size

    def _refuse(self, why: str) -> BadInput:
        return BadInput(f"cannot use {self.path} as a recording: {why}; delete it or move it away")

    def __len__(self) -> int:
        return len(self.lengths)

    def chunk(self, number: int) -> NDArray[np.uint8]:
        """(chunk_frames, H, W, C) uint8, read-only: frames ``number * chunk_frames`` onwards."""
        offset, size = self._where[number]
        with open(self.path, "rb", buffering=0) as file:
            data = os.pread(file.fileno(), size, offset)
        shape = (self.chunk_frames, *self.about.frame_shape)
        try:
            return np.frombuffer(zlib.decompress(data, bufsize=int(np.prod(shape))), np.uint8).reshape(shape)
        except (zlib.error, ValueError) as error:
            raise self._refuse(f"its frames are damaged ({error})") from None

    def episode(self, row: int) -> Episode:
        """Episode number ``row`` of this file."""
        first, length, start = self.first_frame[row], int(self.lengths[row]), self.first_step[row]
        chunks = range(first // self.chunk_frames, (first + length) // self.chunk_frames + 1)
        return Episode(
            np.concatenate([self.chunk(number) for number in chunks])[: length + 1],
            self.actions[start : start + length],
            self.rewards[start : start + length],
            bool(self.terminated[row]),
            bool(self.truncated[row]),
            int(self.seeds[row]),
            self.about.env_id,
            self.policies[row],
            int(self.indices[row]),
        )


def read_shard(path: Path | str) -> Shard:
    """Open one file; a truncated or foreign one is refused with a line that names it."""
    return Shard(Path(path))
