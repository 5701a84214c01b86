"""Layers of message passing, as torch_geometric has them, behind one call: (x, edge_index, edge_type) -> x."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from gymnasium.error import DependencyNotInstalled
from torch import Tensor, nn

from worldsim.errors import BadInput

Kind = Literal["mean", "gcn", "relational"]
KINDS: tuple[Kind, ...] = ("mean", "gcn", "relational")


def geometric() -> Any:
    """torch_geometric.nn, imported when it is asked for (it takes two seconds or more)."""
    try:
        import torch_geometric.nn as layers
    except Exception as error:  # a broken installation fails in many ways
        raise DependencyNotInstalled(
            f"graph layers need torch_geometric ({type(error).__name__}: {' '.join(str(error).split())}); run "
            '`pip install "torch-geometric>=2.6"`'
        ) from None
    return layers


class MessagePassing(nn.Module):
    """One layer of message passing.

    - ``"mean"``: ``h_v = W mean_{u in N(v)} x_u + B x_v`` (Hamilton, Ying & Leskovec 2017, arXiv:1706.02216),
      torch_geometric's SAGEConv. A node without neighbours keeps ``B x_v``.
    - ``"gcn"``: ``H = D^-1/2 (A + I) D^-1/2 X W`` (Kipf & Welling 2017, arXiv:1609.02907, eq. 2), GCNConv.
    - ``"relational"``: ``h_v = B x_v + sum_r mean_{u in N_r(v)} W_r x_u`` (Schlichtkrull et al. 2018, arXiv:1703.06103,
      eq. 2 with c = |N_r(v)|), RGCNConv. The only one of the three that can tell left from right.

    Args:
        kind: one of KINDS.
        inputs: F of x.
        outputs: F of the result.
        relations: kinds of edges; only "relational" looks at them.

    Shapes:
        x (V, inputs), edge_index (2, E) int64 (from, to), edge_type (E,) int64 -> (V, outputs)
    """

    def __init__(self, kind: Kind, inputs: int, outputs: int, relations: int = 4) -> None:
        super().__init__()
        if kind not in KINDS:
            raise BadInput(f"expected a layer of kind {', '.join(KINDS)}, got {kind!r}")
        layers = geometric()
        self.kind, self.relations = kind, relations
        if kind == "mean":
            self.layer = layers.SAGEConv(inputs, outputs, aggr="mean")
        elif kind == "gcn":
            self.layer = layers.GCNConv(inputs, outputs)
        else:
            self.layer = layers.RGCNConv(inputs, outputs, relations, aggr="mean")

    def forward(self, x: Tensor, edge_index: Tensor, edge_type: Tensor) -> Tensor:
        """One round of messages."""
        h: Tensor
        if self.kind == "relational":
            h = self.layer(x, edge_index, edge_type)
        else:
            h = self.layer(x, edge_index)
        return h


class GraphNet(nn.Module):
    """``depth`` layers of one kind with ReLU between them and a linear map of all layers' results at the end.

    Args:
        kind: one of KINDS.
        inputs: F of x.
        hidden: width.
        outputs: F of the result.
        depth: layers, and so how far a node sees.
        relations: kinds of edges.

    Shapes:
        x (V, inputs), edge_index (2, E), edge_type (E,) -> (V, outputs)
    """

    def __init__(self, kind: Kind, inputs: int, hidden: int, outputs: int, depth: int = 3, relations: int = 4) -> None:
        super().__init__()
        sizes = [inputs, *[hidden] * depth]
        self.layers = nn.ModuleList(
            MessagePassing(kind, a, b, relations) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.head = nn.Linear(sum(sizes), outputs)
        self.relations = relations

    def forward(self, x: Tensor, edge_index: Tensor, edge_type: Tensor) -> Tensor:
        """All rounds; checks devices and edge types first."""
        check_graph(x, edge_index, edge_type, self.relations)
        seen = [x]
        for layer in self.layers:
            seen.append(F.relu(layer(seen[-1], edge_index, edge_type)))
        h: Tensor = self.head(torch.cat(seen, -1))
        return h


def check_graph(x: Tensor, edge_index: Tensor, edge_type: Tensor, relations: int) -> None:
    """Refuse what would fail somewhere inside torch_geometric, or worse, not fail.

    Raises:
        BadInput: devices differ, or an edge's kind or end is one that there is not.
    """
    devices = {str(part.device) for part in (x, edge_index, edge_type)}
    if len(devices) > 1:
        raise BadInput(f"expected a graph on one device, got parts on {', '.join(sorted(devices))}; move it whole")
    if edge_type.numel() == 0:
        return
    kinds = int(edge_type.min()), int(edge_type.max())
    if kinds[0] < 0 or kinds[1] >= relations:
        raise BadInput(f"expected edges of the {relations} kinds 0 to {relations - 1}, got {kinds[0]} to {kinds[1]}")
    ends = int(edge_index.min()), int(edge_index.max())
    if ends[0] < 0 or ends[1] >= len(x):
        raise BadInput(f"expected edges between nodes 0 to {len(x) - 1}, got ends from {ends[0]} to {ends[1]}")
