"""The transition of a graph world: who moves where along the edges, then what follows from it, choice by choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gnn.board import (
    AGE,
    BACK,
    CLOCK,
    EATEN,
    FLAG,
    FRIGHT,
    FRIGHTENED,
    MAX_COUNT,
    MAX_FRIGHT,
    MAX_STREAK,
    NORMAL,
    OUTCOMES,
    STEPS,
    STREAK,
    free,
    move,
    place,
)
from worldsim.gnn.choices import Choose
from worldsim.gnn.relational import RelationalAt, mlp
from worldsim.protocol import State

MOVES, GHOSTS, MODES, NEAR = 5, 4, 3, 5
_NEVER = -1e9


@dataclass(frozen=True)
class GraphConfig:
    """Sizes of a graph world."""

    frame_shape: tuple[int, int, int] = (14, 14, 18)
    """(rows, cols, planes) of the frames that it learned from; it takes any."""
    outcomes: int = 64
    """Entries of the table of (reward, ending) pairs."""
    hidden: int = 128
    """Width of the networks."""
    nodes: int = 64
    """Width of the relational layer."""
    templates: int = 12
    """M, targets that a ghost can have."""
    stretch: float = 4.0
    """Displacements in training are multiplied by 1 to so much, log-uniform; afterwards by the middle, its root."""
    view: int = 7
    """Cells along a side of what an agent sees."""

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(H, W, 3) of a drawn frame of `frame_shape`."""
        from worldsim.gnn.looks import picture_shape

        return picture_shape(self.frame_shape)


class Moved(NamedTuple):
    """What is known once the player has moved, for all that is decided after it."""

    player: Tensor  # (B,) int64
    heading: Tensor  # (B,) int64
    here: Tensor  # (B, 3): food, pellet, flag on his node
    meets: Tensor  # (B, 3): ghosts on his node by mode, counted
    flag_game: Tensor  # (B, 1): whether the board has a flag


class GraphTransition(nn.Module):
    """``p(s' | s, a)`` as a chain of choices, each a categorical over something small.

    1. The player's node: one choice over his node and its neighbours, from the relational layer there and the action.
    2. Each ghost's node: one choice over its own node and the neighbours, so that it can neither multiply nor vanish.
       ``p = pi sum_m a_m softmax(s_m (e_r . g_m + t_mr) - b_r (1 + s_m |g_m|)) + (1 - pi) softmax(f_r)`` with
       ``g_m = sum_k T_mk d_k``, over the edges r that exist, e_r their direction, d_k messages along edges between
       movers: the displacements to the player, to ghost 0 and to the own home, and the player's heading. The rows of T
       are targets that a ghost can have, each scaled to a largest entry of 1, and t what decides between ways that
       are equally good; which target it has, a (a softmax), hangs on which ghost it is, its mode, the clock and how
       near the player is; the chances pi, the bars b >= 0 and the free choice f come from the relational layer and
       what is known of the board. A choice that is linear in displacements can sharpen to an exact rule, a bar that
       grows with them bars from afar too, so both hold on boards of any size.
    3. What follows at the nodes where movers are: the ghosts' modes, whether they turn back, what is eaten.
    4. Counters, and one of the recorded (reward, ending) pairs.

    Source: ours; the relational layer is Schlichtkrull et al. 2018 (arXiv:1703.06103). It assumes that a cell changes
    only where a mover is.

    Shapes:
        state of B games, action (B,) int64 -> state, reward (B,), terminated (B,)
    """

    reward: Tensor
    ending: Tensor

    def __init__(self, config: GraphConfig) -> None:
        super().__init__()
        width, hidden = config.nodes, config.hidden
        self.templates, self.stretch = config.templates, config.stretch
        self.nodes = RelationalAt(width)
        self.clock = nn.Embedding(MAX_COUNT + 1, 16)  # steps of it add up, see _clock
        self.beat = nn.Embedding(MAX_COUNT + 1, 16)  # the moments at which something happens
        self.age = nn.Embedding(MAX_COUNT + 1, 8)
        nn.init.normal_(self.clock.weight, std=0.02)
        self.player_move = mlp(width + MOVES, hidden, MOVES)
        known = width + GHOSTS + 4 + MODES + 1 + 8 + 16 + 3 + 3 + 3 + 1
        self.ghost_move = mlp(known, hidden, 2 * MOVES + 1, depth=2)
        self.aim = mlp(GHOSTS + MODES + 16 + 1 + 2 * (2 * NEAR + 1), hidden, config.templates, depth=2)  # log a
        self.template = nn.Parameter(torch.randn(config.templates, 4))  # T, of player, heading, ghost 0, home
        self.sharpness = nn.Parameter(torch.zeros(config.templates))  # log s
        self.ties = nn.Parameter(torch.zeros(config.templates, MOVES))  # t
        self.after_move = mlp(MODES + 1 + 3 + 3 + 3 + 3 + 16, hidden, MODES + 1)
        self.gone = mlp(3 + 3, 32, 2)
        met = MODES + 5 + 5 + 3 + 2
        self.counters = mlp(MAX_FRIGHT + 1 + met + 1, hidden, MAX_FRIGHT + 1 + MAX_STREAK + 1 + 2)
        self.outcome = mlp(met + 1 + 1 + 1 + 8, hidden, config.outcomes, depth=2)
        self.register_buffer("reward", torch.zeros(config.outcomes))
        self.register_buffer("ending", torch.zeros(config.outcomes, dtype=torch.int64))

    def forward(
        self, state: State, action: Tensor, choose: Choose, stretch: Tensor | None = None
    ) -> tuple[State, Tensor, Tensor]:
        """One step, each choice made by ``choose``; displacements times ``stretch`` (B,), if it is given."""
        moved = self._move_player(state, action, choose)
        ghost, heading = self._move_ghosts(state, moved, choose, stretch)
        mode, heading, eaten = self._ghosts_after(state, moved, ghost, heading, choose)
        items = self._eat(state, moved, choose)
        caught = (mode == NORMAL) & (ghost == moved.player[:, None]) & state["present"]
        counters = self._count(state, moved, eaten, choose)
        left = items[:, :FLAG].flatten(1).any(1)
        # Where there is no time limit the age has no say in the outcome.
        since = self.age(state["counters"][:, AGE]) * moved.flag_game
        features = [self._met(state, moved, eaten), caught.any(1)[:, None], left[:, None], moved.flag_game, since]
        log_p = self.outcome(torch.cat([part.float() for part in features], 1)).log_softmax(-1)
        picked = choose("outcome", log_p[:, None])[:, 0]
        after = {
            **state,
            "items": items,
            "player": moved.player,
            "heading": moved.heading,
            "ghost": ghost,
            "ghost_heading": heading,
            "ghost_mode": mode,
            "counters": counters,
            "outcome": self.ending[picked],
        }
        return after, self.reward[picked], self.ending[picked] != 0

    def _move_player(self, state: State, action: Tensor, choose: Choose) -> Moved:
        none = torch.full((1,), -1, device=action.device)
        h = self.nodes(state, state["player"][:, None], none)[:, 0]
        logits = self.player_move(torch.cat([h, F.one_hot(action.long(), MOVES).float()], 1))
        logits = logits.masked_fill(~free(state, state["player"][:, None])[:, 0], _NEVER)
        step = choose("move", logits.log_softmax(-1)[:, None])[:, 0]
        player = move(state, state["player"], step)
        here = state["items"].gather(2, player[:, None, None].expand(-1, 3, 1))[..., 0].float()
        on = (state["ghost"] == player[:, None]) & state["present"]
        meets = (F.one_hot(state["ghost_mode"], MODES) * on[..., None]).sum(1).float()
        flag_game = state["items"][:, FLAG].any(1).float()[:, None]
        return Moved(player, torch.where(step > 0, step - 1, state["heading"]), here, meets, flag_game)

    def _move_ghosts(self, state: State, moved: Moved, choose: Choose, stretch: Tensor | None) -> tuple[Tensor, Tensor]:
        """New nodes, and the sides on which they were left (or the old headings)."""
        device = moved.player.device
        which = torch.arange(GHOSTS, device=device)
        h = self.nodes(state, state["ghost"], which)  # (B, 4, width)
        at = place(state, state["ghost"])
        player = place(state, moved.player)[:, None] - at
        ahead = STEPS.to(device)[moved.heading + 1].float()[:, None].expand_as(player)
        first, home = at[:, :1] - at, place(state, state["home"]) - at
        near = (player.clamp(-NEAR, NEAR) + NEAR).long()  # beyond NEAR cells only the direction is told
        count = state["counters"]
        clock, flag = self._clock(count[:, CLOCK]), moved.flag_game[:, None]
        board = torch.cat(
            [
                F.one_hot(count[:, AGE] % 8, 8),
                clock,
                F.one_hot(count[:, FRIGHT].clamp(max=2), 3),
                moved.here,
                moved.meets.clamp(max=1),
                moved.flag_game,
            ],
            1,
        )
        known = [
            h,
            F.one_hot(which, GHOSTS).expand(len(h), -1, -1),
            F.one_hot(state["ghost_heading"], 4),
            F.one_hot(state["ghost_mode"], MODES),
            (state["ghost"] == moved.player[:, None])[..., None],  # who is caught goes home at once
            board[:, None].expand(-1, GHOSTS, -1),
        ]
        out = self.ghost_move(torch.cat([part.float() for part in known], -1))
        bar, wander, mixture = out.split([MOVES, MOVES, 1], -1)
        apart = torch.stack([player, ahead, first, home], 2)  # (B, 4, K, 2)
        aimed = [known[1], known[3], clock[:, None].expand(-1, GHOSTS, -1), flag.expand(-1, GHOSTS, -1)]
        aimed += [F.one_hot(near, 2 * NEAR + 1).flatten(2)]
        aim = self.aim(torch.cat([part.float() for part in aimed], -1)).log_softmax(-1)  # (B, 4, M)
        apart = apart * (self.stretch**0.5 if stretch is None else stretch[:, None, None, None])
        goal = self.targets() @ apart  # (B, 4, M, 2)
        sharp = self.sharpness.exp()[:, None]
        chase = sharp * (goal @ STEPS.to(device).float().T + self.ties)  # (B, 4, M, 5)
        chase = chase - F.softplus(bar - 3.0)[:, :, None] * (1 + sharp * goal.abs().sum(-1, keepdim=True))
        shut = ~free(state, state["ghost"])
        every = torch.cat([chase, wander[:, :, None]], 2).masked_fill(shut[:, :, None], _NEVER).log_softmax(-1)
        weight = torch.cat([aim + F.logsigmoid(mixture), F.logsigmoid(-mixture)], -1)
        log_p = (weight[..., None] + every).logsumexp(2)
        step = choose("ghost_move", log_p)
        step = step * state["present"]
        return move(state, state["ghost"], step), torch.where(step > 0, step - 1, state["ghost_heading"])

    def _ghosts_after(
        self, state: State, moved: Moved, ghost: Tensor, heading: Tensor, choose: Choose
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Modes, headings, and how many ghosts were eaten (B,)."""
        before, player = state["ghost"], moved.player[:, None]
        count = state["counters"]
        board = torch.cat(
            [
                F.one_hot(count[:, FRIGHT].clamp(max=2), 3),
                moved.here,
                moved.meets.clamp(max=1),
                self.beat(count[:, CLOCK]),
            ],
            1,
        )
        known = [
            F.one_hot(state["ghost_mode"], MODES),
            (ghost != before)[..., None],
            torch.stack([before == player, ghost == player, ghost == state["home"]], -1),
            board[:, None].expand(-1, GHOSTS, -1),
        ]
        out = self.after_move(torch.cat([part.float() for part in known], -1))
        mode = choose("mode", out[..., :MODES].log_softmax(-1))
        mode = torch.where(state["present"], mode, NORMAL)
        turn = choose("turn", _two(out[..., MODES]))
        turned = (turn > 0) & state["present"]
        eaten = ((mode == EATEN) & (state["ghost_mode"] != EATEN)).sum(1)
        return mode, torch.where(turned, BACK.to(heading.device)[heading], heading), eaten

    def _eat(self, state: State, moved: Moved, choose: Choose) -> Tensor:
        """What lies on the board afterwards: only the player's node can change."""
        gone = choose("gone", _two(self.gone(torch.cat([moved.here, moved.meets.clamp(max=1)], 1))))
        kept = moved.here[:, :FLAG] * (1 - gone)
        index = moved.player[:, None, None].expand(-1, 2, 1)
        lying = state["items"][:, :FLAG].scatter(2, index, kept[..., None].to(torch.uint8))
        return torch.cat([lying, state["items"][:, FLAG:]], 1)

    def _met(self, state: State, moved: Moved, eaten: Tensor) -> Tensor:
        """What happened to the player in this step."""
        parts = [
            moved.meets.clamp(max=1),
            F.one_hot(eaten, GHOSTS + 1),
            F.one_hot(state["counters"][:, STREAK], MAX_STREAK + 1),
            moved.here,
            (moved.meets[:, FRIGHTENED : FRIGHTENED + 1] > 1),
            (state["counters"][:, FRIGHT, None] > 0),
        ]
        return torch.cat([part.float() for part in parts], 1)

    def _count(self, state: State, moved: Moved, eaten: Tensor, choose: Choose) -> Tensor:
        count = state["counters"]
        fright = F.one_hot(count[:, FRIGHT], MAX_FRIGHT + 1).float()
        known = torch.cat([fright, self._met(state, moved, eaten), moved.flag_game], 1)
        fright, streak, tick = self.counters(known).split([MAX_FRIGHT + 1, MAX_STREAK + 1, 2], 1)
        # A clock that has reached the end of its plane shows no tick.
        tick = torch.stack([tick[:, 0].masked_fill(count[:, CLOCK] == MAX_COUNT, _NEVER), tick[:, 1]], 1)
        frightened = choose("fright", fright.log_softmax(-1)[:, None])
        eaten_now = choose("streak", streak.log_softmax(-1)[:, None])
        ticked = count[:, CLOCK:] + choose("tick", _two(tick))
        clock, age = ticked[:, :1].clamp(max=MAX_COUNT), ticked[:, 1:]
        return torch.cat([frightened, eaten_now, clock, torch.where(age > MAX_COUNT, 248, age)], 1)

    def targets(self) -> Tensor:
        """T with a largest entry of 1 in each row: (M, 4)."""
        return self.template / self.template.abs().amax(1, keepdim=True).clamp(min=1e-6)

    def _clock(self, clock: Tensor) -> Tensor:
        """(B, 16): sums of the table up to the clock, so that what is learned at one moment holds until the next."""
        return self.clock.weight.cumsum(0)[clock]

    def set_table(self, reward: Tensor, ending: Tensor) -> None:
        """Fill in the (reward, ending) pairs that were recorded."""
        self.reward.copy_(reward)
        self.ending.copy_(ending)

    def told(self, state: State, action: Tensor, after: State, reward: Tensor) -> dict[str, Tensor]:
        """The choices that lead from one recorded state to the next, by name, (B, n) int64."""
        moves = torch.arange(MOVES, device=reward.device)
        width = state["cell"].shape[2]
        offset = torch.tensor([0, -1, 1, -width, width], device=reward.device)

        def step(before: Tensor, then: Tensor) -> Tensor:
            return ((then - before)[..., None] == offset).long().mul(moves).sum(-1)

        ghost = step(state["ghost"], after["ghost"])
        base = torch.where(ghost > 0, ghost - 1, state["ghost_heading"])
        here = after["player"][:, None, None].expand(-1, 2, 1)
        lying, left = (s["items"][:, :FLAG].gather(2, here)[..., 0].long() for s in (state, after))
        ticks = after["counters"][:, CLOCK:] != state["counters"][:, CLOCK:]
        apart = (reward[:, None] - self.reward).abs() + 1e6 * (after["outcome"][:, None] != self.ending)
        return {
            "move": step(state["player"], after["player"])[:, None],
            "ghost_move": ghost,
            "mode": after["ghost_mode"],
            "turn": (after["ghost_heading"] != base).long(),
            "gone": lying - left,
            "fright": after["counters"][:, FRIGHT, None],
            "streak": after["counters"][:, STREAK, None],
            "tick": ticks.long(),
            "outcome": apart.argmin(1)[:, None],
        }


def _two(logit: Tensor) -> Tensor:
    """Log-probabilities of no and yes, (..., 2)."""
    return torch.stack([F.logsigmoid(-logit), F.logsigmoid(logit)], -1)


__all__ = ["OUTCOMES", "GraphConfig", "GraphTransition"]
