"""A board as tensors: what a graph world remembers of B games, read off the planes of the real environment."""

from __future__ import annotations

import torch
from torch import Tensor

from worldsim.envs.pacman import planes
from worldsim.errors import BadInput
from worldsim.protocol import State

SIDES = 4
MAX_FRIGHT, MAX_STREAK, MAX_COUNT = 31, 4, 255
FOOD, PELLET, FLAG = 0, 1, 2  # of "items"
FRIGHT, STREAK, CLOCK, AGE = 0, 1, 2, 3  # of "counters"
NORMAL, FRIGHTENED, EATEN = 0, 1, 2  # of "ghost_mode"
OUTCOMES = 5
STEPS = torch.tensor([[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]])  # (5, 2): a move -> (row, col)
BACK = torch.tensor([1, 0, 3, 2])  # (4,): a side -> the other side

# The keys of a state. Cells are numbered row by row; V = H * W.
#   cell (B, H, W) uint8: 0 outside, 1 wall, 2 open       doors (B, V) uint8: adjacency, bit s: a neighbour on side s
#   items (B, 3, V) uint8: food, pellet, flag             homes (B, 4, V) uint8: 1 + steps to each ghost's home
#   home (B, 4) int64: each ghost's home                  present (B, 4) bool: which ghosts there are
#   player, heading (B,) int64                            ghost, ghost_heading, ghost_mode (B, 4) int64
#   counters (B, 4) int64: fright, streak, clock, age     outcome (B,) int64


def decode(frame: Tensor) -> State:
    """The state of games whose planes are given.

    Args:
        frame: (B, H, W, 18) uint8, see `worldsim.envs.pacman.planes`.

    Raises:
        BadInput: frames of another shape, or a board without an open cell.
    """
    if frame.dim() != 4 or frame.shape[3] != len(planes.PLANES) or frame.dtype != torch.uint8:
        raise BadInput(
            f"expected planes (B, rows, cols, {len(planes.PLANES)}) uint8, got {tuple(frame.shape)} {frame.dtype}; "
            'make the environment with observation="board"'
        )
    count, height, width, _ = frame.shape
    flat = frame.flatten(1, 2).transpose(1, 2).contiguous()  # (B, P, V)
    cell = flat[:, planes.CELL].clamp(max=planes.OPEN)
    if bool((cell != planes.OPEN).all(1).any()):
        raise BadInput("a board has no open cell, so it is no graph; look at the plane 'cell'")
    ghosts = flat[:, planes.GHOST : planes.GHOST + planes.NUM_GHOSTS]
    homes = flat[:, planes.HOME : planes.HOME + planes.NUM_GHOSTS]
    code, ghost = ghosts.max(2)
    heading, player = flat[:, planes.PLAYER].max(1)
    limits = torch.tensor([MAX_FRIGHT, MAX_STREAK, MAX_COUNT, MAX_COUNT], device=frame.device)
    counters = flat[:, planes.FRIGHT : planes.AGE + 1, 0].long().minimum(limits)
    return {
        "cell": cell.view(count, height, width),
        "doors": _doors((cell == planes.OPEN).view(count, height, width)),
        "items": (flat[:, planes.FOOD : planes.FLAG + 1] > 0).to(torch.uint8),
        "homes": homes,
        "home": (homes == 1).to(torch.uint8).argmax(2),
        "present": code > 0,
        "player": player,
        "heading": (heading.long() - 1) % SIDES,
        "ghost": ghost,
        "ghost_heading": (code.long() - 1) % SIDES,
        "ghost_mode": ((code.long() - 1).clamp(min=0) // SIDES).clamp(max=EATEN),
        "counters": counters,
        "outcome": flat[:, planes.OUTCOME, 0].long().clamp(max=OUTCOMES - 1),
    }


def _doors(open_cells: Tensor) -> Tensor:
    """(B, V) uint8 of (B, H, W) bool."""
    doors = torch.zeros_like(open_cells, dtype=torch.uint8)
    doors[:, :, 1:] |= open_cells[:, :, :-1].to(torch.uint8)
    doors[:, :, :-1] |= open_cells[:, :, 1:].to(torch.uint8) << 1
    doors[:, 1:] |= open_cells[:, :-1].to(torch.uint8) << 2
    doors[:, :-1] |= open_cells[:, 1:].to(torch.uint8) << 3
    return (doors * open_cells).flatten(1)


def encode(state: State) -> Tensor:
    """The planes of a state, (B, H, W, 18) uint8: `decode` turned round."""
    count, height, width = state["cell"].shape
    out = torch.zeros(count, len(planes.PLANES), height * width, dtype=torch.uint8, device=state["cell"].device)
    out[:, planes.CELL] = state["cell"].flatten(1)
    out[:, planes.FOOD : planes.FLAG + 1] = state["items"]
    out[:, planes.HOME : planes.HOME + planes.NUM_GHOSTS] = state["homes"]
    out[:, planes.PLAYER].scatter_(1, state["player"][:, None], (state["heading"] + 1).to(torch.uint8)[:, None])
    code = (state["ghost_heading"] + 1 + SIDES * state["ghost_mode"]) * state["present"]
    out[:, planes.GHOST : planes.GHOST + planes.NUM_GHOSTS].scatter_(
        2, state["ghost"][..., None], code.to(torch.uint8)[..., None]
    )
    on_board = state["cell"].flatten(1) != planes.OUTSIDE
    numbers = torch.cat([state["counters"], state["outcome"][:, None]], 1).to(torch.uint8)  # (B, 5)
    out[:, planes.FRIGHT :] = numbers[..., None] * on_board[:, None]
    return out.transpose(1, 2).reshape(count, height, width, -1)


def move(state: State, cells: Tensor, moves: Tensor) -> Tensor:
    """The cells (B, ...) that moves (B, ...) in 0..4 lead to."""
    width = state["cell"].shape[2]
    offsets = torch.tensor([0, -1, 1, -width, width], device=cells.device)
    return cells + offsets[moves]


def free(state: State, cells: Tensor) -> Tensor:
    """(B, M, 5) bool: which moves there are from cells (B, M); to stay is always one."""
    doors = state["doors"].gather(1, cells)[..., None]
    sides = (doors >> torch.arange(SIDES, device=cells.device, dtype=torch.uint8)) & 1
    return torch.cat([torch.ones_like(doors), sides], -1).bool()


def place(state: State, cells: Tensor) -> Tensor:
    """(B, ..., 2) float32 (row, col) of cells."""
    width = state["cell"].shape[2]
    return torch.stack([cells // width, cells % width], -1).float()
