"""A relational layer computed only where it is asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gnn.board import SIDES, free, move
from worldsim.protocol import State

NODE_FEATURES = 8  # open, food, pellet, flag, steps to the mover's home modulo 3 (one hot), home


class RelationalAt(nn.Module):
    """``h_v = relu(b + B x_v + sum_r W_r x_{N_r(v)})`` at the nodes where movers stand.

    The same numbers as torch_geometric's RGCNConv (Schlichtkrull et al. 2018, arXiv:1703.06103, eq. 2; a cell has at
    most one neighbour on each side) over the whole graph, read off at those nodes: a test compares them. It costs as
    much on a board of 9 x 9 cells as on one of 31 x 28.

    A node's features are its items and, for the ghost that looks, the steps to this ghost's home modulo 3: the layer
    can tell from them which neighbour is nearer, however far away home is.

    Args:
        hidden: width of h.

    Shapes:
        state of B games, cells (B, M) int64, ghosts (M,) int64 (whose home; -1 for none) -> (B, M, hidden)
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1 + SIDES, NODE_FEATURES, hidden))  # B, then W_r for each side
        self.bias = nn.Parameter(torch.zeros(hidden))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, state: State, cells: Tensor, ghosts: Tensor) -> Tensor:
        """Read the nodes and their neighbours."""
        count, movers = cells.shape
        sides = torch.arange(1 + SIDES, device=cells.device)
        around = move(state, cells[..., None], sides)  # (B, M, 5)
        around = around.clamp(0, state["doors"].shape[1] - 1)
        x = node_inputs(state, around, ghosts) * free(state, cells)[..., None]  # (B, M, 5, F)
        h = x.reshape(count, movers, -1) @ self.weight.flatten(0, 1) + self.bias
        return F.relu(h)


def node_inputs(state: State, cells: Tensor, ghosts: Tensor) -> Tensor:
    """Features of cells (B, M, N) as mover m sees them: (B, M, N, NODE_FEATURES) float32."""
    count, movers, each = cells.shape
    flat = cells.reshape(count, 1, -1)
    items = state["items"].gather(2, flat.expand(-1, 3, -1)).view(count, 3, movers, each)
    homes = state["homes"].index_select(1, ghosts.clamp(min=0)).gather(2, cells)  # (B, M, N)
    homes = torch.where((ghosts >= 0)[:, None], homes, 0)
    thirds = torch.stack([(homes > 0) & (homes % 3 == third) for third in range(3)], -1)
    parts = [torch.ones_like(homes)[..., None], items.permute(0, 2, 3, 1), thirds, (homes == 1)[..., None]]
    return torch.cat([part.float() for part in parts], -1)


def mlp(inputs: int, hidden: int, outputs: int, depth: int = 1) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(inputs, hidden), nn.ReLU()]
        inputs = hidden
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
