"""Things of which a picture holds at most one: found by counting, drawn once."""

from __future__ import annotations

import torch

from tests.spatial.test_transition import made
from worldsim.spatial.things import find_things


def pictures(n: int = 4000) -> torch.Tensor:
    """Cells of a 5x5 grid hold 0 or 1 at random; one mover shows 2 or 3, sometimes away; another always shows 4."""
    rng = torch.Generator().manual_seed(0)
    grid = torch.randint(0, 2, (n, 25), generator=rng)
    places = torch.rand(n, 25, generator=rng).argsort(1)
    face = torch.randint(2, 4, (n,), generator=rng)
    here = torch.rand(n, generator=rng) < 0.6
    rows = torch.arange(n)
    grid[rows[here], places[here, 0]] = face[here]
    grid[rows, places[:, 1]] = 4
    return grid.reshape(n, 5, 5)


def test_faces_of_one_mover_are_one_thing_and_walls_are_none() -> None:
    thing = find_things(pictures().split(7), codes=6)
    assert thing[2] == thing[3] >= 0
    assert thing[4] >= 0
    assert thing[4] != thing[2]
    assert thing[[0, 1, 5]].tolist() == [-1, -1, -1]  # found everywhere, and never found


def test_too_few_pictures_say_nothing() -> None:
    assert (find_things([pictures(12)], codes=6) == -1).all()


def test_two_movers_that_meet_are_two_things() -> None:
    shown = pictures()
    other = shown.clone()
    other[shown == 4] = 0
    free = torch.rand(other.shape, generator=torch.Generator().manual_seed(1)).masked_fill(other > 1, -1)
    other.flatten(1).scatter_(1, free.flatten(1).argmax(1, keepdim=True), 4)
    thing = find_things([other], codes=6)
    assert thing[4] != thing[2]


def test_a_thing_is_drawn_once_and_as_often_in_each_cell_as_the_cell_alone_says() -> None:
    """Cells by themselves give it .25, .2, .15, .12, .08: it is drawn once, or with .2 not at all, in these shares."""
    m, n = made(codes=3, rows=1, cols=5), 40_000
    m.set_things(torch.tensor([-1, -1, 0]))
    for layer in (m.alone, m.joint):
        torch.nn.init.zeros_(layer.weight)
    share = torch.tensor([0.25, 0.2, 0.15, 0.12, 0.08])
    m.alone = Fixed(torch.stack([(1 - share) / 2, (1 - share) / 2, share], -1).log())  # type: ignore[assignment]
    m.presence = Still(share.sum())  # type: ignore[assignment]
    cells = torch.zeros(n, 5, m.config.channels)
    uniform = torch.rand(n, 5, generator=torch.Generator().manual_seed(0))
    drawn = m.draw(cells, uniform, torch.ones(n)).reshape(n, 5) == 2
    assert (drawn.sum(1) > 1).float().mean() < 1e-3
    torch.testing.assert_close(drawn.float().mean(0), share, atol=0.01, rtol=0)


def test_what_is_still_to_come_counts_from_each_pass_on() -> None:
    m = made(codes=3, rows=1, cols=5)
    m.set_things(torch.tensor([-1, -1, 0]))
    for cell in range(5):
        picture = torch.zeros(1, 1, 5, dtype=torch.long)
        picture[0, 0, cell] = 2
        due = m.things_to_come(picture)[0, :, 0]
        assert due.tolist() == [float(g <= m.order[cell]) for g in range(5)]


class Fixed(torch.nn.Module):
    """Logits that depend on nothing."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(cells), *self.logits.shape)


class Still(torch.nn.Module):
    """By Bayes' rule: of a total of probability, what is left, given that none was drawn."""

    def __init__(self, total: torch.Tensor) -> None:
        super().__init__()
        self.total = total

    def forward(self, whole: torch.Tensor) -> torch.Tensor:
        rest = whole[..., -16:].exp()
        return torch.logit(rest / (1 - self.total + rest))
