"""An LSTM with one bias vector, as World Models counts it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.nn.prepared import Prepared
from worldsim.nn.product import Product


class LSTM(Prepared):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

    ``i, f, g, o = W_ih x + W_hh h + b``; ``c' = sigmoid(f) c + sigmoid(i) tanh(g)``; ``h' = sigmoid(o) tanh(c')``.

    `torch.nn.LSTM` carries two bias vectors whose sum is all that counts, so it cannot have the published number of
    parameters. Here is one; a sequence still runs through torch's fused kernel, with zeros for the second.

    Args:
        input_size: width of x.
        hidden_size: H.
        forget_bias: starting value of the forget gate's bias (TensorFlow 1 adds 1 at run time to a bias of zero,
            which is the same function and has the same gradients).

    Shapes:
        sequence: x (B, T, in) -> (B, T, H); `step`: x (B, in), h (B, H), c (B, H) -> h, c.
        Parameters: 4H (in + H) + 4H, gates in torch's order i, f, g, o.

    Example:
        >>> sum(p.numel() for p in LSTM(35, 256).parameters())
        299008
    """

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        # Glorot's bound for the one joint kernel (in + H, 4H) that TensorFlow 1 draws.
        bound = math.sqrt(6.0 / (input_size + 5 * hidden_size))
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        with torch.no_grad():
            self.bias[hidden_size : 2 * hidden_size] = forget_bias

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All steps of a sequence: h after each, and the last (h, c)."""
        if state is None:
            zeros = x.new_zeros(len(x), self.hidden_size)
            state = (zeros, zeros)
        weights = [self.weight_ih, self.weight_hh, self.bias, torch.zeros_like(self.bias)]
        first = (state[0][None], state[1][None])
        out, h, c = torch.lstm(x, first, weights, True, 1, 0.0, self.training, False, True)
        return out, (h[0], c[0])

    def through(self, x: Tensor, first: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All steps of a sequence whose memory is emptied wherever ``first`` (B, T) is 1: h after each, last (h, c)."""
        # Time first and unbound: the gradient of into[:, t] would be as large as all of into, once for every t.
        into, keep = F.linear(x.transpose(0, 1), self.weight_ih, self.bias), 1 - first.T[..., None]  # (T, B, 4H)
        h, c = state
        every = []
        for entering, kept in zip(into.unbind(), keep.unbind(), strict=True):
            gates = entering + F.linear(h * kept, self.weight_hh)
            i, f, g, o = gates.float().chunk(4, 1)
            c = f.sigmoid() * (c * kept) + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            every.append(h)
        return torch.stack(every, 1), (h, c)

    def step(self, x: Tensor, h: Tensor, c: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """One step; ``dtype`` is that of the multiplication (float32 or bfloat16), h and c stay float32."""
        fused = self.prepared(dtype, (self.weight_ih, self.weight_hh, self.bias), lambda: self._fuse(dtype))
        gates = fused(torch.cat([x, h], 1).to(dtype))
        # tanh(x) = 2 sigmoid(2 x) - 1, and on CPUs a sigmoid takes a third of a tanh's time.
        i, f, g, o = gates.float().sigmoid_().chunk(4, 1)
        c = (f * c).sub_(i).addcmul_(i, g, value=2)
        return o.neg().addcmul_(o, (2 * c).sigmoid_(), value=2), c

    def _fuse(self, dtype: torch.dtype) -> Product:
        """One product for all gates of a step, (in + H, 4H); those of g are doubled, see `step`."""
        twice = torch.ones(4, self.hidden_size, 1, device=self.bias.device)
        twice[2] = 2  # g
        weight = torch.cat([self.weight_ih, self.weight_hh], 1).view(4, self.hidden_size, -1) * twice
        bias = self.bias.view(4, -1) * twice[..., 0]
        return Product(weight.flatten(0, 1).T.to(dtype).contiguous(), bias.flatten().to(dtype))
