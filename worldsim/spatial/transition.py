"""The spatial world's transition: codes on a grid move by convolutions that the action gates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.nn.lstm import LSTM

_GROUPS = 5
_NEAR = tuple((r, c) for r in range(-2, 3) for c in range(-2, 3) if 0 < abs(r) + abs(c) <= 2)
_CLOCK = 8  # sines and cosines of the step count, periods 8 to 1024
_SURE = 0.995  # no cell is surer of a thing than that
_AGAIN = 8.0  # what a code's logit loses once its thing is drawn


@dataclass(frozen=True)
class TransitionConfig:
    """Sizes of `Transition`; every default was chosen on Pac-Man with short runs on one CPU core."""

    embedding: int = 32
    """Numbers per code that the convolutions read."""
    summary: int = 8
    """Numbers per cell that the LSTM, the gate and the agent read."""
    hidden: int = 256
    """H, width of the LSTM: what the present picture does not show (time, what lies under a ghost)."""
    gated: int = 96
    """Channels of the gated convolution."""
    channels: int = 64
    """Channels after it."""
    outcome_hidden: int = 128
    """Width of the outcome head."""
    drawn: int = 160
    """Hidden units that weigh what a cell expects against what was drawn before it."""
    things: int = 16
    """Most things of which a picture holds at most one (`worldsim.spatial.things`)."""
    clock: bool = True
    """Whether the LSTM is told how many steps the stream is old; only for worlds trained from the first frame on."""


class Transition(nn.Module):
    """``p(x', reward, end | x, a, h)`` over grids of codes x, and the LSTM state h that carries what x does not show.

    ``s = [S x, present(x)]``; ``h' = LSTM([s, a, clock], h)``; ``g = MLP([s, a, h'])``;
    ``f = relu(W (sigmoid(g_1) * conv3x3(E x)) + g_2 + position)``, ``f = relu(f + conv3x3(f))``;
    ``m_i = U f_i`` are the logits of cell i by itself, ``p(x'_i | drawn) = softmax(m_i + left_i + V relu(F f_i +
    N near_i + P present_i))``, where near_i are the codes already drawn within two steps of i, present_i says which
    codes were drawn anywhere, and left_i settles things of which there is one.

    Cells are drawn in five passes, cell (r, c) in pass ``(r + 2 c + k) mod 5``: a cell and its four neighbours all fall
    into different passes, and so do the cells that a mover at one place can move to. Each pass sees what the earlier
    ones drew. The likelihood is exact (a chain rule over the passes), and training needs one pass.

    A thing (a ghost; its faces are several codes) that a picture holds at most once must not be drawn twice, and must
    be drawn somewhere if it does not leave. Let q_i be the probability that cell i by itself gives to it, and P that
    this pass or a later one draws it, which a small network reads off the whole grid and all that was drawn. Then cell
    i takes it with probability ``t_i = P q_i / sum_j q_j`` over the cells j not drawn yet:
    ``left_i = logit t_i - logit q_i`` for its codes. So it is drawn with the picture's probability, at the places that
    the cells propose; and once it is drawn, ``left_i = -8``. The cell in the middle is drawn first, so that whether
    the player was caught settles where the ghosts are, and not the other way round.

    Source: ours. The gate by the action follows the idea of GameGAN's ``h * H(a, z)`` (arXiv:2005.12126, section 3.1);
    codes drawn independently are VQ world models' usual choice.

    Shapes:
        codes (n, R, C) int64, action (n, A) float, h (n, H); logits (n, R*C, K).
    """

    order: Tensor
    near: Tensor
    by_pass: Tensor
    faces: Tensor

    def __init__(self, config: TransitionConfig, codes: int, rows: int, cols: int, action_size: int) -> None:
        super().__init__()
        self.config, self.codes, self.rows, self.cols = config, codes, rows, cols
        cells, width = rows * cols, config.channels
        self.embed = nn.Embedding(codes, config.embedding)
        self.summarise = nn.Linear(config.embedding, config.summary)
        seen = cells * config.summary + codes + action_size
        self.lstm = LSTM(seen + (_CLOCK if config.clock else 0), config.hidden)
        self.gate = nn.Sequential(nn.Linear(seen + config.hidden, 128), nn.ReLU(), nn.Linear(128, config.gated + width))
        self.local = nn.Conv2d(config.embedding, config.gated, 3, padding=1)
        self.mix = nn.Conv2d(config.gated, width, 1, bias=False)
        self.position = nn.Parameter(torch.zeros(width, rows, cols))
        self.residual = nn.Conv2d(width, width, 3, padding=1)
        self.near_embed = nn.Embedding(codes + 2, 16)  # the two more: not drawn yet, outside the grid
        self.cell_mix = nn.Linear(width, config.drawn)
        self.near_mix = nn.Linear(len(_NEAR) * 16, config.drawn, bias=False)
        self.drawn_mix = nn.Linear(codes, config.drawn, bias=False)
        self.alone = nn.Linear(width, codes)
        self.joint = nn.Linear(config.drawn, codes, bias=False)
        whole = 2 * width + codes + config.things
        self.presence = nn.Sequential(nn.Linear(whole, 64), nn.ReLU(), nn.Linear(64, config.things))
        self.register_buffer("faces", torch.zeros(codes, config.things))  # (K, things): 1 where a code is a face
        order, near = _passes(rows, cols)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("near", near, persistent=False)
        self.register_buffer("by_pass", order.argsort(stable=True), persistent=False)  # cells in the order of drawing
        self.pass_sizes = order.bincount(minlength=_GROUPS).tolist()

    def summary(self, codes: Tensor) -> Tensor:
        """What LSTM, gate and agent read of a picture, within (-1, 1): (n, R, C) -> (n, R*C*summary)."""
        return torch.tanh(self.summarise(self.embed(codes.flatten(1)))).flatten(1)

    def seen(self, codes: Tensor, summary: Tensor, action: Tensor) -> Tensor:
        """What gate and LSTM read: the summary, which codes occur at all, the action: (n, seen)."""
        present = summary.new_zeros(len(codes), self.codes).scatter_(1, codes.flatten(1), 1.0)
        return torch.cat([summary, present, action], -1)

    def clock(self, age: Tensor) -> Tensor:
        """Step counts (...,) as sines and cosines (..., 8)."""
        period = 8.0 * 8.0 ** torch.arange(_CLOCK // 2, device=age.device)
        phase = age[..., None].float() * (2 * torch.pi / period)
        return torch.cat([phase.sin(), phase.cos()], -1)

    def remember(self, seen: Tensor, age: Tensor) -> Tensor:
        """The LSTM's input: (..., seen [+ 8])."""
        return torch.cat([seen, self.clock(age)], -1) if self.config.clock else seen

    def set_things(self, thing: Tensor) -> None:
        """Take the things that `find_things` found: the first ones, as many as there is room for."""
        known = (thing >= 0) & (thing < self.config.things)
        self.faces.zero_()[known, thing[known]] = 1

    def step(self, remembered: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the LSTM: (n, seen), (n, H), (n, H) -> h, c."""
        return self.lstm.step(remembered, h, c)

    def read(self, codes: Tensor, seen: Tensor, h: Tensor) -> Tensor:
        """All about the next picture that does not depend on what is drawn of it: (n, R*C, channels)."""
        gate, bias = self.gate(torch.cat([seen, h], -1)).split([self.config.gated, self.config.channels], -1)
        x = self.embed(codes).permute(0, 3, 1, 2)  # (n, E, R, C), channels last in memory
        x = self.local(x) * torch.sigmoid(gate)[:, :, None, None]
        x = F.relu(self.mix(x) + bias[:, :, None, None] + self.position)
        x = F.relu(x + self.residual(x))
        return x.permute(0, 2, 3, 1).flatten(1, 2)

    def draw_logits(
        self, cells: Tensor, alone: Tensor, left: Tensor, known: Tensor, near: Tensor, drawn: Tensor
    ) -> Tensor:
        """Logits of some cells given what was drawn.

        Args:
            cells: (n, m, channels), from `read`.
            alone: (n, m, K), their logits by themselves.
            left: (n, m, K), from `left`.
            known: (n, R*C + 2, 16), embeddings of the cells drawn so far, "not drawn yet" and "outside".
            near: (m, 12), where each cell looks.
            drawn: (n, m or 1, K), 1 for each code that was drawn in an earlier pass, else 0.

        Returns:
            (n, m, K).
        """
        around = known[:, near.flatten()].reshape(len(known), len(near), near.shape[1] * known.shape[2])
        weighed = F.relu(self.cell_mix(cells) + self.near_mix(around) + self.drawn_mix(drawn))
        return alone + left + self.joint(weighed)

    def share(self, alone: Tensor) -> Tensor:
        """What each cell by itself gives to each thing, q: logits (n, m, K) -> (n, m, things)."""
        return alone.detach().float().softmax(-1) @ self.faces

    def still(self, cells: Tensor, rest: Tensor, drawn: Tensor) -> Tensor:
        """Logits that this or a later pass draws each thing.

        Args:
            cells: (n, R*C, channels), from `read`.
            rest: (n, g, things), sums of q over the cells not drawn yet, for g passes.
            drawn: (n, g, K), 1 for each code that was drawn in an earlier pass, else 0.

        Returns:
            (n, g, things).
        """
        whole = torch.cat([cells.mean(1), cells.amax(1)], -1)[:, None].expand(-1, drawn.shape[1], -1)
        rest = rest.clamp(min=1e-4).log().to(cells.dtype)
        return self.presence(torch.cat([whole, drawn.to(cells.dtype), rest], -1)).float()

    def left(self, share: Tensor, still: Tensor, rest: Tensor, drawn: Tensor) -> Tensor:
        """How much likelier each code is for what earlier passes did and did not draw.

        Args:
            share: (n, m, things), q of some cells.
            still: (n, m or 1, things), from `still`, as seen by the pass of each cell.
            rest: (n, m or 1, things), as in `still`.
            drawn: (n, m or 1, K), as in `still`.

        Returns:
            (n, m, K), added to the logits.
        """
        there = (drawn.float() @ self.faces).clamp(max=1)
        likely = still.sigmoid() * share / rest.clamp(min=1e-6)
        gain = torch.logit(likely.clamp(1e-6, _SURE)) - torch.logit(share.clamp(1e-6, _SURE))
        return (gain * (1 - there) - _AGAIN * there) @ self.faces.T

    def known(self, codes: Tensor | None, batch: int) -> Tensor:
        """The cells drawn so far, then the entries for "not drawn yet" and "outside": (n, R*C + 2) int64."""
        blank = torch.full((batch, self.rows * self.cols + 2), self.codes, device=self.order.device)
        blank[:, -1] = self.codes + 1
        if codes is not None:
            blank[:, :-2] = codes.flatten(1)
        return blank

    def log_likelihood_logits(self, cells: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Teacher forcing: what is said of the picture ``after`` (n, R, C).

        Returns:
            (n, R*C, K), logits of every cell given the cells drawn before it; the same of the cells by themselves;
            (n, 5, things), logits that each pass or a later one draws each thing.
        """
        known = self.near_embed(self.known(after, len(after)))
        earlier = self.order[:, None] < torch.arange(_GROUPS, device=after.device)  # (R*C, 5)
        one_hot = F.one_hot(after.flatten(1), self.codes).to(known.dtype)
        drawn = torch.einsum("nck,cg->ngk", one_hot, earlier.to(known.dtype)).clamp(max=1)  # codes drawn before
        alone = self.alone(cells)
        share = self.share(alone)
        rest = torch.einsum("nct,cg->ngt", share, (~earlier).float())
        still = self.still(cells, rest, drawn)
        with torch.autocast(cells.device.type, enabled=False):
            at = self.order
            left = self.left(share, still.detach()[:, at], rest[:, at], drawn[:, at])
        return self.draw_logits(cells, alone, left, known, self.near, drawn[:, at]), alone, still

    def things_to_come(self, after: Tensor) -> Tensor:
        """What `still` should have said of a picture (n, R, C): (n, 5, things), 1 where it is drawn then or later."""
        later = (self.order[:, None] >= torch.arange(_GROUPS, device=after.device)).float()
        return torch.einsum("nct,cg->ngt", self.faces[after.flatten(1)], later).clamp(max=1)

    def draw(self, cells: Tensor, uniform: Tensor, temperature: Tensor) -> Tensor:
        """Sample the next picture: uniform (n, R*C), temperature (n,) -> (n, R, C) int64."""
        batch, warmth = len(uniform), temperature[:, None, None]
        known = self.known(None, batch)
        embedded = self.near_embed(known)
        drawn = embedded.new_zeros(batch, 1, self.codes)
        alone = self.alone(cells)
        share = self.share(alone / warmth)
        rest = share.sum(1, keepdim=True)
        for group in torch.split(self.by_pass, self.pass_sizes):
            still = self.still(cells, rest, drawn)
            left = self.left(share[:, group], still, rest, drawn)
            logits = self.draw_logits(cells[:, group], alone[:, group], left, embedded, self.near[group], drawn).float()
            total = (logits / warmth).softmax(-1).cumsum(-1)
            pick = (uniform[:, group, None] * total[..., -1:] >= total).sum(-1).clamp(max=self.codes - 1)
            known[:, group] = pick
            embedded[:, group] = self.near_embed(pick)
            drawn = drawn.scatter(2, pick[:, None], 1.0)
            rest = rest - share[:, group].sum(1, keepdim=True)
        return known[:, :-2].contiguous().view(batch, self.rows, self.cols)


def _passes(rows: int, cols: int) -> tuple[Tensor, Tensor]:
    """Which pass draws each cell, (R*C,), and where it looks, (R*C, 12): a cell, "not drawn yet" or "outside"."""
    cells = rows * cols
    middle = rows // 2 + 2 * (cols // 2)
    order = torch.tensor([(r + 2 * c - middle) % _GROUPS for r in range(rows) for c in range(cols)])
    near = torch.full((cells, len(_NEAR)), cells + 1)  # outside
    for i in range(cells):
        for k, (dr, dc) in enumerate(_NEAR):
            r, c = i // cols + dr, i % cols + dc
            if 0 <= r < rows and 0 <= c < cols:
                j = r * cols + c
                near[i, k] = j if order[j] < order[i] else cells
    return order, near
