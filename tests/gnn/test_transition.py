"""The step of a graph world: what it can say, what it can never do, and that its layer is torch_geometric's."""

from __future__ import annotations

import pytest
import torch

from tests.gnn.graph_games import SMALL, steps, untrained
from worldsim.gnn.baselines import edges
from worldsim.gnn.board import STEPS, decode, free, move, place
from worldsim.gnn.choices import NOISE, SIZES, Draw, Told
from worldsim.gnn.layers import geometric
from worldsim.gnn.relational import NODE_FEATURES, RelationalAt, node_inputs
from worldsim.gnn.transition import GraphTransition
from worldsim.protocol import State


@pytest.mark.parametrize("task", ["arcade", "flag"])
def test_the_choices_can_say_all_that_really_happens(task: str) -> None:
    """Told the choices of a real step, an untrained world arrives at the real next state, whatever it is."""
    played, model = steps(task, 600), untrained()
    before, truth = decode(played.before), decode(played.after)
    told = Told(model.transition.told(before, played.action, truth, played.reward), before["present"])
    after, _, _ = model.transition(before, played.action, told)
    assert list(told.nats) == list(SIZES)
    for name, value in truth.items():
        if name != "outcome":  # the table of an untrained world is not the game's
            assert torch.equal(after[name], value), name


def test_movers_stay_on_the_graph_and_neither_multiply_nor_vanish() -> None:
    model = untrained(boldness=3.0)
    state = model.start(steps().before, torch.zeros(200, NOISE)) | {"temperature": torch.full((200,), 5.0)}
    generator = torch.Generator().manual_seed(0)
    for step in range(25):
        old = state
        state = model.imagine(old, torch.full((200,), step % 5), torch.randn(200, NOISE, generator=generator)).state
        for name in ("player", "ghost"):
            was, now = (s[name].view(200, -1) for s in (old, state))
            reached = move(old, was[..., None], torch.arange(5)) == now[..., None]
            assert (reached & free(old, was)).any(-1).all()
        assert torch.equal(state["present"], old["present"])
        assert (state["items"] <= old["items"]).all()
        assert (state["items"] != old["items"]).sum((1, 2)).max() <= 1


def test_the_relational_layer_is_torch_geometrics() -> None:
    """At the nodes where movers stand, the same numbers as RGCNConv over the whole graph."""
    torch.manual_seed(0)
    layer = RelationalAt(10)
    layer.bias.data.normal_()
    state = decode(steps().before[:20])
    peer = geometric().RGCNConv(NODE_FEATURES, 10, 4, aggr="mean")
    peer.weight.data, peer.root.data, peer.bias.data = layer.weight.data[1:], layer.weight.data[0], layer.bias.data
    index, kind = edges(state)
    count, cells = state["doors"].shape
    here = torch.cat([state["player"][:, None], state["ghost"]], 1)
    for mover, home in enumerate((-1, 0, 1, 2, 3)):
        whose = torch.tensor([home])
        every = node_inputs(state, torch.arange(cells).expand(count, 1, -1), whose)[:, 0]
        whole = peer(every.flatten(0, 1), index, kind).relu().view(count, cells, -1)
        at = here[:, mover]
        expected = whole[torch.arange(count), at]
        torch.testing.assert_close(layer(state, at[:, None], whose)[:, 0], expected, rtol=0, atol=1e-5)


def test_draws_have_their_probabilities_and_the_temperature_is_the_ghosts() -> None:
    p = torch.tensor([0.1, 0.0, 0.6, 0.3, 0.0])
    many = 20000
    noise = torch.randn(many, NOISE, generator=torch.Generator().manual_seed(0))
    log_p = p.log().expand(many, 4, 5)
    for temperature in (1.0, 2.0):
        draw = Draw(noise, torch.full((many,), temperature))
        expected = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
        for name, wanted in (("ghost_move", expected), ("mode", p)):
            share = torch.nn.functional.one_hot(draw(name, log_p), 5).float().mean((0, 1))
            torch.testing.assert_close(share, wanted, rtol=0, atol=0.01)
            assert (share[p == 0] == 0).all()
    extreme = Draw(torch.full((1, NOISE), 40.0), torch.ones(1))  # a uniform of exactly 1
    assert extreme("ghost_move", log_p[:1]).tolist() == [[3] * 4]


def _sharp(bar: int | None = None) -> GraphTransition:
    """A world in which every ghost wants to reach the player's cell and prefers up, left, down, right where two ways
    are equally good; ways on side ``bar`` are barred."""
    transition = untrained().transition
    for part in (transition.ghost_move[-1], transition.aim[-1]):
        part.weight.data.zero_()
        part.bias.data.zero_()
    transition.ghost_move[-1].bias.data[:5] = -60.0  # no bars
    transition.ghost_move[-1].bias.data[-1] = 60.0  # always after its target
    if bar is not None:
        transition.ghost_move[-1].bias.data[1 + bar] = 6.0
    transition.template.data = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(SMALL.templates, 1)
    transition.ties.data = torch.tensor([-1.0, 0.6, 0.2, 0.8, 0.4]).repeat(SMALL.templates, 1)
    transition.sharpness.data.fill_(5.0)
    return transition


def _ghost_choice(transition: GraphTransition, state: State, stretch: float) -> torch.Tensor:
    found: dict[str, torch.Tensor] = {}

    def choose(name: str, log_p: torch.Tensor) -> torch.Tensor:
        found[name] = log_p
        return log_p.argmax(-1)

    transition(state, torch.zeros(len(state["player"]), dtype=torch.int64), choose, torch.full((200,), stretch))
    return found["ghost_move"].exp()


def test_a_choice_stays_what_it_is_when_everything_is_farther_away() -> None:
    state = decode(steps().before)
    near, far = (_ghost_choice(_sharp(), state, stretch) for stretch in (1.0, 50.0))
    torch.testing.assert_close(near, far, rtol=0, atol=1e-3)
    at, to = place(state, state["ghost"]), place(state, state["player"])[:, None]
    cost = ((at[..., None, :] + STEPS.float() - to[..., None, :]) ** 2).sum(-1)
    cost = cost.masked_fill(~free(state, state["ghost"]), 1e9)
    cost[..., 0] = 1e9  # to stay
    apart = near.argmax(-1) != 0  # on the player's own cell there is nothing to choose
    best = cost[..., [3, 1, 4, 2]].argmin(-1)  # up, left, down, right: the first of those that are equally good
    assert apart.float().mean() > 0.9
    assert torch.equal(near.argmax(-1)[apart], torch.tensor([3, 1, 4, 2])[best][apart])


def test_a_bar_holds_at_any_distance() -> None:
    state = decode(steps().before)
    open_ways = _ghost_choice(_sharp(), state, 1.0)
    for side in range(4):
        assert open_ways[..., 1 + side].amax() > 0.99
        for stretch in (1.0, 1000.0):
            assert _ghost_choice(_sharp(bar=side), state, stretch)[..., 1 + side].amax() < 1e-6


def test_sizes_of_the_noise() -> None:
    assert untrained().noise_size == NOISE == sum(SIZES.values())
    assert untrained().transition.targets().abs().amax(1).tolist() == [1.0] * SMALL.templates
