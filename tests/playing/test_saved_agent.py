"""Trained agents in the window: in the dream where they learned, and in reality."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from stable_baselines3 import PPO

from tests.worlds import spatial_folder, spatial_world
from worldsim.agents import Agent, SB3VecEnv, evaluate
from worldsim.agents.evaluation import EVALUATION_SEEDS
from worldsim.agents.policy import Trained
from worldsim.agents.seat import find_seat
from worldsim.errors import BadInput
from worldsim.playing.play import open_environment, play
from worldsim.playing.player import Player
from worldsim.playing.saved_agent import SavedAgent


def test_a_saved_agent_plays_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").save(tmp_path / "agent.zip")
    assert play("CartPole-v1", headless=True, steps=20, seed=1, agent=tmp_path / "agent.zip").steps == 20
    with pytest.raises(BadInput, match="knows observations"):
        play("WorldSim/PacMan-v0", headless=True, steps=1, agent=f"sb3:{tmp_path / 'agent.zip'}")


def test_a_game_may_have_a_world_that_is_no_dream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Box2D's games do, the car among them."""
    monkeypatch.setattr(CartPoleEnv, "world", object(), raising=False)
    PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").save(tmp_path / "agent.zip")
    Agent(PPO.load(tmp_path / "agent.zip"), "ppo", find_seat("CartPole-v1", None), "balancer").save(tmp_path / "agent")
    assert play("CartPole-v1", headless=True, steps=5, seed=1, agent=tmp_path / "agent").steps == 5


@pytest.mark.parametrize("observation", ["features", "pixels"])
def test_an_agent_that_learned_in_a_dream_plays_there_and_in_reality(observation: str, tmp_path: Path) -> None:
    """The real game's score is the one that evaluation gives the same episode of the same agent."""
    model = clever(observation)
    Agent(model, "ppo", find_seat(spatial_folder(), observation), "dreamer").save(tmp_path / "dreamer")
    moves: list[int] = []
    for place in (spatial_folder(), "WorldSim/PacManFlag-v0"):
        moves.clear()
        keep = lambda moment: moves.append(moment.action)  # noqa: E731
        done = play(place, headless=True, steps=30, seed=3, agent=tmp_path / "dreamer", on_step=keep)
        assert len(moves) == 30
        assert (place == spatial_folder()) == done.is_dream
        first = list(moves)
        moves.clear()
        play(place, headless=True, steps=30, seed=3, agent=tmp_path / "dreamer", on_step=keep)
        assert moves == first  # drawn, but from the seed
        assert len(set(first)) > 1
    best = Trained(model, deterministic=True)
    seated = SavedAgent(tmp_path / "dreamer")
    seated.policy = best
    env = seated.look(open_environment("WorldSim/PacManFlag-v0", agent=seated))
    player = Player(env, EVALUATION_SEEDS)
    best.begin(np.zeros(1, np.int64))
    while not player.over:
        player.step(best.act(player.observation))
    score = evaluate(SavedAgent(tmp_path / "dreamer").agent, episodes=1, deterministic=True)
    assert (player.score, player.steps) == (score.returns[0], score.lengths[0])


def clever(observation: str) -> PPO:
    """An untrained agent whose actions depend on what it sees."""
    shown = find_seat(spatial_folder(), observation).open(1)
    policy = "CnnPolicy" if observation == "pixels" else "MlpPolicy"
    torch.manual_seed(0)
    return PPO(policy, SB3VecEnv(shown), n_steps=2, batch_size=2, device="cpu")


def test_an_agent_of_another_dream_is_refused(tmp_path: Path) -> None:
    """Features of another world may have the same shape and mean something else."""
    other = copy.deepcopy(spatial_world())
    for value in other.model.state_dict().values():
        if value.is_floating_point():
            value.add_(0.01)
    other.save(tmp_path / "other")
    Agent(clever("features"), "ppo", find_seat(spatial_folder()), "dreamer").save(tmp_path / "dreamer")
    with pytest.raises(BadInput, match="knows the features of .*; let it play in its own dream or in reality"):
        play(tmp_path / "other", headless=True, steps=1, agent=tmp_path / "dreamer")
    with pytest.raises(BadInput, match="learned frames"):
        play("CartPole-v1", headless=True, steps=1, agent=tmp_path / "dreamer")
