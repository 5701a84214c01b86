"""Boards as tensors: planes there and back, the adjacency, the real game's looks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.gnn.graph_games import steps
from worldsim.envs.pacman import paint, tiles
from worldsim.envs.pacman.planes import state_of
from worldsim.errors import BadInput
from worldsim.gnn import looks
from worldsim.gnn.board import decode, encode, free, move
from worldsim.gnn.maze_graph import maze_graph

TASKS = ("arcade", "flag")


@pytest.mark.parametrize("task", TASKS)
def test_planes_there_and_back(task: str) -> None:
    played = steps(task)
    for planes in (played.before, played.after):
        assert torch.equal(encode(decode(planes)), planes)


def test_the_state_carries_the_adjacency() -> None:
    state = decode(steps().before)
    graph = maze_graph(state_of(steps().before.numpy()))
    width = state["cell"].shape[2]
    node = graph.cell[:, 0] * width + graph.cell[:, 1]
    found = torch.zeros(len(state["doors"]), state["doors"].shape[1], 5, dtype=torch.bool)
    found[..., 0] = True
    receiver = graph.edge_index[1]
    found[graph.batch[receiver], node[receiver], graph.edge_type + 1] = True
    every = torch.arange(state["doors"].shape[1]).expand(len(found), -1)
    assert torch.equal(free(state, every), found)
    sender = move(state, node[receiver], graph.edge_type + 1)
    assert torch.equal(sender, node[graph.edge_index[0]])


@pytest.mark.parametrize("task", TASKS)
def test_looks_are_the_real_games(task: str) -> None:
    played = steps(task)
    for planes in (played.before, played.after):
        state, real = decode(planes), state_of(planes.numpy())
        for view in (3, 7, 15):
            assert np.array_equal(looks.tile_codes(state, view).numpy(), _real_codes(planes, view))
        board = paint.paint(real, None)
        drawn = looks.paint(state).numpy()
        inside = np.kron(planes[..., 0].numpy() > 0, np.ones((12, 12)))[..., None] > 0
        rows, cols = 9 * 12, 11 * 12
        smaller = state_of(planes[:, :9, :11].numpy())
        assert (drawn[:, :rows, :cols] == paint.paint(smaller, None)).all()
        assert (drawn * ~inside == 0).all()
        assert drawn.shape == board.shape


def _real_codes(planes: torch.Tensor, view: int) -> np.ndarray:
    """Of the board without the frame around it."""
    return tiles.tile_codes(state_of(planes[:, :9, :11].numpy()), view)


def test_frames_that_are_no_boards_are_one_line() -> None:
    with pytest.raises(BadInput, match="expected planes"):
        decode(torch.zeros(2, 9, 9, 3, dtype=torch.uint8))
    with pytest.raises(BadInput, match="no open cell"):
        decode(torch.ones(2, 9, 9, 18, dtype=torch.uint8))
