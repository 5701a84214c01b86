from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

import tests.data.toy  # noqa: F401  (registers Test/Toy-v0)
from tests.data.made import recording, same
from worldsim.data.minari import from_minari, to_minari
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.errors import BadInput

# Minari warns about every piece of metadata that a data set made in a test does not have.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Minari store."""
    pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "store"))
    return tmp_path / "store"


def test_there_and_back_without_loss(tmp_path: Path) -> None:
    original = recording(tmp_path / "a", [1, 15, 16, 40, 3])
    to_minari(original, "made/up-v0")
    back = from_minari("made/up-v0", tmp_path / "b")
    assert back.about == original.about
    assert all(same(a, b) for a, b in zip(original.episodes(), back.episodes(), strict=True))


@pytest.mark.parametrize("box", [False, True])
def test_a_recorded_environment_can_be_recovered(tmp_path: Path, box: bool) -> None:
    import minari

    original = record("Test/Toy-v0", ["random", "sticky"], 12, tmp_path / "a", env_kwargs={"box": box})
    to_minari(tmp_path / "a", "toy-v3")
    dataset = minari.load_dataset("toy-v3")
    assert dataset.total_episodes == 12
    assert dataset.total_steps == original.num_steps
    assert dataset.recover_environment().unwrapped.action_space == original.action_space
    assert np.array_equal(dataset[4].observations, original[4].frames)  # raw, not JPEG
    back = from_minari("toy-v3", tmp_path / "b")
    assert all(same(a, b) for a, b in zip(original.episodes(), back.episodes(), strict=True))


def test_images_of_jpeg_size_stay_raw(tmp_path: Path) -> None:
    original = record("CartPole-v1", "random", 1, tmp_path / "a")
    to_minari(original, "cart-v0")
    assert same(from_minari("cart-v0", tmp_path / "b")[0], original[0])


def test_a_data_set_of_somebody_else(tmp_path: Path) -> None:
    import minari
    from minari.data_collector import EpisodeBuffer

    frames = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 1), np.uint8)
    ends = np.array([False, False, True])
    buffer = EpisodeBuffer(
        observations=frames,
        actions=np.array([1, 0, 1]),
        rewards=[0.5, 1, 2],
        terminations=ends,
        truncations=~ends & False,
    )
    minari.create_dataset_from_buffers(
        "theirs-v1",
        [buffer],
        observation_space=Box(0, 255, (6, 5, 1), np.uint8),
        action_space=Discrete(2),
        algorithm_name="expert",
        jpeg_encoding=False,
    )
    episode = from_minari("theirs-v1", tmp_path / "r")[0]
    assert np.array_equal(episode.frames, frames)
    assert episode.rewards.tolist() == [0.5, 1, 2]
    assert (episode.seed, episode.env_id, episode.policy, episode.terminated) == (-1, "theirs-v1", "expert", True)


def test_what_is_refused(tmp_path: Path) -> None:
    import minari
    from minari.data_collector import EpisodeBuffer

    original = recording(tmp_path / "a", [4])
    for name in ["nameless", "x/short-v0", "name-v", "a b-v0"]:
        with pytest.raises(BadInput, match='"name-v0" or "namespace/name-v0"'):
            to_minari(original, name)
    to_minari(original, "made-v0")
    with pytest.raises(BadInput, match="exists already"):
        to_minari(original, "made-v0")
    with pytest.raises(BadInput, match="holds a recording already"):
        from_minari("made-v0", tmp_path / "a")
    with pytest.raises(BadInput, match=r"absent-v0 not found.*minari download absent-v0"):
        from_minari("absent-v0", tmp_path / "b")
    flat = EpisodeBuffer(
        observations=np.zeros((2, 3), np.float32), actions=[0], rewards=[0.0], terminations=[True], truncations=[False]
    )
    minari.create_dataset_from_buffers("flat-v0", [flat], observation_space=Box(0, 1, (3,)), action_space=Discrete(2))
    with pytest.raises(BadInput, match="no uint8 images"):
        from_minari("flat-v0", tmp_path / "b")


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    import minari

    original = recording(tmp_path / "a", [4, 5, 6, 7], per_shard=1)
    (tmp_path / "a" / "2.h5").unlink()
    with pytest.raises(FileNotFoundError):
        to_minari(original, "made-v0")
    assert not minari.list_local_datasets()


def test_without_minari_the_line_says_what_to_install(tmp_path: Path) -> None:
    """A module of that name that cannot be imported stands in for its absence."""
    recording(tmp_path / "a", [4])
    (tmp_path / "minari.py").write_text("raise ImportError('no minari here')")
    done = subprocess.run(
        [sys.executable, "-m", "worldsim", "minari", "export", "a", "made-v0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == 'worldsim: minari is not installed, run `pip install "worldsim-rl[minari]"`\n'


def test_the_command_both_ways(tmp_path: Path) -> None:
    recording(tmp_path / "a", [4, 9])

    def worldsim(*args: str) -> str:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "worldsim", "minari", *args]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    assert "made/up-v0: 2 episodes, 15 frames" in worldsim("export", "a", "made/up-v0")
    assert "next: worldsim train" in worldsim("import", "made/up-v0", "b")
    assert len(Recording(tmp_path / "b")) == 2
    assert (tmp_path / "store" / "made" / "up-v0").is_dir()
