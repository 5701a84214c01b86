"""What a graph world is measured against: copy the state, or let a plain network predict every cell."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.envs.pacman.ghosts import scattering
from worldsim.gnn.board import AGE, CLOCK, FLAG, FRIGHT, SIDES, place
from worldsim.gnn.layers import GraphNet
from worldsim.gnn.transitions import TransitionBatch
from worldsim.protocol import State

Baseline = Literal["mlp", "cnn", "mean", "gcn", "relational"]
BASELINES: tuple[Baseline, ...] = ("mlp", "cnn", "mean", "gcn", "relational")

INPUTS = 5 + 4 + 4 * (4 + 3 + 1 + 3) + 4 + 5 + 8 + 3 + 1
OUTPUTS = 1 + 4 + 4 * (1 + 4 + 3) + 2  # player and heading; each ghost, its heading and mode; food and pellet


class NodePredictor(nn.Module):
    """Predicts what every node holds after the step, with one network for all that is predicted.

    Player and ghosts: which of all nodes holds them (a softmax over the board); what lies there: yes or no for each
    node. Counters, reward and ending are left out, and whether the ghosts scatter is told. Every node is also given
    the displacement to the player and to ghost 0, without which nothing with three layers could see them.

    Args:
        kind: "mlp" (on a flat grid of one size), "cnn" (3 x 3), or a kind of `worldsim.gnn.layers.MessagePassing`.
        shape: (rows, cols) of the grid; only "mlp" depends on it.
        hidden: width.
    """

    def __init__(self, kind: Baseline, shape: tuple[int, int], hidden: int = 64) -> None:
        super().__init__()
        self.kind, self.shape = kind, shape
        cells = shape[0] * shape[1]
        if kind == "mlp":
            self.net: nn.Module = nn.Sequential(
                nn.Linear(cells * INPUTS, 256),
                nn.ReLU(),
                nn.Linear(256, 256),
                nn.ReLU(),
                nn.Linear(256, cells * OUTPUTS),
            )
        elif kind == "cnn":
            self.net = nn.Sequential(
                nn.Conv2d(INPUTS, hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden, OUTPUTS, 1),
            )
        else:
            self.net = GraphNet(kind, INPUTS, hidden, OUTPUTS)

    def forward(self, state: State, action: Tensor) -> Tensor:
        """(B, V, OUTPUTS)."""
        x = inputs(state, action)
        count, height, width = state["cell"].shape
        if self.kind == "mlp":
            return self.net(x.flatten(1)).view(count, height * width, OUTPUTS)
        if self.kind == "cnn":
            out: Tensor = self.net(x.view(count, height, width, -1).permute(0, 3, 1, 2))
            return out.permute(0, 2, 3, 1).flatten(1, 2)
        open_cells = (state["cell"] == 2).flatten(1)
        edge_index, edge_type = edges(state)
        flat = open_cells.flatten()
        number = flat.cumsum(0) - 1
        out = x.new_zeros(len(flat), OUTPUTS)
        out[flat] = self.net(x.flatten(0, 1)[flat], number[edge_index], edge_type)
        return out.view(count, -1, OUTPUTS)

    def loss(self, batch: TransitionBatch, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """Nats of one batch: where things are, how they face, what lies where."""
        before, after = batch.before, batch.after
        logits = self(before, batch.action)
        open_cells = (before["cell"] == 2).flatten(1)
        there = torch.cat([torch.ones_like(before["present"][:, :1]), before["present"]], 1).float()  # (B, 5)
        at = torch.cat([after["player"][:, None], after["ghost"]], 1)  # (B, 5)
        where = _where(logits, open_cells).log_softmax(1).gather(1, at[:, None])[:, 0]
        nats = -(where * there).sum(1)
        facing, mode = _at(logits, at)
        heading = torch.cat([after["heading"][:, None], after["ghost_heading"]], 1)
        nats = nats + (F.cross_entropy(facing.transpose(1, 2), heading, reduction="none") * there).sum(1)
        modes = F.cross_entropy(mode.transpose(1, 2), after["ghost_mode"], reduction="none")
        nats = nats + (modes * there[:, 1:]).sum(1)
        lying = after["items"][:, :FLAG].transpose(1, 2).float()
        items = F.binary_cross_entropy_with_logits(logits[..., -2:], lying, reduction="none")
        return (nats + (items * open_cells[..., None]).sum((1, 2))).mean(), {}

    def predict(self, state: State, action: Tensor) -> State:
        """The likeliest next state; counters and outcome stay as they were."""
        logits = self(state, action)
        open_cells = (state["cell"] == 2).flatten(1)
        at = _where(logits, open_cells).argmax(1)  # (B, 5)
        facing, mode = _at(logits, at)
        lying = (logits[..., -2:] > 0).transpose(1, 2).to(torch.uint8) * open_cells[:, None]
        return {
            **state,
            "player": at[:, 0],
            "heading": facing[:, 0].argmax(-1),
            "ghost": torch.where(state["present"], at[:, 1:], state["ghost"]),
            "ghost_heading": torch.where(state["present"], facing[:, 1:].argmax(-1), state["ghost_heading"]),
            "ghost_mode": torch.where(state["present"], mode.argmax(-1), 0),
            "items": torch.cat([lying, state["items"][:, FLAG:]], 1),
        }


def inputs(state: State, action: Tensor) -> Tensor:
    """(B, V, INPUTS) float32: what every cell knows."""
    count, height, width = state["cell"].shape
    cells = height * width
    device = action.device
    x = torch.zeros(count, cells, INPUTS, device=device)
    rows = torch.arange(count, device=device)
    x[..., 0] = (state["cell"] == 2).flatten(1)
    x[..., 1:4] = state["items"].transpose(1, 2)
    x[rows, state["player"], 4] = 1
    x[rows, state["player"], 5 + state["heading"]] = 1
    for ghost in range(4):
        first, on = 9 + 11 * ghost, state["present"][:, ghost].float()
        x[rows, state["ghost"][:, ghost], first + state["ghost_heading"][:, ghost]] = on
        x[rows, state["ghost"][:, ghost], first + 4 + state["ghost_mode"][:, ghost]] = on
        home = state["homes"][:, ghost]
        x[..., first + 7] = home == 1
        for third in range(3):
            x[..., first + 8 + third] = (home > 0) & (home % 3 == third)
    everywhere = place(state, torch.arange(cells, device=device).expand(count, -1))
    x[..., 53:55] = (place(state, state["player"])[:, None] - everywhere) / 8
    x[..., 55:57] = (place(state, state["ghost"][:, 0])[:, None] - everywhere) / 8
    counters = state["counters"]
    scatter = torch.from_numpy(scattering(counters[:, CLOCK].cpu().numpy())).to(device)
    board = torch.cat(
        [
            F.one_hot(action.long(), 5),
            F.one_hot(counters[:, AGE] % 8, 8),
            F.one_hot(counters[:, FRIGHT].clamp(max=2), 3),
            scatter[:, None],
        ],
        1,
    )
    x[..., 57:] = board[:, None].float()
    return x


def edges(state: State) -> tuple[Tensor, Tensor]:
    """The graphs of B boards side by side: edge_index (2, E) over all B * V cells, and edge_type (E,)."""
    count, _, width = state["cell"].shape
    doors = state["doors"]
    offset = torch.tensor([-1, 1, -width, width], device=doors.device)
    shut = (doors[..., None] >> torch.arange(SIDES, device=doors.device, dtype=torch.uint8)) & 1  # (B, V, 4)
    board, cell, side = shut.nonzero().T
    to = board * doors.shape[1] + cell
    return torch.stack([to + offset[side], to]), side


def _where(logits: Tensor, open_cells: Tensor) -> Tensor:
    """(B, V, 5): how much each node wants to hold the player and each ghost."""
    kept = torch.cat([logits[..., :1], logits[..., 5:-2].unflatten(-1, (4, 8))[..., 0]], -1)
    return kept.masked_fill(~open_cells[..., None], -1e9)


def _at(logits: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Headings (B, 5, 4) and modes (B, 4, 3) as the nodes ``at`` (B, 5) say."""
    rows = torch.arange(len(at), device=at.device)[:, None]
    ghosts = logits[..., 5:-2].unflatten(-1, (4, 8))[rows, at[:, 1:], torch.arange(4, device=at.device)]  # (B, 4, 8)
    player = logits[rows, at[:, :1]][..., 1:5]
    return torch.cat([player, ghosts[..., 1:5]], 1), ghosts[..., 5:]
