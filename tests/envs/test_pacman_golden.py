"""Golden trajectories: v0 plays as it always did, to the bit. A change of any of them is a new version.

python -m tests.envs.test_pacman_golden    # writes them anew: only together with a new version
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import worldsim  # noqa: F401  (registers the ids)
from worldsim.envs.pacman.types import PacManState

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("PacMan-v0", "PacManFlag-v0", "PacManMaze-v0")
SEED, ROWS, STEPS = 20200525, 4, 250


def digest(*arrays: np.ndarray) -> np.uint64:
    """A hash that does not depend on the byte order of the machine."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return np.uint64(int.from_bytes(sha.digest()[:8], "little"))


def play(name: str, actions: np.ndarray) -> dict[str, np.ndarray]:
    """What happens in four rows of the registered environment under these actions, (STEPS, ROWS)."""
    env = gym.make_vec(f"WorldSim/{name}", num_envs=ROWS)
    observation, _ = env.reset(seed=SEED)
    record = {"frames": [digest(observation)], "states": [], "rewards": [], "terminated": [], "truncated": []}
    for row in actions:
        observation, rewards, terminated, truncated, info = env.step(row)
        finals = [frame for frame in info.get("final_obs", []) if frame is not None]
        record["frames"].append(digest(observation, *finals))
        record["states"].append(digest(*(getattr(env.state, field.name) for field in fields(PacManState))))
        record["rewards"].append(rewards)
        record["terminated"].append(terminated)
        record["truncated"].append(truncated)
    env.close()
    return {key: np.array(values) for key, values in record.items()}


def choose(name: str) -> np.ndarray:
    """(STEPS, ROWS) actions that mostly go on as they went, so that the games get somewhere."""
    rng = np.random.default_rng(NAMES.index(name))
    actions = rng.integers(0, 5, (STEPS, ROWS))
    for step in range(1, STEPS):
        keep = rng.random(ROWS) < 0.6
        actions[step, keep] = actions[step - 1, keep]
    return actions


@pytest.mark.parametrize("name", NAMES)
def test_the_game_plays_as_it_always_did(name):
    with np.load(GOLDEN / f"{name}.npz") as golden:
        played = play(name, golden["actions"])
        assert set(golden.files) == {"actions", *played}
        # States first: where they differ the rules have changed; where only frames differ, the look has.
        for key in ("states", "rewards", "terminated", "truncated", "frames"):
            np.testing.assert_array_equal(played[key], golden[key], err_msg=f"{name}: {key}")


def test_the_golden_games_are_worth_playing():
    for name, share in zip(NAMES, (0.02, 0.05, 0.0), strict=True):
        with np.load(GOLDEN / f"{name}.npz") as golden:
            assert golden["actions"].shape == (STEPS, ROWS)
            assert (golden["rewards"] != 0).mean() >= share
            assert (golden["terminated"] | golden["truncated"]).any()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in NAMES:
        actions = choose(name)
        np.savez_compressed(GOLDEN / f"{name}.npz", actions=actions.astype(np.uint8), **play(name, actions))
