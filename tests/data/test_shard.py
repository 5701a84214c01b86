from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.data.made import ABOUT, SHAPE, episode, recording, same
from worldsim.data.episode import Episode
from worldsim.data.recording import Recording
from worldsim.data.shard import About, Packed, pack, read_shard, write_shard
from worldsim.errors import BadInput

LENGTHS = [1, 14, 15, 16, 17, 47]  # around the edges of chunks of 16 frames


def test_episode_checks_its_shapes() -> None:
    good = episode(0, 4)
    assert len(good) == 4
    assert "4 steps" in repr(good)
    with pytest.raises(BadInput, match=r"T\+1 frames"):
        Episode(good.frames[:-1], good.actions, good.rewards, True, False, 0, "X-v0")
    with pytest.raises(BadInput, match="uint8"):
        Episode(good.frames.astype(np.float32), good.actions, good.rewards, True, False, 0, "X-v0")
    with pytest.raises(BadInput, match="T >= 1"):
        Episode(good.frames[:1], good.actions[:0], good.rewards[:0], True, False, 0, "X-v0")


def test_round_trip_to_the_last_byte(tmp_path: Path) -> None:
    episodes = [episode(i, steps, terminated=i % 2 == 0) for i, steps in enumerate(LENGTHS)]
    size = write_shard(tmp_path / "a.h5", episodes, ABOUT)
    shard = read_shard(tmp_path / "a.h5")
    assert size == (tmp_path / "a.h5").stat().st_size
    assert shard.about == ABOUT
    assert len(shard) == len(episodes)
    assert all(same(shard.episode(i), original) for i, original in enumerate(episodes))
    assert [file.name for file in tmp_path.iterdir()] == ["a.h5"]


def test_continuous_actions_and_one_channel(tmp_path: Path) -> None:
    frames = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4, 1)
    actions = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)
    original = Episode(frames, actions, np.zeros(4, np.float32), False, False, -1, "B-v0", "human", 3)
    space = {"type": "Box", "low": [-1.0, -1.0], "high": [1.0, 1.0], "shape": [2], "dtype": "float32"}
    write_shard(tmp_path / "a.h5", [original], About("B-v0", (4, 4, 1), space))
    assert same(read_shard(tmp_path / "a.h5").episode(0), original)


def test_plain_hdf5_reads_it(tmp_path: Path) -> None:
    """Chunks are compressed behind the library's back; it must not notice."""
    episodes = [episode(0, 20), episode(1, 3)]
    write_shard(tmp_path / "a.h5", episodes, ABOUT)
    with h5py.File(tmp_path / "a.h5") as file:
        first = file["first_frame"][1]
        assert first == 32  # two chunks of 16 for 21 frames
        assert np.array_equal(file["frames"][:21], episodes[0].frames)
        assert np.array_equal(file["frames"][first : first + 4], episodes[1].frames)
        assert not file["frames"][21:32].any()
        assert file["frames"].compression == "gzip"


def test_large_frames_make_smaller_chunks() -> None:
    assert About("X-v0", (84, 84, 3), {}).chunk_frames == 16
    assert About("X-v0", (720, 1280, 3), {}).chunk_frames == 1


@pytest.mark.parametrize("keep", [0, 10, 100, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "cut.h5"
    write_shard(path, [episode(0, 40), episode(1, 40)], ABOUT)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(BadInput, match=r"cut\.h5.*truncated") as refused:
        Recording(tmp_path)
    assert "\n" not in str(refused.value)


def test_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(3)
    with pytest.raises(BadInput, match=r"foreign\.h5.*worldsim did not write it"):
        read_shard(path)
    path.write_text("not HDF5 at all")
    with pytest.raises(BadInput, match=r"foreign\.h5.*no HDF5 file"):
        read_shard(path)
    write_shard(path, [episode(0, 4)], ABOUT)
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(BadInput, match="version 99"):
        read_shard(path)
    write_shard(path, [episode(0, 4)], ABOUT)
    with h5py.File(path, "r+") as file:
        del file["rewards"]
    with pytest.raises(BadInput, match=r"foreign\.h5.*damaged"):
        read_shard(path)
    with pytest.raises(BadInput, match=r"absent\.h5"):
        read_shard(tmp_path / "absent.h5")


def test_flipped_bits_in_the_frames_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "flipped.h5"
    write_shard(path, [episode(0, 15)], ABOUT)
    offset, size = read_shard(path)._where[0]
    data = bytearray(path.read_bytes())
    data[offset + size // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"flipped\.h5.*frames are damaged"):
        read_shard(path).episode(0)


def test_recording_is_one_list_in_an_order_of_its_own(tmp_path: Path) -> None:
    """However the episodes were spread over files, they come by seed, policy and index."""
    episodes = [episode(i, 3 + i) for i in range(6)]
    (tmp_path / "a").mkdir()
    write_shard(tmp_path / "a" / "z.h5", [episodes[4], episodes[0], episodes[2]], ABOUT)
    write_shard(tmp_path / "a" / "y.h5", [episodes[5], episodes[3]], ABOUT)
    write_shard(tmp_path / "a" / "x.h5", [episodes[1]], ABOUT)
    (tmp_path / "a" / ".open.h5.tmp").write_bytes(b"half a shard")
    whole = Recording(tmp_path / "a")
    assert [e.index for e in whole.episodes()] == [0, 1, 2, 3, 4, 5]
    assert whole.lengths.tolist() == [3, 4, 5, 6, 7, 8]
    assert whole.seeds.tolist() == [100, 101, 102, 103, 104, 105]
    assert (len(whole), whole.num_steps, whole.num_frames) == (6, 33, 39)
    assert (whole.env_id, whole.frame_shape, whole.policy) == ("Made/Up-v0", SHAPE, "random")
    assert whole.action_space.contains(4)
    assert same(whole[-1], episodes[5])
    with pytest.raises(IndexError):
        whole[6]
    assert len(Recording(tmp_path / "a" / "y.h5")) == 2


def test_a_share_is_held_out_and_stays_so_as_the_recording_grows(tmp_path: Path) -> None:
    small, more = recording(tmp_path / "small", [3] * 40), recording(tmp_path / "more", [3] * 150, per_shard=50)
    (few, few_out), (many, many_out) = small.split(0.3), more.split(0.3)
    assert sorted([*few.seeds, *few_out.seeds]) == small.seeds.tolist()
    assert set(few.seeds) <= set(many.seeds)
    assert set(few_out.seeds) <= set(many_out.seeds)
    assert 0.2 < len(many_out) / len(more) < 0.4
    assert many.num_frames + many_out.num_frames == more.num_frames
    assert [e.index + 100 for e in many_out.episodes()] == many_out.seeds.tolist()
    assert more.split(0.3, seed=1)[1].seeds.tolist() != many_out.seeds.tolist()
    assert len(more.split(0)[1]) == 0


def test_a_folder_holds_one_environment(tmp_path: Path) -> None:
    recording(tmp_path / "a", [3])
    for other in [
        About("Other-v0", SHAPE, ABOUT.action_space),
        About(ABOUT.env_id, SHAPE, ABOUT.action_space, {"ghosts": 2}),
        About(ABOUT.env_id, SHAPE, {"type": "Discrete", "n": 6, "start": 0}),
    ]:
        write_shard(tmp_path / "a" / "zz.h5", [episode(0, 4)], other)
        with pytest.raises(BadInput, match=r"zz\.h5 is of"):
            Recording(tmp_path / "a")


def test_an_empty_place_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="worldsim record"):
        Recording(tmp_path)
    with pytest.raises(BadInput, match="nothing there"):
        Recording(tmp_path / "absent")
    with pytest.raises(BadInput, match="at least one episode"):
        write_shard(tmp_path / "a.h5", [], ABOUT)


def test_packed_episodes_are_written_as_they_are(tmp_path: Path) -> None:
    packed = pack(episode(3, 20), ABOUT.chunk_frames)
    assert isinstance(packed, Packed)
    assert len(packed.chunks) == 2
    write_shard(tmp_path / "a.h5", [packed, episode(4, 2)], ABOUT)
    assert same(read_shard(tmp_path / "a.h5").episode(0), episode(3, 20))
    with h5py.File(tmp_path / "a.h5") as file:
        assert json.loads(file.attrs["about"])["env_id"] == "Made/Up-v0"
