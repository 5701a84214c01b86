"""The maze policy: its layers are torch_geometric's, padding and the order of nodes do not matter, it goes anywhere."""

from __future__ import annotations

from typing import Any, Literal

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from worldsim.agents.sb3 import SB3VecEnv
from worldsim.envs.pacman.nodes import FEATURES, most_nodes, node_features, to_nodes
from worldsim.errors import BadInput
from worldsim.gnn.layers import geometric
from worldsim.gnn.maze_graph import maze_graph
from worldsim.gnn.policy import MazeExtractor, PaddedMessages, neighbours, on_space, policy_kwargs


def observed(rows: int = 9, cols: int = 10, count: int = 6, **more: Any) -> tuple[gym.vector.VectorEnv, dict[str, Any]]:
    envs = gym.make_vec("WorldSim/PacManGraph-v0", count, rows=rows, cols=cols, **more)
    return envs, {name: torch.from_numpy(value) for name, value in envs.reset(seed=0)[0].items()}


@pytest.mark.parametrize("kind", ["relational", "gcn"])
def test_padded_messages_are_torch_geometrics(kind: Literal["relational", "gcn"]) -> None:
    torch.manual_seed(0)
    envs, seen = observed()
    graph = maze_graph(envs.unwrapped.state)
    layer = PaddedMessages(kind, len(FEATURES), 7)
    layer.bias.data.normal_()
    if kind == "relational":
        peer = geometric().RGCNConv(len(FEATURES), 7, 4)
        peer.weight.data, peer.root.data, peer.bias.data = layer.weight.data[1:], layer.weight.data[0], layer.bias.data
        expected = peer(graph.x, graph.edge_index, graph.edge_type)
    else:
        peer = geometric().GCNConv(len(FEATURES), 7)
        peer.lin.weight.data, peer.bias.data = layer.weight.data[0].T, layer.bias.data
        expected = peer(graph.x, graph.edge_index)
    torch.testing.assert_close(layer(seen["x"], seen["edges"])[seen["mask"] > 0], expected, rtol=0, atol=1e-5)


def test_nothing_beside_a_wall() -> None:
    _, seen = observed()
    x = torch.ones_like(seen["x"])
    around = neighbours(x, seen["edges"])
    assert torch.equal(around[..., 0] > 0, seen["edges"] < x.shape[1])


@pytest.mark.parametrize("kind", ["relational", "gcn"])
def test_padding_and_the_order_of_nodes_do_not_matter(kind: Literal["relational", "gcn"]) -> None:
    torch.manual_seed(0)
    envs, seen = observed()
    net = MazeExtractor(envs.single_observation_space, kind=kind)
    out = net(seen)
    assert out.shape == (6, net.features_dim)
    state = envs.unwrapped.state
    wide = to_nodes(~state.walls, node_features(state), 90)
    padded = {"x": torch.from_numpy(wide.x), "mask": torch.from_numpy(wide.mask), "edges": torch.from_numpy(wide.edges)}
    torch.testing.assert_close(net(padded), out, rtol=0, atol=1e-6)
    count = seen["x"].shape[1]
    order = torch.randperm(count)
    place = torch.cat([order.argsort(), torch.tensor([count])])
    mixed = {"x": seen["x"][:, order], "mask": seen["mask"][:, order], "edges": place[seen["edges"][:, order]]}
    torch.testing.assert_close(net(mixed), out, rtol=0, atol=1e-6)


def test_only_the_relational_policy_knows_left_from_right() -> None:
    """Food on the other side of the player: a turned board."""
    _, seen = observed()
    turned = {**seen, "edges": seen["edges"][..., [1, 0, 3, 2]]}
    space = observed()[0].single_observation_space
    for kind, differs in (("relational", True), ("gcn", False)):
        torch.manual_seed(0)
        net = MazeExtractor(space, kind=kind, rounds=3)  # type: ignore[arg-type]
        middle, around = (part.unflatten(1, (5, -1)) for part in (net(seen), net(turned)))
        assert torch.allclose(middle[:, 0], around[:, 0], atol=1e-5) is not differs


def test_an_agent_trained_on_small_boards_acts_on_large_ones() -> None:
    envs, _ = observed(8, 8, count=4, ghosts=2)
    model = PPO(
        "MultiInputPolicy",
        SB3VecEnv(envs),
        n_steps=8,
        batch_size=16,
        n_epochs=1,
        device="cpu",
        seed=0,
        policy_kwargs=policy_kwargs(hidden=8, rounds=3),
    )
    model.learn(32)
    large = gym.make_vec("WorldSim/PacManGraph-v0", 3, rows=31, cols=28)
    policy = on_space(model, large.single_observation_space, rounds=9)
    seen = large.reset(seed=0)[0]
    assert seen["x"].shape[1] == most_nodes((31, 28))
    actions, _ = policy.predict(seen, deterministic=True)
    assert actions.shape == (3,)
    small = envs.reset(seed=3)[0]
    same = on_space(model, envs.single_observation_space)
    assert np.array_equal(same.predict(small, deterministic=True)[0], model.predict(small, deterministic=True)[0])
    assert policy.features_extractor.rounds == 9
    assert model.policy.features_extractor.rounds == 3


def test_other_observations_are_one_line() -> None:
    with pytest.raises(BadInput, match="Dict of x, mask and edges"):
        MazeExtractor(gym.spaces.Box(0, 1, (4,)))
    with pytest.raises(BadInput, match="relational or gcn"):
        PaddedMessages("mean", 3, 3)  # type: ignore[arg-type]
