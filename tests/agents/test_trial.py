"""Trials of controllers: what is missing is done, random play is a row, the table counts."""

from __future__ import annotations

import math
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from worldsim.agents.agent import load_agent
from worldsim.agents.evaluation import evaluate
from worldsim.agents.linear import LinearConfig
from worldsim.agents.reality import RealPlayer, score_in_reality
from worldsim.agents.seat import Seat
from worldsim.agents.transfer import folder_of, read
from worldsim.agents.trial import RANDOM, Means, Trial, committee_of, markdown, run, together, write
from worldsim.errors import BadInput

CART = Seat("CartPole-v1", {"max_episode_steps": 60})


def test_a_real_player_plays_what_it_is_given() -> None:
    player = RealPlayer(CART, LinearConfig(), horizon=30)
    good = np.array([0, 0, 0, 0, 0, 5, 0, 1, 0, 0], np.float32)  # push to where the pole leans
    assert player(good, 3) == (30.0, 30)
    assert player(-good, 3).steps < 15
    assert player(None, 3) == player(None, 3)
    assert len({player(None, seed).steps for seed in range(8)}) > 1
    player.close()
    impatient = RealPlayer(Seat("Pendulum-v1"), LinearConfig(), patience=7)  # whose rewards are never above 0
    assert impatient(None, 3).steps == 7
    impatient.close()


@pytest.mark.slow
def test_random_play_is_scored_by_workers_and_alone_alike() -> None:
    alone, two = (score_in_reality(None, CART, 6, workers) for workers in (1, 2))
    assert alone.returns.tolist() == two.returns.tolist()
    assert (alone.agent, alone.n, alone.first_seed) == ("random", 6, 3_000_000_000)


def test_a_player_can_be_made_in_another_process() -> None:
    make = pickle.loads(pickle.dumps(partial(RealPlayer, CART, LinearConfig(hidden=2), 10)))
    assert make()(np.zeros(4 * 2 + 2 + 2 * 2 + 2, np.float32), 0).steps <= 10
    assert score_in_reality(None, CART, 3).first_seed == 3_000_000_000


def test_rows_are_done_once_and_counted(tmp_path: Path) -> None:
    pytest.importorskip("cma")
    search = {"popsize": 4, "rollouts": 1, "evaluate_episodes": 2}
    trials = [Trial(RANDOM, None, published="20"), Trial("cart", CART, 100, search)]
    rows = run(trials, (0, 1), CART, tmp_path, Means(3))
    assert [(row["trial"], row["seed"]) for row in rows] == [(RANDOM, 0), ("cart", 0), ("cart", 1)]
    before = (tmp_path / "rows.jsonl").read_bytes()
    assert run(trials, (0, 1), CART, tmp_path, Means(3)) == read(tmp_path / "rows.jsonl") == rows
    assert (tmp_path / "rows.jsonl").read_bytes() == before
    with pytest.raises(BadInput, match="holds cart, seed 0, with steps 100, not 200; repeat that"):
        run([Trial("cart", CART, 200, search)], (0,), CART, tmp_path, Means(3))
    other = Seat("CartPole-v1", {"max_episode_steps": 50})
    with pytest.raises(BadInput, match=r"with env_kwargs \{'max_episode_steps': 60\}, not"):
        run(trials, (0,), other, tmp_path, Means(3))
    write(rows, tmp_path, "note")
    assert (tmp_path / "results.md").read_text().startswith("note\n\n| controller | seed")


def test_a_gradient_method_is_a_row_too_and_plays_its_likeliest_actions(tmp_path: Path) -> None:
    settings = {"n_steps": 16, "batch_size": 16, "n_epochs": 1}
    trial = Trial("cart by ppo", CART, 64, settings, algo="ppo", num_envs=2)
    (row,) = run([trial], (0,), CART, tmp_path, Means(4))
    folder = tmp_path / "agents" / folder_of("cart by ppo", 0)
    evaluated = evaluate(folder, CART, 4, deterministic=True)
    assert row["real"]["mean"] == evaluated.mean
    assert row["real"]["sd"] == evaluated.sd
    assert (row["steps"], row["dream"], row["real"]["agent"]) == (64, None, folder.name)
    assert row["parameters"] > 2 * 4 * 128


@pytest.mark.parametrize("algo", ["cma", "ppo"])
def test_the_seeds_together_are_a_row_of_their_own(algo: str, tmp_path: Path) -> None:
    settings = {
        "cma": {"popsize": 4, "rollouts": 1, "evaluate_episodes": 2},
        "ppo": {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "policy_kwargs": {"net_arch": {"pi": [4], "vf": [4]}}},
    }[algo]
    trial = Trial("cart", CART, 64, settings, algo=algo, num_envs=None if algo == "cma" else 2)
    run([trial], (0, 1), CART, tmp_path, Means(2))
    rows = together(trial, (0, 1), CART, tmp_path, Means(3))
    assert together(trial, (0, 1), CART, tmp_path, Means(3)) == rows  # once
    row = rows[-1]
    assert (row["trial"], row["seed"], row["real"]["n"]) == (committee_of(trial), 0, 3)
    assert row["steps"] == sum(each["steps"] for each in rows[:2])
    agent = load_agent(tmp_path / "agents" / folder_of(committee_of(trial), 0))
    one = load_agent(tmp_path / "agents" / folder_of("cart", 0)).model
    hidden = 0 if algo == "cma" else 4
    assert agent.model.config.hidden == 2 * hidden
    assert (one.config.hidden if algo == "cma" else one.policy.mlp_extractor.policy_net[0].out_features) == hidden
    with pytest.raises(BadInput, match="with seeds"):
        together(trial, (0,), CART, tmp_path, Means(3))


def test_the_table() -> None:
    def row(seed: int, mean: float) -> dict:
        real = {"mean": mean, "sd": 20.0, "n": 100}
        return {
            "trial": "t",
            "seed": seed,
            "steps": 1000,
            "real": real,
            "dream": {"mean": 7.0, "sd": 1.0},
            "published": "x",
        }

    lines = markdown([row(0, 100.0), row(1, 110.0)]).splitlines()
    assert lines[2] == "| t | 0 | 1,000 | 7 ± 1 | 100 (20; 2) | 100 | x |"
    assert lines[4] == f"| **t** | all |  |  | 105 ± {math.sqrt(50):.0f} over 2 seeds | 200 |  |"
