"""GridSimulator: the small GameGAN's dynamics engine, on a grid of cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.grid.canvas import Canvas
from worldsim.gamegan.grid.choices import Choices, InView
from worldsim.gamegan.grid.kinds import NOTHING
from worldsim.gamegan.grid.movers import Movers, at_rest
from worldsim.gamegan.grid.renderer import LayeredRenderer
from worldsim.gamegan.grid.shift import Shift
from worldsim.gamegan.simulator import Moving, Step
from worldsim.protocol import State


@dataclass(frozen=True)
class GridConfig:
    """Sizes of `GridSimulator`; the defaults train and play on one CPU core."""

    cell: int = 12
    """Side of a cell in pixels."""
    rows: int = 7
    """R; frames are resized to R x C cells."""
    cols: int = 7
    """C."""
    encoder: int = 48
    """Channels of the encoder's first layer."""
    seen: int = 64
    """E, channels of an encoded picture."""
    hidden: int = 32
    """H, channels of the LSTM's maps."""
    gated: int = 64
    """Channels of v, the convolution that the action gates."""
    mixed: int = 128
    """Width of a layer in which what was in a cell meets what comes to it."""
    context: int = 128
    """Width of the vector of (picture, memory, action) that gates and shifts."""
    summary: int = 8
    """Numbers per cell that context, agent and outcome head read of the picture, and half as many of h."""
    options: int = 32
    """K, alternatives of a cell's choice."""
    movers: int = 32
    """Channels of what moves from cell to cell."""
    painter: int = 64
    """Width of the renderer's hidden layers."""
    memory: int = 16
    """D, depth of the canvas; 0 has none."""
    margin: int = 7
    """Cells of the canvas around the view."""


class GridSimulator(nn.Module):
    """GameGAN with a state that keeps the layout of the picture: R x C cells with H numbers each.

    With s = C(x) the encoded picture and ``g = relu(W_s [summary(s), summary(h)] + W_a a)``:

    - ``w = softmax(W_w [g, a])``, a 3x3 kernel; s, h, c and the canvas M are moved by it: the view follows the player;
    - ``r = 1 - p``, 0 where a mover is (`Movers`). What moves is lifted off the board: s there reaches neither static
      layer nor canvas, v and c there not the next picture, so nothing of it is drawn or remembered where it was;
    - ``v = sigmoid(W_1 g) * conv3([s, h, M, known]) + W_2 g``, the paper's ``h * H(a, z, m)``;
    - z, a choice in every cell (`Choices`), from v + position; m and n, which movers arrive in each cell from its
      neighbours, and how many;
    - ``u = relu(r * v + position + B z_edge + D [m, n])``, ``u' = u + W_4 relu(W_3 u)``,
      ``i, f, o, y, d = W u'``, ``c' = f * r * c + i * tanh(y)``, ``h' = o * tanh(c')``;
    - the picture from (h', relu(d)) and from (r * s, M, z_new, z_under) (`LayeredRenderer`).

    z_edge is z in the outermost cells and 0 in the others: things come into view there. Further inside a choice says
    only where what is there goes, so that nothing appears out of nothing. z_edge is 0 also where a mover arrives (it is
    there already) and where one has left and none came. z_new is z in outermost cells that the canvas does not know:
    what was seen is drawn from the canvas alone. z_under is z where a mover has left what the canvas does not know:
    what it stood on. The dynamic layer draws nothing where a mover has left and none came, and where the board has just
    come back, unless the choice there says that something has come meanwhile.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.1.

    Differs from the paper: maps instead of vectors, convolutions instead of matrices; z is a choice in each cell that
    enters behind the gate; h, c and s are moved with the view before they are used; movers.

    Shapes:
        seen (B, E, R, C); carried: h, c (B, H, R, C) and canvas (B, D + 1, R + 2 margin, C + 2 margin).
    """

    edge: Tensor

    def __init__(self, config: GridConfig, channels: int, action_size: int) -> None:
        super().__init__()
        self.config, self.rows, self.cols = config, config.rows, config.cols
        self.image_shape = (channels, config.rows * config.cell, config.cols * config.cell)
        cells, half = self.rows * self.cols, config.summary // 2
        self.noise_size = cells
        self.feature_size = cells * (config.summary + half)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, config.encoder, config.cell // 2, config.cell // 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(config.encoder, config.seen, 2, 2),
            nn.LeakyReLU(0.2),
        )
        self.summarise = nn.Conv2d(config.seen, config.summary, 1)
        self.recall = nn.Conv2d(config.hidden, half, 1)
        self.context = nn.Linear(self.feature_size, config.context)
        self.action = nn.Linear(action_size, config.context)  # apart: among 593 inputs it would hardly count at first
        self.kernel = nn.Linear(config.context + action_size, 9)
        self.gate = nn.Linear(config.context, 2 * config.gated)
        content = config.seen + config.hidden
        remembered = config.memory + 1 if config.memory else 0  # what is in the canvas, and whether it is known
        self.shift = Shift(self.rows, self.cols)
        self.local = nn.Conv2d(content + remembered, config.gated, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(config.gated, self.rows, self.cols))
        self.choices = Choices(config.options, config.gated, config.movers, config.seen, 64, self.rows, self.cols)
        self.choice = nn.Conv2d(config.options, config.gated, 1, bias=False)
        self.movers = Movers(content, config.movers, config.options)
        self.arrived = nn.Conv2d(config.movers + 1, config.gated, 1, bias=False)
        into, out = nn.Conv2d(config.gated, config.mixed, 1), nn.Conv2d(config.mixed, config.gated, 1)
        self.mix = nn.Sequential(into, nn.ReLU(), out)
        self.cell = nn.Conv2d(config.gated, 5 * config.hidden, 1)
        self.canvas = Canvas(config.memory, content, config.margin) if config.memory else None
        static = config.seen + config.memory
        self.still = nn.Conv2d(static + 2 * config.options, config.hidden, 1)
        self.register_buffer("edge", self.choices.edge, persistent=False)
        self.renderer = LayeredRenderer(config.hidden, 2 * config.hidden, config.painter, channels, config.cell)

    def encode(self, image: Tensor) -> Tensor:
        """s: (B, C, H, W) -> (B, E, R, C)."""
        out: Tensor = self.encoder(image)
        return out.float().contiguous()  # always of one layout: another one would be summed up in another order

    def begin(self, seen: Tensor, noise: Tensor) -> State:
        """Nothing is remembered."""
        zeros = seen.new_zeros(len(seen), self.config.hidden, self.rows, self.cols)
        carried = {"h": zeros, "c": zeros.clone()}
        if self.canvas is not None:
            carried["canvas"] = self.canvas.empty(len(seen), self.rows, self.cols, seen.device)
        return carried

    def features(self, carried: State, seen: Tensor) -> Tensor:
        """Summaries of picture and memory, within (-1, 1): (B, R*C*(summary + summary / 2))."""
        parts = [self.summarise(seen), self.recall(carried["h"])]
        return torch.tanh(torch.cat([part.flatten(1) for part in parts], 1)).float()

    def step(
        self,
        carried: State,
        seen: Tensor,
        action: Tensor,
        noise: Tensor | None,
        temperature: Tensor | None = None,
        after: Tensor | None = None,
    ) -> Step:
        """One step; the first ``len(after)`` rows choose what leads to their real next picture."""
        g = F.relu(self.context(self.features(carried, seen)) + self.action(action))
        moves = self.kernel(torch.cat([g, action], 1)).float().log_softmax(1)
        kernel = moves.exp()
        following: State = {}
        before = torch.cat([seen, carried["h"]], 1)
        moved = self.shift(torch.cat([before, carried["c"]], 1), kernel).float()
        here, c = moved.split([before.shape[1], self.config.hidden], 1)
        presence = self.movers.presence_of(here)
        rest, lifted = at_rest(presence), self.movers.lift(here, presence)
        near, static = here, here[:, : seen.shape[1]] * rest
        known = back = torch.zeros_like(rest)
        if self.canvas is not None:
            kept = at_rest(self.movers.presence_of(before))
            following["canvas"], view = self.canvas.step(carried["canvas"], before, kernel, kept)
            near, static = torch.cat([near, view.held, view.known], 1), torch.cat([static, view.held], 1)
            known, back = view.known, view.back
        gate, bias = self.gate(g)[:, :, None, None].chunk(2, 1)
        v = gate.sigmoid() * self.local(near) + bias
        looks = self.choices.looks_like(lifted)
        if noise is None:
            z, nats, log_q = v.new_zeros(len(v), self.config.options, self.rows, self.cols), v.new_zeros(0), None
        else:
            others = self.choices.in_view(looks, rest)
            z, nats, log_q = self._choose(v + self.position, others, noise, temperature, after)
        arrived, count = self.movers(lifted, presence, z)
        left = (1 - rest) * (count == 0)
        same = back * (count == 0) * (1 - z.detach()[:, NOTHING + 1 :].sum(1, keepdim=True))  # home is as it was
        edge = self.edge * (1 - same) * (count == 0) * (1 - left)
        u = F.relu(rest * v + self.position + self.choice(z * edge) + self.arrived(torch.cat([arrived, count], 1)))
        u = u + self.mix(u)
        i, f, o, y, d = self.cell(u).float().chunk(5, 1)
        c = (f + 1).sigmoid() * c * rest + i.sigmoid() * y.tanh()
        h = o.sigmoid() * c.tanh()
        new, under = self.edge * (1 - known) * (1 - left), (1 - known) * left
        still = F.relu(self.still(torch.cat([static, z * new, z * under], 1)))
        quiet = torch.maximum(same, left)
        image, layers = self.renderer(still, torch.cat([h, F.relu(d)], 1), quiet)
        none = presence.new_zeros(0)
        told = (none, none) if log_q is None else (self.movers.log_ways(log_q), log_q)
        moving = Moving(moves, presence, count[:, 0], quiet[:, 0], back[:, 0], looks, *told)
        return Step({"h": h, "c": c, **following}, image, nats, layers, moving)

    def _choose(
        self, v: Tensor, seen: InView, noise: Tensor, temperature: Tensor | None, after: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        given = 0 if after is None else len(after)
        parts: list[Tensor] = []
        nats, log_q = noise.new_zeros(0), None
        if after is not None and given:
            chosen = self.choices.from_frame(v[:given], InView(*(x[:given] for x in seen)), after, noise[:given])
            parts.append(chosen.weights)
            nats, log_q = chosen.nats, chosen.log_q
        if given < len(v):
            own = None if temperature is None else temperature[given:]
            rest = InView(*(x[given:] for x in seen))
            parts.append(self.choices.from_prior(v[given:], rest, noise[given:], own).weights)
        return torch.cat(parts), nats, log_q
