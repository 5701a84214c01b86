"""Choices: the noise of the small GameGAN, one of K alternatives in every cell."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.gamegan.grid.kinds import NOTHING
from worldsim.noise import uniforms

_PASSES = 4
_FLOOR = 0.0005  # share of the uniform distribution in each posterior, so that no alternative is ever lost
_BARRED = 30.0  # nats, against what is never together with what is in view
_GAIN = 16.0  # of the logits that movers in view add: seldom needed, they would be learned too slowly


class Chosen(NamedTuple):
    """What was chosen, and what it cost."""

    weights: Tensor  # (B, K, R, C) one-hot; its gradient is that of the probabilities
    nats: Tensor  # (P, 2, R, C) KL(posterior | prior): what moves the prior, and what moves the posterior
    log_q: Tensor | None = None  # (P, K, R, C) of the posterior


class InView(NamedTuple):
    """What the prior of the outermost cells is told of the whole picture."""

    movers: Tensor  # (B, K) how surely a mover of each kind is anywhere
    free: Tensor  # (B, 1, R, C) 1 in the outermost cells without one


class Choices(nn.Module):
    """A categorical z in every cell, with a learned prior, and a posterior that sees the real next picture.

    A ghost's old and new cell must agree on where it went, and no noise that is drawn for each of them apart can bring
    that about. Here the choice is made once, in the old cell, and `Movers` carry its content to the new one. What
    comes into view at the edge is chosen in the same way.

    Prior ``p(z_i | v, l, z_j drawn before i)``, from v_i, the largest v of the picture, the choices of the neighbours,
    and which alternatives were drawn anywhere: cells are drawn in four passes by the parity of row and column, so that
    all eight neighbours of a cell fall into other passes. Posterior ``q(z_i | v_i, s')``, s' the encoded real next
    picture around i. Samples are one-hot with the gradient of their probabilities.

    What is in view does not come into view as well. So in outermost cells without a mover (in one with a mover the
    alternatives say where it goes) ``16 A max_i softmax(W l_i)`` is added to the prior's logits, the maximum over all
    movers and over what was drawn before in such cells. W is told (`worldsim.gamegan.objective`) which kind each mover
    looks like, so that A has no more to learn than which kinds shut each other out. It learns that only roughly, from
    what seldom happens; so where the recording is clear about it (`worldsim.gamegan.grid.kinds.never_together`, whose
    matrix is ``apart``) another ``-30 min(1, apart max_i softmax(W l_i))`` is added, and of what cells of one pass draw
    together all but the first becomes nothing.

    Training pays ``balance * KL(sg q | p) + (1 - balance) * KL(q | sg p)``, cell by cell.

    Source: ours, in place of GameGAN's ``z ~ N(0, I)``, which is ignored unless something supplies it; one-hot samples
    and balance as in DreamerV2 (Hafner et al. 2021, arXiv:2010.02193, section 2.2).

    Args:
        options: K.
        inputs: channels of v.
        lifted: channels of l, from `worldsim.gamegan.grid.movers`.
        seen: channels of s'.
        hidden: width of the prior's and the posterior's hidden layer.
        rows: R.
        cols: C.
        balance: share of the cost that moves the prior.
    """

    turn: Tensor
    edge: Tensor
    apart: Tensor

    def __init__(
        self,
        options: int,
        inputs: int,
        lifted: int,
        seen: int,
        hidden: int,
        rows: int,
        cols: int,
        balance: float = 0.8,
    ) -> None:
        super().__init__()
        self.options, self.balance = options, balance
        self.prior_local = nn.Conv2d(inputs, hidden, 1)
        self.prior_whole = nn.Linear(inputs, hidden)
        self.prior_near = nn.Conv2d(options, hidden, 3, padding=1, bias=False)
        self.prior_drawn = nn.Linear(options, hidden, bias=False)
        self.prior_known = nn.Linear(options, options, bias=False)
        nn.init.zeros_(self.prior_known.weight)
        self.prior_out = nn.Conv2d(hidden, options, 1)
        self.looks = nn.Conv2d(lifted, options, 1)
        self.posterior_own = nn.Conv2d(inputs, hidden, 1)
        self.posterior_next = nn.Conv2d(seen, hidden, 3, padding=1, bias=False)
        self.posterior_out = nn.Conv2d(hidden, options, 1)
        row, col = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
        order = torch.tensor([[0, 2], [3, 1]])  # diagonal neighbours first: they share no edge
        self.register_buffer("turn", order[row % 2, col % 2], persistent=False)  # (R, C)
        edge = torch.ones(rows, cols)
        edge[1:-1, 1:-1] = 0
        self.register_buffer("edge", edge, persistent=False)
        self.register_buffer("apart", torch.zeros(options, options))  # 1: never together, from `never_together`

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(prefix + "apart", self.apart)  # of a run from before it was there
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def local(self, v: Tensor) -> Tensor:
        """What the prior reads of v: (B, inputs, R, C) -> (B, hidden, R, C)."""
        out: Tensor = self.prior_local(v) + self.prior_whole(v.amax((2, 3)))[:, :, None, None]
        return out

    def looks_like(self, lifted: Tensor) -> Tensor:
        """Log-probabilities of the kind that each mover looks like: (B, lifted, R, C) -> (B, K, R, C)."""
        out: Tensor = self.looks(lifted).float().log_softmax(1)
        return out

    def in_view(self, looks: Tensor, rest: Tensor) -> InView:
        """From `looks_like`, and ``rest`` (B, 1, R, C): 0 where a mover is. No gradient flows back to the movers."""
        return InView((looks.exp() * (1 - rest)).amax((2, 3)).detach(), self.edge * rest)

    def prior(self, local: Tensor, seen: InView, weights: Tensor) -> Tensor:
        """Logits of every cell given all its neighbours' choices that were drawn in an earlier pass.

        Args:
            local: (B, hidden, R, C), from `local`.
            seen: from `in_view`.
            weights: (B, K, R, C), the choices.
        """
        out = torch.zeros_like(weights)
        for turn in range(_PASSES):
            mine = self.turn == turn
            logits = self._logits(local, seen, weights * (self.turn < turn) if turn else None)
            out = torch.where(mine, logits, out)
        return out

    def _logits(self, local: Tensor, seen: InView, earlier: Tensor | None) -> Tensor:
        x, there = local, seen.movers
        if earlier is not None:
            x = x + self.prior_near(earlier) + self.prior_drawn(earlier.amax((2, 3)))[:, :, None, None]
            there = torch.maximum(there, (earlier * seen.free).amax((2, 3)))
        told = _GAIN * self.prior_known(there) - _BARRED * (there @ self.apart).clamp(max=1)
        out: Tensor = self.prior_out(F.relu(x)) + told[:, :, None, None] * seen.free
        return out

    def from_frame(self, v: Tensor, seen: InView, after: Tensor, noise: Tensor) -> Chosen:
        """Draw from the posterior: noise (B, R*C) normals."""
        both = F.leaky_relu(self.posterior_own(v) + self.posterior_next(after), 0.2)
        q = self.posterior_out(both).float().softmax(1)
        q = (1 - _FLOOR) * q + _FLOOR / self.options
        weights = self._draw(q, noise)
        p = self.prior(self.local(v), seen, weights.detach()).float().log_softmax(1)
        moves_prior = self.balance * (q.detach() * (q.detach().log() - p)).sum(1)
        moves_posterior = (1 - self.balance) * (q * (q.log() - p.detach())).sum(1)
        return Chosen(weights, torch.stack([moves_prior, moves_posterior], 1), q.log())

    def from_prior(self, v: Tensor, seen: InView, noise: Tensor, temperature: Tensor | None) -> Chosen:
        """Draw from the prior, pass by pass."""
        local = self.local(v)
        weights: Tensor | None = None
        for turn in range(_PASSES):
            logits = self._logits(local, seen, weights).float()
            if temperature is not None:
                logits = logits / temperature[:, None, None, None]
            drawn = self._once(self._draw(logits.softmax(1), noise) * (self.turn == turn), seen.free)
            weights = drawn if weights is None else weights + drawn
        assert weights is not None
        return Chosen(weights, weights.new_zeros(0))

    def _once(self, drawn: Tensor, free: Tensor) -> Tensor:
        """Of what was drawn in one pass and is never together all but the first becomes nothing: (B, K, R, C)."""
        new = (drawn.detach() * free).flatten(2)
        before = new.cumsum(2) - new
        gone = (new * (self.apart @ before)).sum(1).clamp(max=1).view_as(free)
        nothing = torch.zeros_like(drawn)
        nothing[:, NOTHING] = 1
        return drawn * (1 - gone) + nothing * gone

    def _draw(self, p: Tensor, noise: Tensor) -> Tensor:
        """One-hot samples with the gradient of p: p (B, K, R, C), noise (B, R*C)."""
        with torch.no_grad():
            total = p.cumsum(1)
            uniform = uniforms(noise).view(-1, 1, *p.shape[2:])
            pick = (uniform * total[:, -1:] >= total).sum(1, keepdim=True).clamp(max=self.options - 1)
            hard = torch.zeros_like(p).scatter_(1, pick, 1.0)
        return hard + p - p.detach() if p.requires_grad else hard
