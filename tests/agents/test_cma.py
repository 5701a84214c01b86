"""Evolution of linear controllers: in a dream as one batch, in reality, killed and gone on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.agents.points import point_world
from tests.worlds import spatial_folder
from worldsim.agents import cma as module
from worldsim.agents.agent import load_agent
from worldsim.agents.cma import CMASettings, train_cma
from worldsim.agents.evaluation import evaluate
from worldsim.agents.linear import LinearController
from worldsim.agents.population import DreamPopulation
from worldsim.agents.search import Search
from worldsim.agents.seat import Seat
from worldsim.dream import Dream
from worldsim.errors import BadInput, Stopped

pytest.importorskip("cma")

SMALL = {"popsize": 4, "rollouts": 2, "evaluate_episodes": 4, "evaluate_every": 2}


def a_controller() -> LinearController:
    model = point_world().model
    return LinearController(model.observation_space, model.action_space)


def lone(controller: LinearController, parameters: np.ndarray, seed: int, temperature: float) -> tuple[float, int]:
    """One episode in a dream of its own."""
    kind = LinearController(controller.observation_space, controller.action_space, None, parameters)
    dream = Dream(point_world(), 1, temperature)
    dream.reset(torch.arange(1), torch.tensor([seed]))
    total, steps = 0.0, 0
    while steps < 20:
        step = dream.step(torch.from_numpy(np.asarray(kind.predict(dream.observe().numpy())[0])))
        total, steps = total + float(step.reward), steps + 1
        if step.terminated:
            break
    return total, steps


def test_the_population_plays_as_each_of_its_rows_alone() -> None:
    rng = np.random.default_rng(0)
    controller = a_controller()
    parameters, seeds = rng.normal(size=(5, controller.size)), rng.integers(0, 1000, (5, 3))
    world = point_world()
    world.model.config.__dict__["keep"] = 0.99  # some leave the plane, so that the batch gets smaller
    try:
        played = DreamPopulation(world, controller, 20, temperature=4.0).play(parameters, seeds)
        expected = [[lone(controller, p, int(s), 4.0) for s in row] for p, row in zip(parameters, seeds, strict=True)]
    finally:
        world.model.config.__dict__["keep"] = 0.5
    assert len(set(played.lengths.ravel().tolist())) > 1
    assert played.lengths.tolist() == [[steps for _, steps in row] for row in expected]
    assert played.returns == pytest.approx(np.array([[total for total, _ in row] for row in expected]), rel=1e-4)


def test_impatient_episodes_end_where_nothing_is_paid() -> None:
    """A row alone, step by step, says when it should have ended."""
    rng = np.random.default_rng(1)
    controller, world = a_controller(), point_world()
    parameters, seeds = rng.normal(size=(6, controller.size)), rng.integers(0, 1000, (6, 2))
    played = DreamPopulation(world, controller, 20, temperature=4.0, patience=3).play(parameters, seeds)
    found: list[tuple[float, int]] = []
    for p, row in zip(parameters, seeds, strict=True):
        kind = LinearController(controller.observation_space, controller.action_space, None, p)
        for seed in row:
            dream = Dream(world, 1, 4.0)
            dream.reset(torch.arange(1), torch.tensor([int(seed)]))
            total, steps, idle = 0.0, 0, 0
            while steps < 20 and idle < 3:
                step = dream.step(torch.from_numpy(np.asarray(kind.predict(dream.observe().numpy())[0])))
                total, steps = total + float(step.reward), steps + 1
                idle = 0 if float(step.reward) > 0 else idle + 1
                if step.terminated:
                    break
            found.append((total, steps))
    assert played.lengths.ravel().tolist() == [steps for _, steps in found]
    assert {3, 20} <= set(played.lengths.ravel().tolist())
    assert played.returns.ravel() == pytest.approx([total for total, _ in found], rel=1e-4, abs=1e-6)


def test_it_learns_in_a_dream(tmp_path: Path) -> None:
    """The point goes to x = 0.5 / (1 - 0.5) * 0.25 if it is always pushed down, 20 steps long."""
    seat = Seat(None, {}, "points", "features")
    search = Search(tmp_path, seat_with_world(seat), CMASettings(popsize=12, rollouts=2), a_controller(), 0)
    population = DreamPopulation(point_world(), a_controller(), 20)
    for _ in range(8):
        search.advance(population)
    search.score(population, 32)
    best = [lone(a_controller(), np.array([0] * 10 + [0, 0, 0, 0, 9.0]), s, 1.0)[0] for s in range(32)]
    assert search.scores[0]["mean"] > 0.9 * np.mean(best) > 5


@pytest.mark.parametrize(("same", "expected"), [(False, 3), (True, 1)])
def test_who_plays_the_same_episodes(same: bool, expected: int, tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    class Watched(DreamPopulation):
        def play(self, parameters: Any, seeds: Any) -> Any:
            seen.append(seeds)
            return super().play(parameters, seeds)

    settings = CMASettings(popsize=6, rollouts=4, same_seeds=same)
    search = Search(tmp_path, seat_with_world(Seat(None, {}, "points", "features")), settings, a_controller(), 0)
    for _ in range(2):
        search.advance(Watched(point_world(), a_controller(), 3))
    for seeds in seen:
        assert seeds.shape == (6, 4)
        assert len(np.unique(seeds, axis=0)) == expected
        assert np.unique(seeds).size == expected * 4
        assert np.array_equal(seeds[:3], seeds[3:])
    assert not set(seen[0].ravel()) & set(seen[1].ravel())


def seat_with_world(seat: Seat) -> Any:
    class Named:
        def resolved(self) -> Seat:
            return seat

    return Named()


def test_killed_it_goes_on_along_the_same_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(out: Path, steps: int) -> Any:
        kwargs = {"horizon": 6}
        return train_cma(spatial_folder(), steps, 3, out, env_kwargs=kwargs, hyperparameters=SMALL)

    whole = run(tmp_path / "whole", 150)
    monkeypatch.setattr(module, "_SAVE_SECONDS", 0.0)
    advance = Search.advance

    def killed(self: Search, players: Any) -> None:
        if self.generation == 2:
            raise MemoryError  # as good as a kill: nothing is saved any more
        advance(self, players)

    monkeypatch.setattr(Search, "advance", killed)
    with pytest.raises(MemoryError):
        run(tmp_path / "parts", 150)
    with (tmp_path / "parts" / "train.jsonl").open("a") as file:
        file.write('{"generation": 9, "step": 1}\n{"gener')
    monkeypatch.setattr(Search, "advance", advance)
    parts = run(tmp_path / "parts", 150)
    assert np.array_equal(parts.model.parameters, whole.model.parameters)
    assert parts.about["scores"] == whole.about["scores"]

    def curve(name: str) -> list[dict[str, float]]:
        lines = [json.loads(line) for line in (tmp_path / name / "train.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if "second" not in k} for line in lines]

    assert curve("parts") == curve("whole")
    assert run(tmp_path / "parts", 150).about["seconds"] == parts.about["seconds"]  # done: nothing is played
    loaded = load_agent(tmp_path / "whole")
    assert evaluate(loaded, episodes=4).n == 4  # in reality, through the world
    assert evaluate(loaded, loaded.seat, episodes=4).lengths.max() <= 6
    with pytest.raises(BadInput, match="a search with popsize 4, not 6"):
        train_cma(
            spatial_folder(),
            9,
            3,
            tmp_path / "whole",
            env_kwargs={"horizon": 6},
            hyperparameters={**SMALL, "popsize": 6},
        )
    (tmp_path / "whole" / "search.pkl").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"search\.pkl is damaged"):
        run(tmp_path / "whole", 150)


def test_it_learns_in_reality(tmp_path: Path) -> None:
    agent = train_cma(
        "CartPole-v1",
        20_000,
        1,
        tmp_path,
        env_kwargs={"max_episode_steps": 100},
        hyperparameters={"popsize": 8, "rollouts": 2, "sigma": 0.5, "evaluate_episodes": 10, "evaluate_every": 5},
    )
    assert max(score["mean"] for score in agent.about["scores"]) > 90
    assert agent.about["parameters"] == 10
    assert evaluate(tmp_path, episodes=5).mean > 80


def test_ctrl_c_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Search.advance

    def interrupted(self: Search, players: Any) -> None:
        if self.generation == 1:
            raise KeyboardInterrupt
        advance(self, players)

    monkeypatch.setattr(Search, "advance", interrupted)
    with pytest.raises(Stopped, match="generation 1"):
        train_cma("CartPole-v1", 10_000, 0, tmp_path, hyperparameters=SMALL)
    assert load_agent(tmp_path).about["generations"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hyperparameters": {"population": 3}}, "no hyperparameter 'population'; it has popsize"),
        ({"hyperparameters": {"popsize": 2}}, "popsize >= 4"),
        ({"hyperparameters": {"patience": -1}}, "patience and hidden are at least 0"),
        ({"hyperparameters": {"hidden": -1}}, "patience and hidden are at least 0"),
        ({"hyperparameters": {"popsize": 8.5}}, "popsize of cma is a whole number, got 8.5"),
        ({"hyperparameters": {"patience": True}}, "patience of cma is a whole number, got True"),
        ({"hyperparameters": {"sigma": "x"}}, "sigma of cma is a number, got 'x'"),
        ({"hyperparameters": {"bias": "maybe"}}, "bias of cma is True or False, got 'maybe'"),
        ({"hyperparameters": {"precision": "fp8"}}, "precision of cma is fp32 or bf16, got 'fp8'"),
        ({"hyperparameters": {"tune": "inputs"}}, "tune of cma is all or outputs, got 'inputs'"),
        ({"workers": 2}, "for real environments"),
        ({"ray": "auto"}, "for real environments"),
        ({"observation": "pixels"}, "sees a world's features"),
        ({"inside": "Pendulum-v1", "hyperparameters": {"features": "plain"}}, "use features=mixed"),
        ({"inside": "WorldSim/PacMan-v0"}, "sees a vector"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_searched(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        train_cma(**{"inside": spatial_folder(), "out": tmp_path, "steps": 10, **changes})


def test_outputs_alone_are_retuned_and_go_on(tmp_path: Path) -> None:
    """CartPole's two outputs: what evolves has four numbers, the controller keeps its ten."""

    def run(name: str, steps: int, **more: Any) -> Any:
        options = {**SMALL, "sigma": 0.5, "tune": "outputs", **more}
        return train_cma("CartPole-v1", steps, 0, tmp_path / name, hyperparameters=options, start_from=start)

    start: Path | None = None
    first = run("first", 1, tune="all").model.parameters
    with pytest.raises(BadInput, match="give --start-from"):
        run("nothing", 1)
    start = tmp_path / "first"
    whole, _ = run("whole", 900), run("parts", 300)
    parts = run("parts", 900)
    assert parts.model.parameters == pytest.approx(whole.model.parameters)
    assert whole.about["generations"] > 1
    assert whole.about["hyperparameters"]["tune"] == "outputs"
    settings = CMASettings(**whole.about["hyperparameters"])
    search = Search(tmp_path / "whole", whole.seat, settings, whole.model, 0, start)
    assert len(search.strategy.mean) == 4
    found, before = search._mean().reshape(5, 2), first.reshape(5, 2)
    assert np.allclose(found[:4] / before[:4], (found[:4] / before[:4])[:1], rtol=1e-4)  # one gain for each output
    assert not np.allclose(found, before)
    start = None
    run("bare", 1, tune="all", bias=False)
    start = tmp_path / "bare"
    with pytest.raises(BadInput, match="which a controller with bias=False has not"):
        run("x", 1, bias=False)


def test_it_goes_on_from_another_controller(tmp_path: Path) -> None:
    def run(name: str, start: Path | None = None, **more: Any) -> Any:
        kwargs = {"max_episode_steps": 20}
        options = {**SMALL, "sigma": 1e-9, **more}
        return train_cma(
            "CartPole-v1", 1, 0, tmp_path / name, env_kwargs=kwargs, hyperparameters=options, start_from=start
        )

    zero = run("zero")
    assert np.abs(zero.model.parameters).max() < 1e-6
    zero.model.parameters = np.arange(10, dtype=np.float32)
    zero.save(tmp_path / "zero")
    onward = run("onward", tmp_path / "zero")
    assert onward.model.parameters == pytest.approx(np.arange(10), abs=1e-6)
    assert onward.about["start_from"] == "zero"
    assert [score["generation"] for score in onward.about["scores"]] == [0, 1]  # what it began with may be best
    moved = [run(name, start, sigma=1.0).model.parameters for name, start in (("a", None), ("b", tmp_path / "zero"))]
    steps = moved[0], moved[1] - np.arange(10, dtype=np.float32)
    assert not np.allclose(*steps)  # the same seed, but not the same draws
    with pytest.raises(BadInput, match=r"a search with start_from .*zero, not None"):
        run("onward")
    with pytest.raises(BadInput, match=r"holds a controller of 10 parameters .*; begin from one of the same kind"):
        run("other", tmp_path / "zero", hidden=3)
    with pytest.raises(BadInput, match="no agent at"):
        run("other", tmp_path / "nowhere")
    about = json.loads((tmp_path / "zero" / "agent.json").read_text())
    (tmp_path / "zero" / "agent.json").write_text(json.dumps({**about, "algo": "ppo"}))
    with pytest.raises(BadInput, match="holds an agent of ppo, expected a controller of cma"):
        run("other", tmp_path / "zero")
    assert not (tmp_path / "other").exists()
