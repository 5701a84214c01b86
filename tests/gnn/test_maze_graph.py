"""Games as graphs: nodes are open cells, edges know their side, boards do not touch, other games fit in."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import pytest
import torch

from tests.envs.boards import board
from worldsim.envs.pacman.nodes import most_nodes, to_nodes
from worldsim.envs.pacman.types import MOVES
from worldsim.errors import BadInput
from worldsim.gnn.layers import GraphNet
from worldsim.gnn.maze_graph import FEATURES, Graph, maze_graph

SCENE = """
#######
#P. 0F#
# # # #
#o   1#
#######
"""


def value(graph: Graph, cell: tuple[int, int], name: str) -> float:
    node = int((graph.cell == torch.tensor(cell)).all(1).nonzero()[0, 0])
    return float(graph.x[node, FEATURES.index(name)])


def test_nodes_are_open_cells_and_say_what_is_there() -> None:
    state = board(SCENE, headings="<v", modes=(0, 1), fright=15)  # type: ignore[arg-type]
    graph = maze_graph(state)
    assert len(graph.x) == (~state.walls).sum() == 13
    assert value(graph, (1, 1), "player") == 1
    assert value(graph, (1, 2), "food") == value(graph, (3, 1), "pellet") == value(graph, (1, 5), "flag") == 1
    assert value(graph, (1, 4), "ghost_left") == value(graph, (3, 5), "frightened") == 1
    assert (graph.x[:, FEATURES.index("fright")] == 0.5).all()
    assert graph.x[:, FEATURES.index("player")].sum() == 1


def test_edges_lie_on_the_side_that_their_kind_says() -> None:
    graph = maze_graph(board(SCENE))
    away = graph.cell[graph.edge_index[0]] - graph.cell[graph.edge_index[1]]  # (E, 2)
    assert torch.equal(away, torch.from_numpy(MOVES[1:])[graph.edge_type])
    assert len(graph.edge_type) == 2 * 14  # a ring of 12 cells and one bar: 14 passages, both ways


def test_boards_are_a_disjoint_union() -> None:
    envs = gym.make_vec("WorldSim/PacManGraph-v0", 5, rows=9, cols=12)
    envs.reset(seed=0)
    state = envs.unwrapped.state
    union, parts = maze_graph(state), [maze_graph(state.take(np.array([i]))) for i in range(5)]
    assert torch.equal(union.batch[union.edge_index[0]], union.batch[union.edge_index[1]])
    assert torch.equal(union.x, torch.cat([part.x for part in parts]))
    net = GraphNet("relational", len(FEATURES), 8, 2)
    alone = torch.cat([net(*part[:3]) for part in parts])
    torch.testing.assert_close(net(*union[:3]), alone, rtol=0, atol=1e-6)


def test_the_padded_form_has_the_same_edges() -> None:
    state = board(SCENE)
    graph, nodes = maze_graph(state), to_nodes(~state.walls, np.zeros((*state.walls.shape, 1), np.float32), 20)
    assert nodes.mask.sum() == len(graph.x)
    to, side = np.nonzero(nodes.edges[0] < 20)
    assert np.array_equal(np.stack([nodes.edges[0][to, side], to]), graph.edge_index.numpy())
    assert np.array_equal(side, graph.edge_type.numpy())
    for shape in ((8, 8), (9, 12), (31, 28)):
        envs = gym.make_vec("WorldSim/PacManGraph-v0", 20, rows=shape[0], cols=shape[1])
        assert int(envs.reset(seed=1)[0]["mask"].sum(1).max()) <= most_nodes(shape)


@dataclass
class Keys:
    """Another game: rooms with a locked door, a key and a goal, drawn as MiniGrid draws them."""

    rows: list[str]

    @property
    def open(self) -> np.ndarray:
        return np.array([[list(row) for row in self.rows]]) != "W"

    @property
    def features(self) -> np.ndarray:
        grid = np.array([[list(row) for row in self.rows]])
        return np.stack([grid == letter for letter in "AKDG"], -1).astype(np.float32)


def test_another_game_becomes_a_graph() -> None:
    graph = maze_graph(Keys(["WWWWWWW", "WA  W W", "W K D W", "W   WGW", "WWWWWWW"]))
    assert graph.x.shape == (13, 4)
    assert graph.x.sum(0).tolist() == [1, 1, 1, 1]
    # Through the door: as many rounds of messages as there are steps from the goal to the player, and no fewer.
    net = GraphNet("relational", 4, 8, 1, depth=6)
    moved = graph.x.clone()
    moved[graph.x[:, 3] == 1, 3] = 5.0
    start = int(graph.x[:, 0].argmax())
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.weight[:, -8:] = 1.0
        for layer in net.layers:
            layer.layer.weight.abs_()
            layer.layer.root.abs_()
    apart = (net(moved, *graph[1:3]) - net(graph.x, *graph[1:3]))[:, 0]
    distance = (graph.cell - graph.cell[int(graph.x[:, 3].argmax())]).abs().sum(1)
    assert (apart[distance > 6] == 0).all()
    assert int(distance[start]) == 6
    assert apart[start] > 0


def test_a_board_without_an_open_cell_is_one_line() -> None:
    with pytest.raises(BadInput, match="board 0 has no open cell"):
        maze_graph(Keys(["WWW", "WWW"]))
    with pytest.raises(BadInput, match="expected open cells"):
        maze_graph(type("Flat", (), {"open": np.ones((3, 3), bool), "features": np.ones((3, 3))})())
