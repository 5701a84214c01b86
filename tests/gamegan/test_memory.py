"""The memory moves, writes and reads as its formulas say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from worldsim.errors import BadInput
from worldsim.gamegan.memory import Memory

_A, _H, _D = 5, 6, 4


def a_memory(**changes: object) -> Memory:
    torch.manual_seed(0)
    return Memory(_A, _H, _D, 7, **changes)  # type: ignore[arg-type]


def one_hot(action: int) -> Tensor:
    return torch.eye(_A)[action : action + 1]


def fix(memory: Memory, gate: float, cell: int) -> None:
    """Gate at sigmoid(gate); every kernel takes ``cell`` of the 3 x 3."""
    with torch.no_grad():
        memory.gate[2].weight.zero_()
        memory.gate[2].bias.fill_(gate)
        memory.kernel[2].weight.zero_()
        memory.kernel[2].bias.fill_(-50).index_fill_(0, torch.tensor([cell]), 50.0)


def test_an_action_and_its_opposite_are_one_kernel_turned_round() -> None:
    moves = [a_memory().moves(one_hot(a))[0] for a in range(_A)]
    for one, other in ((1, 2), (3, 4)):
        torch.testing.assert_close(moves[one], moves[other].flip(0, 1))
        assert not torch.allclose(moves[one], moves[other])
    assert all(float(kernel.detach().sum()) == pytest.approx(1, abs=1e-5) for kernel in moves)


def test_there_and_back_is_home() -> None:
    memory = a_memory()
    fix(memory, 50, 5)
    place, board = memory.begin(1)
    h = torch.zeros(1, _H)
    there = memory(one_hot(1), h, h, place, board)
    assert there.place[0].argmax() != place[0].argmax()
    back = memory(one_hot(2), h, h, there.place, there.board)
    torch.testing.assert_close(back.place, place, atol=1e-4, rtol=0)


def test_a_closed_gate_stays() -> None:
    memory = a_memory()
    fix(memory, -50, 5)
    place, board = memory.begin(2)
    after = memory(one_hot(1).expand(2, -1), torch.randn(2, _H), torch.zeros(2, _H), place, board)
    torch.testing.assert_close(after.place, place)


def test_what_is_written_is_read_and_nothing_else_changes() -> None:
    memory = a_memory()
    fix(memory, -50, 4)
    place, board = memory.begin(1)
    with torch.no_grad():
        memory.write.weight.zero_()
        memory.write.bias.copy_(torch.cat([torch.full((_D,), 50.0), torch.arange(_D), torch.ones(_D)]))
    after = memory(one_hot(0), torch.zeros(1, _H), torch.zeros(1, _H), place, board)
    torch.testing.assert_close(after.m, torch.arange(_D)[None].float())
    torch.testing.assert_close(after.dynamic, torch.ones(1, _D))
    others = torch.arange(49) != 24
    torch.testing.assert_close(after.board[:, others], board[:, others])


def test_erase_and_add_are_weighed_by_the_place() -> None:
    memory = a_memory()
    h, before = torch.randn(1, _H), torch.randn(1, _H)
    place, board = memory.begin(1)
    read = memory(one_hot(3), h, before, place, board)
    erase, add, _ = memory.write(h).chunk(3, 1)
    alpha = read.place.flatten()[:, None]
    expected = board[0] * (1 - alpha * erase.sigmoid()) + alpha * add
    torch.testing.assert_close(read.board[0], expected)
    torch.testing.assert_close(read.m[0], (alpha * expected).sum(0))


def test_sharp_moves_by_whole_cells() -> None:
    memory = a_memory()
    place, board = memory.begin(3)
    h = torch.randn(3, _H)
    for _ in range(3):
        place = memory(torch.eye(_A)[:3], h, h, place, board, sharp=True).place
        assert torch.equal(place.flatten(1).max(1).values, torch.ones(3))
        assert torch.equal(place.flatten(1).sum(1), torch.ones(3))


def test_attention_leaks_at_the_edge_and_a_larger_board_cures_it() -> None:
    memory = a_memory()
    fix(memory, 50, 5)

    def walk() -> float:
        place, board = memory.begin(1)
        h = torch.zeros(1, _H)
        for _ in range(5):
            place = memory(one_hot(1), h, h, place, board).place
        return float(place.detach().sum())

    assert walk() == pytest.approx(0, abs=1e-4)
    memory.grow(13)
    assert walk() == pytest.approx(1, abs=1e-4)


def test_the_gate_reads_what_it_is_told_to() -> None:
    place, board = a_memory().begin(1)
    h, before = torch.randn(1, _H), torch.randn(1, _H)
    for gate in ("hidden", "difference"):
        memory = a_memory(gate=gate)
        one = memory(one_hot(1), h, before, place, board).place
        other = memory(one_hot(1), h, -before, place, board).place
        assert torch.equal(one, other) == (gate == "hidden")


def test_how_it_begins() -> None:
    edge = (49 + _D) ** -0.5
    assert float(a_memory(first="uniform").board.abs().max()) <= edge
    assert float(a_memory(first="normal").board.std()) == pytest.approx(1, abs=0.2)
    for slots in (4, 1):
        with pytest.raises(BadInput, match="odd number of slots"):
            Memory(_A, _H, _D, slots)
    with pytest.raises(BadInput, match="can only grow"):
        a_memory().grow(5)
