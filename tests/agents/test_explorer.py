"""Explorer: an agent of a dream records, on the features of what it sees, whoever plays beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from tests.blocks import record_block
from tests.worlds import spatial_folder, spatial_world
from worldsim.agents.cma import train_cma
from worldsim.agents.explorer import Explorer
from worldsim.agents.training import train_agent
from worldsim.data.record import record
from worldsim.data.shift import HOLD, Shift
from worldsim.data.turn import Turn
from worldsim.errors import BadInput
from worldsim.vision_memory.train import TrainVisionMemory

SMALL = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}
KEYS = np.array([7, 5, 2**63 + 1], np.uint64)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PPO that has played 32 steps in an untrained dream."""
    out = tmp_path_factory.mktemp("agents") / "agent"
    train_agent(spatial_folder(), steps=32, out=out, num_envs=4, hyperparameters=SMALL, env_kwargs={"horizon": 8})
    return out


def turn(keys: np.ndarray, ages: list[int], frames: np.ndarray, previous: list[int]) -> Turn:
    return Turn(frames, np.array(previous, np.int64), np.array(ages), keys)


def test_what_it_sees_is_what_the_world_knows_of_this_episode(agent: Path) -> None:
    """Rows come, go and change places; the memory follows the episode's key."""
    world, rng = spatial_world().model, np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 3, *world.config.frame_shape)).astype(np.uint8)  # (step, episode, H, W, C)
    explorer = Explorer(str(agent), Discrete(5))
    explorer._look(turn(KEYS, [0, 0, 0], frames[0], [0, 0, 0]))
    explorer._look(turn(KEYS[[2, 0]], [1, 1], frames[1, [2, 0]], [3, 1]))
    seen = explorer._look(turn(np.array([9, KEYS[2], KEYS[0]], np.uint64), [0, 2, 2], frames[2, [1, 2, 0]], [0, 4, 2]))
    noise = torch.zeros(1, world.noise_size)  # this world draws nothing of a real frame

    def shown(step: int, episode: int) -> torch.Tensor:
        return torch.from_numpy(frames[step, episode])[None]

    for row, episode, actions in ((1, 2, (3, 4)), (2, 0, (1, 2))):
        state = world.start(shown(0, episode), noise)
        for step, action in enumerate(actions, 1):
            state = world.follow(state, torch.tensor([action]), shown(step, episode), noise)
        np.testing.assert_allclose(seen[row], world.observe(state)[0], atol=1e-6)
    np.testing.assert_allclose(seen[0], world.observe(world.start(shown(2, 1), noise))[0], atol=1e-6)


def test_it_records_as_it_plays_through_the_world(agent: Path, tmp_path: Path) -> None:
    """Without noise, each recorded action is a draw of the agent's own distribution, the same with any rows."""
    spec = f"agent:{agent}"
    one = record("WorldSim/PacManFlag-v0", spec, 6, tmp_path / "one", 3, num_envs=6)
    other = record("WorldSim/PacManFlag-v0", spec, 6, tmp_path / "other", 3, num_envs=2)
    for a, b in zip(one.episodes(), other.episodes(), strict=True):
        np.testing.assert_array_equal(a.actions, b.actions)
        np.testing.assert_array_equal(a.frames, b.frames)
    assert one.policy.startswith("agent:agent#")
    noisy = record("WorldSim/PacManFlag-v0", f"{spec}@1", 6, tmp_path / "noisy", 3, num_envs=6)
    assert any(
        not np.array_equal(a.actions[:8], b.actions[:8]) for a, b in zip(one.episodes(), noisy.episodes(), strict=True)
    )


def test_real_numbers_may_be_shifted(tmp_path: Path) -> None:
    """A car's controller, as it is and shifted, at three ages of two episodes."""
    pytest.importorskip("cma")
    recording = record_block(tmp_path / "recording")
    sizes = {"latent": 4, "hidden": 8, "vision_steps": 1, "memory_steps": 1, "memory_batch": 2, "vision_batch": 8}
    TrainVisionMemory(recording.path, tmp_path / "world", threads=1, openings=4, **sizes).once()  # type: ignore[arg-type]
    kwargs = {"horizon": 4}
    few = {"popsize": 4, "rollouts": 1, "evaluate_episodes": 1}
    train_cma(tmp_path / "world", 1, out=tmp_path / "agent", env_kwargs=kwargs, hyperparameters=few)
    space = recording.action_space
    assert isinstance(space, Box)
    plain, shifted = (Explorer(f"{tmp_path / 'agent'}{more}", space) for more in ("", "@0~1.5"))
    assert shifted.name == f"{plain.name}@0~1.5"
    frames, keys = recording[0].frames[[0, 0]], KEYS[:2]
    for age in (0, 1, HOLD):
        before = Turn(frames, np.zeros((2, 2), np.float32), np.full(2, age), keys)
        one, other = plain.act(before), shifted.act(before)
        assert np.array_equal(other, Shift(space, 1.5)(one, before))
        assert not np.array_equal(one, other)
        assert space.contains(other[0])


@pytest.mark.parametrize(
    ("spec", "actions", "says"),
    [
        ("{agent}", Discrete(4), "acts in Discrete"),
        ("{agent}@2", Discrete(5), "between 0 and 1"),
        ("{agent}~0.5", Discrete(5), "needs a bounded Box of real numbers"),
        ("nowhere", Discrete(5), "no agent at nowhere"),
    ],
)
def test_mistakes(agent: Path, spec: str, actions: Discrete, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        Explorer(spec.format(agent=agent), actions)
    assert "\n" not in str(caught.value)
