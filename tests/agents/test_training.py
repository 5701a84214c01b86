from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from tests.worlds import spatial_folder, spatial_world
from worldsim.agents import journal
from worldsim.agents.agent import load_agent
from worldsim.agents.evaluation import evaluate
from worldsim.agents.training import train_agent
from worldsim.errors import BadInput, Stopped

SMALL = {"n_steps": 8, "n_epochs": 1, "net_arch": 8}


def weights(agent) -> np.ndarray:
    return torch.cat([p.flatten() for p in agent.model.policy.parameters()]).detach().numpy()


def test_it_learns_the_identity_and_says_so(Identity, tmp_path):
    agent = train_agent(
        Identity(32),
        steps=6000,
        out=tmp_path,
        hyperparameters={"learning_rate": 1e-2, "gamma": 0.0, "net_arch": 16, "n_steps": 16},
    )
    assert evaluate(agent, Identity(16), episodes=32, deterministic=True).mean == 10
    assert agent.model.num_timesteps == 6144  # whole rollouts of 32 x 16
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(512, 6145, 512))
    assert lines[-1]["rollout/ep_rew_mean"] > 8 > 5 > lines[0]["rollout/ep_rew_mean"]
    assert list((tmp_path / "tensorboard").iterdir())
    about = json.loads((tmp_path / "agent.json").read_text())
    assert about["steps"] == 6144
    assert about["return"] == pytest.approx(lines[-1]["rollout/ep_rew_mean"])
    assert about["hyperparameters"]["policy_kwargs"] == {"net_arch": [16]}
    assert about["versions"]["torch"] == torch.__version__


@pytest.mark.slow
def test_it_learns_pac_man_on_the_grid(tmp_path):
    """Measured: 3.5 after 250,000 steps, random -0.4, seed 0; 35 s on one core."""
    agent = train_agent("WorldSim/PacManFlag-v0", steps=250_000, out=tmp_path, env_kwargs={"observation": "grid"})
    assert evaluate(agent, episodes=500).low > 2.5 > evaluate("random", agent.seat, episodes=500).high + 2


def test_the_same_seed_gives_the_same_agent(tmp_path):
    first, second, other = (
        train_agent("CartPole-v1", steps=256, seed=seed, out=tmp_path / name, num_envs=4, hyperparameters=SMALL)
        for seed, name in ((3, "a"), (3, "b"), (4, "c"))
    )
    np.testing.assert_array_equal(weights(first), weights(second))
    assert (weights(first) != weights(other)).any()


def test_a_loaded_agent_scores_as_the_trained_one(tmp_path):
    agent = train_agent("CartPole-v1", steps=256, out=tmp_path / "cart", num_envs=4, hyperparameters=SMALL)
    expected = evaluate(agent, episodes=8).returns.tolist()
    assert evaluate(tmp_path / "cart", episodes=8).returns.tolist() == expected
    assert evaluate(str(tmp_path / "cart" / "agent.zip"), episodes=8).returns.tolist() == expected
    (tmp_path / "cart" / "agent.zip").rename(tmp_path / "bare.zip")  # SB3's file alone: it has to be told where
    assert evaluate(tmp_path / "bare.zip", "CartPole-v1", episodes=8).returns.tolist() == expected
    with pytest.raises(BadInput, match="does not say where it belongs"):
        evaluate(tmp_path / "bare.zip")


def test_ctrl_c_saves_and_the_same_call_goes_on(tmp_path, monkeypatch):
    whole = {"inside": "CartPole-v1", "steps": 640, "out": tmp_path / "cart", "num_envs": 4, "hyperparameters": SMALL}
    step = journal.Watch._on_step

    def interrupted(self):
        if self.n_calls == 90:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(journal.Watch, "_on_step", interrupted)
    with pytest.raises(Stopped, match=r"stopped at 360 of 640 steps; .* goes on from there"):
        train_agent(**whole)
    monkeypatch.undo()
    assert load_agent(tmp_path / "cart").model.num_timesteps == 360
    evaluate(tmp_path / "cart", episodes=2)  # an interrupted agent is an agent
    agent = train_agent(**whole)
    assert agent.model.num_timesteps >= 640
    steps = [json.loads(line)["step"] for line in (tmp_path / "cart" / "train.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == agent.model.num_timesteps
    written = (tmp_path / "cart" / "agent.zip").stat().st_mtime_ns
    assert train_agent(**whole).model.num_timesteps == agent.model.num_timesteps  # done: nothing happens
    assert (tmp_path / "cart" / "agent.zip").stat().st_mtime_ns == written
    assert train_agent(**{**whole, "steps": 900}).model.num_timesteps >= 900


def test_checkpoints_along_the_way_and_a_log_without_what_a_killed_run_wrote_after_them(tmp_path, monkeypatch):
    whole = {"inside": "CartPole-v1", "steps": 320, "out": tmp_path / "c", "num_envs": 4, "hyperparameters": SMALL}

    def killed(self):
        if self.num_timesteps == 200:
            raise MemoryError
        return True

    monkeypatch.setattr(journal.Watch, "_on_step", killed)
    with pytest.raises(MemoryError):
        train_agent(**whole, checkpoint_every=100)
    monkeypatch.undo()
    assert load_agent(tmp_path / "c").about["steps"] == 128  # the first rollout's end after 100 steps
    with (tmp_path / "c" / "train.jsonl").open("a") as log:
        log.write('{"step": 1')
    train_agent(**whole)
    steps = [json.loads(line)["step"] for line in (tmp_path / "c" / "train.jsonl").read_text().splitlines()]
    assert steps == list(range(32, 321, 32))


@pytest.mark.parametrize(
    ("algo", "inside", "given"),
    [
        ("A2C", "CartPole-v1", {"n_steps": 4}),
        ("dqn", "CartPole-v1", {"learning_starts": 16, "buffer_size": 500}),
        ("sac", "Pendulum-v1", {"learning_starts": 16, "buffer_size": 500, "net_arch": [8]}),
        ("td3", "Pendulum-v1", {"learning_starts": 16, "buffer_size": 500, "net_arch": [8]}),
        ("ddpg", "Pendulum-v1", {"learning_starts": 16, "buffer_size": 500, "net_arch": [8], "action_noise": 0.3}),
    ],
)
def test_every_algorithm_trains_stops_goes_on_and_acts(algo, inside, given, tmp_path):
    options = {"algo": algo, "out": tmp_path / "agent", "num_envs": 2, "hyperparameters": given}
    train_agent(inside, steps=64, **options)
    agent = train_agent(inside, steps=100, **options)
    assert agent.model.num_timesteps >= 100
    assert evaluate(agent, episodes=2, max_episode_steps=20).n == 2
    if algo == "ddpg":
        assert agent.model.action_noise.noises[0]._sigma.tolist() == [pytest.approx(0.3)]


@pytest.mark.parametrize("observation", ["features", "pixels"])
def test_trained_in_a_dream_it_sits_down_in_reality(observation, tmp_path):
    agent = train_agent(
        spatial_folder(),
        steps=64,
        out=tmp_path / "dreamer",
        num_envs=4,
        observation=observation,
        env_kwargs={"horizon": 10},
        hyperparameters={"n_steps": 8, "n_epochs": 1},
    )
    assert agent.about["policy"] == ("MlpPolicy" if observation == "features" else "CnnPolicy")
    loaded = load_agent(tmp_path / "dreamer")
    assert loaded.seat == agent.seat
    real = evaluate(loaded, episodes=6)
    assert real.env.startswith("WorldSim/PacManFlag-v0")
    assert real.lengths.max() <= 40
    dreamed = evaluate(loaded, loaded.seat, episodes=6)
    assert dreamed.env == "dream of untrained"
    assert dreamed.lengths.max() <= 10


def test_in_reality_through_a_world(tmp_path):
    agent = train_agent(
        "WorldSim/PacManFlag-v0", through=spatial_folder(), steps=64, out=tmp_path, num_envs=4, hyperparameters=SMALL
    )
    assert agent.seat.env_id == "WorldSim/PacManFlag-v0"
    assert evaluate(agent, episodes=4).env == "WorldSim/PacManFlag-v0 through untrained"


def test_an_agent_inside_its_worlds_folder_moves_with_it_and_knows_another_world_when_it_sees_one(tmp_path):
    spatial_world().save(tmp_path / "world")
    train_agent(tmp_path / "world", steps=32, out=tmp_path / "world" / "agent", num_envs=4, hyperparameters=SMALL)
    (tmp_path / "world").rename(tmp_path / "moved")
    moved = load_agent(tmp_path / "moved")  # the world's folder is enough
    assert moved.seat.world == str((tmp_path / "moved").resolve())
    assert moved.name == "moved"
    train_agent(tmp_path / "moved", steps=32, out=tmp_path / "apart", num_envs=4, hyperparameters=SMALL)
    weights = tmp_path / "moved" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BadInput, match="its weights changed"):
        load_agent(tmp_path / "apart")
    shutil.rmtree(tmp_path / "moved")
    with pytest.raises(BadInput, match="was removed"):
        load_agent(tmp_path / "apart")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algo": "pppo"}, "no algorithm 'pppo'; there are .*ppo"),
        ({"hyperparameters": {"learning_rat": 1}}, "ppo has no hyperparameter 'learning_rat'; it has net_arch, "),
        ({"hyperparameters": {"n_steps": "many"}}, "cannot learn here"),
        ({"algo": "sac"}, "cannot learn here .*Discrete"),
        ({"steps": 0}, "at least 1"),
        ({"seed": 2**31}, "seed in"),
        ({"inside": "CartPole-v9"}, "no environment or world 'CartPole-v9'"),
        ({"policy": "CnnPolicy"}, "cannot learn here"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(arguments, message, tmp_path):
    with pytest.raises(BadInput, match=message) as caught:
        train_agent(**{"inside": "CartPole-v1", "out": tmp_path / "agent", "steps": 10, "num_envs": 2, **arguments})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "agent" / "agent.json").exists()


def test_another_training_is_not_overwritten(tmp_path):
    options = {"steps": 32, "out": tmp_path / "agent", "num_envs": 4, "hyperparameters": SMALL}
    train_agent("CartPole-v1", **options)
    with pytest.raises(BadInput, match="holds an agent with seed 0, not 1; choose another out"):
        train_agent("CartPole-v1", seed=1, **options)
    with pytest.raises(BadInput, match="of CartPole-v1, not of Acrobot-v1"):
        train_agent("Acrobot-v1", **options)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("agent.json", b"{", "agent.json is damaged"),
        ("agent.json", b'{"format": 9, "algo": "ppo"}', "has format 9, this worldsim reads 1"),
        ("agent.zip", b"PK nonsense", "agent.zip is damaged"),
        ("agent.zip", None, "expected an agent at .*agent.zip"),
        ("agent.json", None, "holds no agent.json"),
    ],
)
def test_damaged_agents_are_one_line(file, content, message, tmp_path):
    train_agent("CartPole-v1", steps=32, out=tmp_path, num_envs=4, hyperparameters=SMALL)
    (tmp_path / file).unlink() if content is None else (tmp_path / file).write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        load_agent(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_truncated_zip_is_one_line(tmp_path):
    train_agent("CartPole-v1", steps=32, out=tmp_path, num_envs=4, hyperparameters=SMALL)
    whole = (tmp_path / "agent.zip").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 10):
        (tmp_path / "agent.zip").write_bytes(whole[:size])
        with pytest.raises(BadInput, match="damaged"):
            load_agent(tmp_path)
