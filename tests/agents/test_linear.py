"""C: the published counts, one controller per row, what it serves and how it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary

from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.linear import LinearConfig, LinearController
from worldsim.errors import BadInput


def box(n: int, low: float = -1.0, high: float = 1.0) -> Box:
    return Box(low, high, (n,), np.float32)


def seen(n: int) -> Box:
    return box(n, -np.inf, np.inf)


@pytest.mark.parametrize(
    ("width", "actions", "config", "size"),
    [
        (32 + 256, 3, LinearConfig(), 867),
        (64 + 512 + 512, 1, LinearConfig(bias=False), 1088),
        (32 + 256, 3, LinearConfig("plain", latent=32, hidden=40), 1443),
        (32 + 256, 3, LinearConfig("plain", latent=32), 99),
        (32 + 256, 3, LinearConfig("hidden", latent=32), 771),
    ],
)
def test_published_counts(width: int, actions: int, config: LinearConfig, size: int) -> None:
    controller = LinearController(seen(width), box(actions), config)
    assert controller.size == controller.parameters.size == size


def test_it_is_tanh_of_a_linear_map_scaled_to_the_bounds() -> None:
    space = Box(np.array([-1, 0], np.float32), np.array([1, 4], np.float32))
    weights = np.arange(1, 9) / 10  # W (3, 2) row by row, then b (2,)
    controller = LinearController(seen(3), space, None, weights)
    x = np.array([0.5, -1, 2])
    raw = np.tanh(x @ weights[:6].reshape(3, 2) + weights[6:])
    action, _ = controller.predict(x)
    assert action == pytest.approx([raw[0], 2 * (raw[1] + 1)], rel=1e-5)
    assert controller.predict(np.stack([x, -x]))[0].shape == (2, 2)
    assert space.contains(controller.predict(1e6 * x)[0])


def test_a_hidden_layer_and_parts_of_the_features() -> None:
    rng = np.random.default_rng(0)
    config = LinearConfig("hidden", latent=2, hidden=4, bias=False)
    controller = LinearController(seen(5), box(1), config)
    controller.parameters = rng.normal(size=controller.size).astype(np.float32)
    first, second = controller.parameters[:12].reshape(3, 4), controller.parameters[12:].reshape(4, 1)
    x = rng.normal(size=5)
    assert controller.predict(x)[0] == pytest.approx(np.tanh(np.tanh(x[2:] @ first) @ second), rel=1e-4)
    x[:2] = 9
    plain = LinearController(seen(5), Discrete(3, start=4), LinearConfig("plain", latent=2))
    plain.parameters = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0.5], np.float32)
    assert plain.predict(np.array([[3, 1, 9, 9, 9], [1, 3, 9, 9, 9], [0, 0, 9, 9, 9]]))[0].tolist() == [4, 5, 6]


def test_retuned_outputs_are_gains_and_offsets_before_the_tanh() -> None:
    rng = np.random.default_rng(2)
    config = LinearConfig("plain", latent=3, hidden=4)
    controller = LinearController(seen(5), box(2), config, rng.normal(size=(3 + 1) * 4 + (4 + 1) * 2) / 3)
    x = rng.normal(size=5)
    raw = np.arctanh(controller.predict(x)[0].astype(np.float64))
    changes = np.array([[0, 0, 0, 0], [np.log(2), 0, 0, -1], [0, np.log(0.5), 0.25, 0]])
    found = controller.retuned(controller.parameters, changes)
    assert found.shape == (3, controller.size)
    assert found[0] == pytest.approx(controller.parameters)
    for parameters, expected in zip(found, (raw, raw * [2, 1] + [0, -1], raw * [1, 0.5] + [0.25, 0]), strict=True):
        action = LinearController(seen(5), box(2), config, parameters).predict(x)[0]
        assert action == pytest.approx(np.tanh(expected), rel=1e-4)
    with pytest.raises(BadInput, match="which a controller with bias=False has not"):
        LinearController(seen(5), box(2), LinearConfig(bias=False)).retuned(np.zeros(10), np.zeros((1, 4)))


def test_one_controller_per_row() -> None:
    controller = LinearController(seen(6), box(2), LinearConfig(hidden=3))
    population = torch.randn(4, controller.size, generator=torch.Generator().manual_seed(0))
    observations = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    together = controller.act(controller.layers(population), observations).numpy()
    for row in range(4):
        alone = LinearController(seen(6), box(2), LinearConfig(hidden=3), population[row].numpy())
        assert together[row] == pytest.approx(alone.predict(observations[row].numpy())[0], rel=1e-5)


def test_it_is_kept_as_an_agent(tmp_path: Path) -> None:
    controller = LinearController(seen(4), Discrete(2), LinearConfig("plain", latent=3), np.arange(8.0))
    Agent(controller, "cma", None, "c", {"steps": 5}).save(tmp_path / "c")
    agent = load_agent(tmp_path / "c")
    assert agent.model.observation_space == seen(4)
    assert agent.model.action_space == Discrete(2)
    assert agent.model.config == controller.config
    assert np.array_equal(agent.model.parameters, controller.parameters)
    (tmp_path / "c" / "agent.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(BadInput, match="damaged or no linear controller"):
        load_agent(tmp_path / "c")


@pytest.mark.parametrize(
    ("shown", "taken", "config", "words"),
    [
        (Box(0, 255, (8, 8, 3), np.uint8), box(1), LinearConfig(), "sees a vector"),
        (Dict({"a": box(2)}), box(1), LinearConfig(), "sees a vector"),
        (seen(4), MultiBinary(3), LinearConfig(), "Discrete or a bounded Box"),
        (seen(4), seen(2), LinearConfig(), "Discrete or a bounded Box"),
        (seen(4), box(2), LinearConfig("plain"), "use features=mixed"),
        (seen(4), box(2), LinearConfig("hidden", latent=4), "use features=mixed"),
        (seen(4), box(2), LinearConfig("all"), "plain, hidden or mixed"),  # type: ignore[arg-type]
    ],
)
def test_what_it_cannot_serve(shown: Box, taken: Box, config: LinearConfig, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        LinearController(shown, taken, config)
    with pytest.raises(BadInput, match="has 10 parameters"):
        LinearController(seen(4), box(2), None, np.zeros(9))
