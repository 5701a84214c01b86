from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from tests.worlds import spatial_folder, spatial_world
from worldsim.agents.seat import Seat, find_seat, fingerprint, make_frames
from worldsim.envs.dream import DreamVectorEnv
from worldsim.envs.pacman.env import PacManVectorEnv
from worldsim.envs.through_model import ThroughModel
from worldsim.errors import BadInput


def test_a_world_folder_means_its_dream_and_reality_is_where_it_was_recorded():
    dream = find_seat(spatial_folder(), env_kwargs={"horizon": 7})
    assert dream == Seat(None, {"horizon": 7}, str(spatial_folder()), "features")
    real = dream.in_reality()
    assert real == Seat("WorldSim/PacManFlag-v0", {}, str(spatial_folder()), "features")
    assert real.in_dream() == Seat(None, {}, str(spatial_folder()), "features")
    assert str(dream) == "dream of untrained"
    assert str(real) == "WorldSim/PacManFlag-v0 through untrained"


def test_each_seat_opens_what_it_says():
    dream = find_seat(spatial_folder(), env_kwargs={"horizon": 7})
    venv = dream.open(3)
    assert isinstance(venv, DreamVectorEnv)
    assert (venv.num_envs, venv.horizon) == (3, 7)
    real = dream.in_reality().open(2)
    assert isinstance(real, ThroughModel)
    assert real.single_observation_space == venv.single_observation_space
    pixels = find_seat(spatial_folder(), observation="pixels")
    assert pixels.open(2).single_observation_space == pixels.in_reality().open(2).single_observation_space
    assert pixels.shows_images
    assert not dream.shows_images
    grid = find_seat("WorldSim/PacManFlag-v0", env_kwargs={"observation": "grid"})
    assert isinstance(grid.open(2), PacManVectorEnv)
    assert grid.in_dream() is None
    assert grid.shows_images is False  # uint8 with three axes, but up to 1
    assert find_seat("WorldSim/PacManFlag-v0").shows_images is True


def test_through_a_world_in_another_environment():
    seat = find_seat("WorldSim/PacManMaze-v0", through=spatial_folder())
    assert seat.observation == "features"
    assert seat.in_reality() == seat
    assert seat.in_reality("WorldSim/PacMan-v0", {"ghosts": 1}).env_kwargs == {"ghosts": 1}


def test_a_dream_ends_somewhere():
    assert Seat(None, {}, str(spatial_folder()), "features").open(1).horizon == 1000


def test_registered_dreams_bring_their_arguments():
    gym.register(
        "Test/Dream-v0",
        entry_point="worldsim.envs.dream:DreamEnv",
        kwargs={"model": str(spatial_folder()), "temperature": 0.5},
        max_episode_steps=9,
    )
    try:
        seat = find_seat("Test/Dream-v0")
        assert seat.world == str(spatial_folder())
        assert seat.env_kwargs == {"temperature": 0.5, "horizon": 9}
    finally:
        del gym.registry["Test/Dream-v0"]


def test_rendered_frames_where_the_recording_holds_pictures():
    frames = make_frames("CartPole-v1", 2, "render")
    observations, _ = frames.reset(seed=0)
    assert observations.shape == (2, 400, 600, 3)
    assert observations.dtype == np.uint8
    frames.close()


def test_a_single_environment_is_seen_as_the_rows_are(monkeypatch):
    for observation in ("pixels", "features"):
        seat = find_seat(spatial_folder(), observation).in_reality()
        env = seat.look(gym.make("WorldSim/PacManFlag-v0", render_mode="rgb_array"))
        shown, _ = env.reset(seed=5)
        rows, _ = seat.open(1).reset(seed=5)
        assert env.observation_space.contains(shown)
        assert np.array_equal(shown, rows[0])
    learned_from_drawings = SimpleNamespace(
        openings=SimpleNamespace(shard=SimpleNamespace(about=SimpleNamespace(frames_from="render")))
    )
    monkeypatch.setattr("worldsim.agents.seat.open_world", lambda world: learned_from_drawings)
    env = replace(seat, observation="pixels").look(gym.make("CartPole-v1", render_mode="rgb_array"))
    assert env.reset(seed=0)[0].shape == (400, 600, 3)
    env.close()


def test_a_world_is_known_by_its_weights(tmp_path):
    copy = tmp_path / "copy"
    spatial_world().save(copy)
    assert fingerprint(str(copy)) == fingerprint(str(spatial_folder()))
    assert len(fingerprint(str(copy))) == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inside": "WorldSim/PacMn-v0"}, "no environment or world 'WorldSim/PacMn-v0' .*PacMan.*worldsim list"),
        ({"inside": "nothing-here"}, "no environment or world 'nothing-here'"),
        ({"inside": "WorldSim/Dream-v0"}, "needs a world"),
        ({"inside": "WorldSim/PacMan-v0", "observation": "features"}, "need a world: give through"),
        ({"inside": spatial_folder(), "through": "x"}, "through is for real environments"),
        ({"inside": spatial_folder(), "observation": "own"}, "sees features or pixels"),
        ({"inside": spatial_folder(), "observation": "sounds"}, "expected observation features, pixels or own"),
        ({"inside": "."}, "expected a world folder with config.json"),
        ({"inside": "no_such_module:X-v0"}, "no_such_module"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(BadInput, match=message) as caught:
        find_seat(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"speed": 2}, "unknown argument 'speed' of a dream"),
        ({"ghosts": 2}, "only graph worlds can change their board"),
    ],
)
def test_a_dream_without_such_an_option(option, message):
    with pytest.raises(BadInput, match=message):
        find_seat(spatial_folder(), env_kwargs=option).open(1)


def test_an_id_may_name_the_module_that_registers_it() -> None:
    seat = find_seat("worldsim:WorldSim/PacManFlag-v0")
    assert not seat.dreamed
    with pytest.raises(BadInput, match="no environment or world 'nowhere_at_all:Mine/Catch-v0'"):
        find_seat("nowhere_at_all:Mine/Catch-v0")
