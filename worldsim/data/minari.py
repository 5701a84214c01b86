"""Recordings to and from Minari, Farama's collection of offline data sets, without loss."""

from __future__ import annotations

import copy
import json
import re
import secrets
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import DependencyNotInstalled
from gymnasium.spaces import Box

from worldsim import space_json
from worldsim.data.episode import Episode
from worldsim.data.recording import Recording, shard_files
from worldsim.data.shard import About, Packed, pack, write_shard
from worldsim.data.source import is_image
from worldsim.errors import BadInput

_ID = re.compile(r"([-_\w][-_\w/]*[-_\w]/)?[-_\w]+-v\d+")
_ABOUT = "worldsim"  # our own entry of a data set's metadata
_SHARD_FRAMES = 8192


def to_minari(recording: Recording | Path | str, dataset_id: str) -> None:
    """Copy a recording into the local Minari store (``~/.minari/datasets`` or ``MINARI_DATASETS_PATH``).

    Frames are stored raw: Minari's default of JPEG changes them, by up to 165 of 255 on CarRacing.

    Args:
        recording: what to copy, or where it lies.
        dataset_id: "name-v0" or "namespace/name-v0"; must not exist yet.
    """
    minari = _minari()
    recording = recording if isinstance(recording, Recording) else Recording(recording)
    _check_id(dataset_id)
    place = Path(minari.storage.get_dataset_path(dataset_id))
    if place.exists():
        raise BadInput(f"the Minari data set {dataset_id} exists already; choose another name or version")
    buffers = _buffers(recording)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that a recording does not have
            dataset = minari.create_dataset_from_buffers(
                dataset_id,
                [next(buffers)],
                env=_spec(recording),
                observation_space=Box(0, 255, recording.frame_shape, np.uint8),
                action_space=recording.action_space,
                algorithm_name=recording.policy,
                description=f"Recorded with worldsim: {recording.env_id}, frames from {recording.about.frames_from}",
                data_format="hdf5",
                jpeg_encoding=False,
            )
        dataset.storage.update_episodes(buffers)
        dataset.storage.update_metadata({_ABOUT: json.dumps(asdict(recording.about))})
        places = (recording.locate(i) for i in range(len(recording)))
        rows = ((recording.shards[number], row) for number, row in places)
        dataset.storage.update_episode_metadata(
            [{"policy": shard.policies[row], "index": int(shard.indices[row])} for shard, row in rows]
        )
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)  # half of it is of no use
        raise


def from_minari(dataset_id: str, out: Path | str) -> Recording:
    """Copy a data set of image observations from the local Minari store into a new recording.

    Args:
        dataset_id: as ``minari list local`` shows it.
        out: the folder; it must not hold a recording yet.
    """
    minari = _minari()
    _check_id(dataset_id)
    out = Path(out)
    if out.exists() and shard_files(out):
        raise BadInput(f"{out} holds a recording already; give another folder")
    try:
        dataset = minari.load_dataset(dataset_id)
    except FileNotFoundError as error:
        raise BadInput(
            f"{error}; get it with: minari download {dataset_id}".replace(" Use download=True to", "")
        ) from None
    if not is_image(dataset.observation_space):
        raise BadInput(f"{dataset_id} has no uint8 images (H, W, 1 or 3) as observations: {dataset.observation_space}")
    about = _about(dataset)
    out.mkdir(parents=True, exist_ok=True)
    packed: list[Packed] = []
    frames = 0
    for episode in _episodes(dataset, about):
        packed.append(pack(episode, about.chunk_frames))
        frames += len(episode) + 1
        if frames >= _SHARD_FRAMES:
            write_shard(out / f"minari-{secrets.token_hex(6)}.h5", packed, about)
            packed, frames = [], 0
    if packed:
        write_shard(out / f"minari-{secrets.token_hex(6)}.h5", packed, about)
    return Recording(out)


def _minari() -> ModuleType:
    try:
        import minari
    except ImportError:
        raise DependencyNotInstalled('minari is not installed, run `pip install "worldsim-rl[minari]"`') from None
    return minari


def _check_id(dataset_id: str) -> None:
    if not _ID.fullmatch(dataset_id):
        raise BadInput(f'a Minari data set is named "name-v0" or "namespace/name-v0", got {dataset_id!r}')


def _spec(recording: Recording) -> EnvSpec | None:
    """The recorded environment, where it is registered here, can be written down and shows what was recorded."""
    if recording.env_id not in gym.registry or recording.about.frames_from != "observation":
        return None
    spec = copy.deepcopy(gym.spec(recording.env_id))
    spec.kwargs |= recording.env_kwargs
    try:
        spec.to_json()
    except ValueError:  # made by a function of the caller's
        return None
    return spec


def _buffers(recording: Recording) -> Iterator[Any]:
    """The episodes as Minari takes them, one in memory at a time."""
    from minari.data_collector import EpisodeBuffer

    for number, episode in enumerate(recording.episodes()):
        ends = np.zeros((2, len(episode)), bool)
        ends[:, -1] = episode.terminated, episode.truncated
        yield EpisodeBuffer(
            id=number,
            seed=episode.seed if episode.seed >= 0 else None,
            observations=episode.frames,
            actions=episode.actions,
            rewards=episode.rewards,
            terminations=ends[0],
            truncations=ends[1],
        )


def _about(dataset: Any) -> About:
    """What our own export noted, or what can be known about another data set."""
    noted = dataset.storage.metadata.get(_ABOUT)
    if noted is not None:
        about = json.loads(noted)
        return About(**about | {"frame_shape": tuple(about["frame_shape"])})
    spec = dataset.env_spec
    return About(
        spec.id if spec is not None else dataset.id,
        dataset.observation_space.shape,
        space_json.to_json(dataset.action_space),
        dict(spec.kwargs) if spec is not None else {},
        policy=str(dataset.storage.metadata.get("algorithm_name", "")),
    )


def _episodes(dataset: Any, about: About) -> Iterator[Episode]:
    notes = dataset.storage.get_episode_metadata(range(dataset.total_episodes))
    for number, (data, note) in enumerate(zip(dataset.iterate_episodes(), notes, strict=True)):
        yield Episode(
            np.asarray(data.observations),
            np.asarray(data.actions),
            np.asarray(data.rewards, np.float32),
            bool(data.terminations[-1]),
            bool(data.truncations[-1]),
            int(note["seed"]) if note.get("seed") is not None else -1,
            about.env_id,
            str(note.get("policy", about.policy)),
            int(note.get("index", number)),
        )
