from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3 import PPO

from worldsim.agents.evaluation import EVALUATION_SEEDS, evaluate
from worldsim.agents.seat import make_vector
from worldsim.errors import BadInput


def see(observations: np.ndarray) -> np.ndarray:
    """The best policy of Identity."""
    return observations.argmax(1)


def test_known_returns_of_known_policies(Identity):
    best = evaluate(see, Identity(7, length=10), episodes=30)
    assert (best.mean, best.sd, best.low, best.high, best.n) == (10, 0, 10, 10, 30)
    assert best.lengths.tolist() == [10] * 30
    random = evaluate("random", Identity(50, length=10, actions=4), episodes=1000)
    assert random.low < 2.5 < random.high
    assert random.sd == pytest.approx(np.sqrt(10 * 0.25 * 0.75), rel=0.1)  # a binomial
    assert random.agent == "random"


def test_exactly_the_episodes_with_those_seeds_are_played():
    """Against Gymnasium's single environments, one by one: no episode is left out, none is counted twice."""
    push = lambda observations: (observations[:, 2] > 0).astype(np.int64)  # noqa: E731
    score = evaluate(push, "CartPole-v1", episodes=10, num_envs=4, seed=3)
    env, expected = gym.make("CartPole-v1"), []
    for i in range(10):
        observation, _ = env.reset(seed=EVALUATION_SEEDS + 3 + i)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(int(observation[2] > 0))
            total, over = total + reward, terminated or truncated
        expected.append(total)
    assert score.returns.tolist() == expected
    assert score.lengths.tolist() == expected  # CartPole gives 1 a step
    assert len(set(expected)) > 3
    assert score.seeds == (EVALUATION_SEEDS + 3, EVALUATION_SEEDS + 12)


def test_the_score_does_not_depend_on_the_number_of_rows():
    few, many = (evaluate("random", "CartPole-v1", episodes=24, num_envs=n) for n in (3, 24))
    assert few.returns.tolist() == many.returns.tolist()
    other = evaluate("random", "CartPole-v1", episodes=24, seed=24)
    assert other.returns.tolist() != few.returns.tolist()


class Coin(VectorEnv):
    """Half of the episodes last one step and pay 1, the others 50 steps and pay 0: early finishers tempt."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    single_observation_space, single_action_space = gym.spaces.Box(0, 1, (1,)), gym.spaces.Discrete(2)

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs

    def _begin(self, rows: np.ndarray) -> None:
        self.short[rows] = self.rng.random(rows.sum()) < 0.5
        self.age[rows] = 0

    def reset(self, *, seed=None, options=None):
        self.rng = np.random.default_rng(seed)
        self.short, self.age = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, int)
        self._begin(np.ones(self.num_envs, bool))
        return np.zeros((self.num_envs, 1), np.float32), {}

    def step(self, actions):
        self.age += 1
        over = self.short | (self.age >= 50)
        rewards = (over & self.short).astype(np.float32)
        self._begin(over)
        return np.zeros((self.num_envs, 1), np.float32), rewards, over, np.zeros_like(over), {}


def test_short_episodes_are_not_preferred():
    score = evaluate("noop", Coin(10), episodes=1000)
    assert score.low < 0.5 < score.high  # counting whatever ends first gives above 0.9


def test_an_endless_episode_is_cut_and_said(Identity):
    score = evaluate(see, Identity(3, length=1000), episodes=4, max_episode_steps=6)
    assert score.cut == 4
    assert score.returns.tolist() == [6.0] * 4


def test_a_model_is_drawn_from_or_taken_at_its_best_and_torch_is_left_alone(Identity):
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn, again = (evaluate(model, "CartPole-v1", episodes=8) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert drawn.returns.tolist() == again.returns.tolist()
    best = evaluate(model, "CartPole-v1", episodes=8, deterministic=True)
    assert best.returns.tolist() != drawn.returns.tolist()
    assert best.agent == "PPO"


def test_noop_in_bounds_that_exclude_zero():
    seen = []

    class Bounded(Coin):
        single_action_space = gym.spaces.Box(np.array([0.5, -1], np.float32), np.array([2, 1], np.float32))

        def step(self, actions):
            seen.append(actions)
            return super().step(actions)

    evaluate("noop", Bounded(3), episodes=3)
    np.testing.assert_array_equal(seen[0], [[0.5, 0.0]] * 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"agent": "random"}, "give the environment"),
        ({"agent": "random", "env": "CartPol-v1"}, "no environment or world 'CartPol-v1'.*worldsim list"),
        ({"agent": "nowhere/agent", "env": "CartPole-v1"}, "no agent at nowhere/agent; train one with"),
        ({"agent": "random", "env": "CartPole-v1", "episodes": 0}, "at least 1"),
        ({"agent": 3, "env": "CartPole-v1"}, "expected random, noop"),
        ({"agent": "random", "env": "CartPole-v1", "env_kwargs": {"ghosts": 3}}, "CartPole-v1 takes no such argument"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(BadInput, match=message) as caught:
        evaluate(**arguments)
    assert "\n" not in str(caught.value)


def test_an_agent_of_another_environment_is_refused():
    model = PPO("MlpPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(BadInput, match=r"agent PPO knows observations \(4,\) float32, this environment shows \(3,\)"):
        evaluate(model, "Pendulum-v1", episodes=1)
    with pytest.raises(BadInput, match="NEXT_STEP"):
        evaluate("random", gym.make_vec("CartPole-v1", 2, vectorization_mode="sync"), episodes=1)


def test_rows_are_native_only_where_they_reset_in_the_same_step():
    assert isinstance(make_vector("CartPole-v1", 2).unwrapped, gym.vector.SyncVectorEnv)
