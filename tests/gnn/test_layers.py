"""Layers of message passing: equal to dense formulas, indifferent to the order of nodes, finite without neighbours."""

from __future__ import annotations

import sys

import pytest
import torch
from gymnasium.error import DependencyNotInstalled
from torch import Tensor

from worldsim.errors import BadInput
from worldsim.gnn.layers import KINDS, GraphNet, Kind, MessagePassing

V, R = 11, 4


def graph(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Random features and typed edges without doubles; node 10 has no edge at all."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.rand(V - 1, V - 1, generator=generator) < 0.3
    index = pairs.fill_diagonal_(False).nonzero().T.contiguous()
    return torch.randn(V, 5, generator=generator), index, torch.randint(R, (index.shape[1],), generator=generator)


def adjacency(index: Tensor, keep: Tensor | None = None) -> Tensor:
    """A[v, u] = 1 for an edge from u to v."""
    a = torch.zeros(V, V)
    chosen = index if keep is None else index[:, keep]
    a[chosen[1], chosen[0]] = 1
    return a


def mean(a: Tensor) -> Tensor:
    return a / a.sum(1, keepdim=True).clamp(min=1)


def test_mean_is_the_dense_formula() -> None:
    x, index, kinds = graph()
    layer = MessagePassing("mean", 5, 3)
    w, b = layer.layer.lin_l, layer.layer.lin_r
    dense = mean(adjacency(index)) @ x @ w.weight.T + w.bias + x @ b.weight.T
    torch.testing.assert_close(layer(x, index, kinds), dense, rtol=0, atol=1e-6)


def test_gcn_is_the_dense_formula() -> None:
    x, index, kinds = graph()
    layer = MessagePassing("gcn", 5, 3)
    a = adjacency(index) + torch.eye(V)
    scale = a.sum(1).rsqrt()
    dense = (scale[:, None] * a * scale) @ (x @ layer.layer.lin.weight.T) + layer.layer.bias
    torch.testing.assert_close(layer(x, index, kinds), dense, rtol=0, atol=1e-6)


def test_relational_is_the_dense_formula_and_tells_kinds_apart() -> None:
    x, index, kinds = graph()
    layer = MessagePassing("relational", 5, 3)
    dense = x @ layer.layer.root + layer.layer.bias
    for r in range(R):
        dense = dense + mean(adjacency(index, kinds == r)) @ x @ layer.layer.weight[r]
    torch.testing.assert_close(layer(x, index, kinds), dense, rtol=0, atol=1e-6)
    other = (kinds + 1) % R
    assert not torch.allclose(layer(x, index, other), layer(x, index, kinds), atol=1e-3)
    for kind in ("mean", "gcn"):
        blind = MessagePassing(kind, 5, 3)
        assert torch.equal(blind(x, index, other), blind(x, index, kinds))


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_nodes_does_not_matter_and_a_lonely_node_is_finite(kind: Kind) -> None:
    torch.manual_seed(1)
    net = GraphNet(kind, 5, 16, 3)
    x, index, kinds = graph()
    order = torch.randperm(V)
    place = order.argsort()  # where each node went
    out = net(x, index, kinds)
    torch.testing.assert_close(net(x[order], place[index], kinds), out[order], rtol=0, atol=1e-6)
    assert out.isfinite().all()
    none = net(x, index[:, :0], kinds[:0])
    assert none.isfinite().all()
    torch.testing.assert_close(none[10], out[10], rtol=0, atol=1e-6)  # it had no neighbours before


def test_bad_graphs_are_one_line() -> None:
    net = GraphNet("relational", 5, 8, 3)
    x, index, kinds = graph()
    with pytest.raises(BadInput, match="kinds 0 to 3, got 0 to 4"):
        net(x, index, torch.where(kinds == 2, 4, kinds).index_fill(0, torch.tensor([0]), 0))
    with pytest.raises(BadInput, match="one device"):
        net(x, index.to("meta"), kinds)
    with pytest.raises(BadInput, match="nodes 0 to 10"):
        net(x, index + 2, kinds)
    with pytest.raises(BadInput, match="mean, gcn, relational"):
        MessagePassing("attention", 5, 3)  # type: ignore[arg-type]


def test_a_broken_torch_geometric_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric.nn", None)
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    with pytest.raises(DependencyNotInstalled, match="pip install") as caught:
        MessagePassing("mean", 5, 3)
    assert "\n" not in str(caught.value)
