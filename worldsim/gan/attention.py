"""Self-attention over the places of a map, as in SAGAN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput


class SelfAttention(nn.Module):
    """Every place looks at all others: ``y = x + gain * conv1(sum_j softmax_j(q_i . k_j) v_j)``.

    Source: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", arXiv:1805.08318, section 3. The gain
    starts at 0, so the layer starts as the identity.

    Args:
        channels: C, divisible by 8.

    Shapes:
        (B, C, H, W) -> the same; H and W at least 2.

    Differs from the paper: keys and values are max-pooled 2 x 2 and values have C / 2 channels instead of C / 8, as in
    the authors' released network and in BigGAN; the 1x1 convolutions have no bias.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 8:
            raise BadInput(f"attention needs a number of channels divisible by 8, got {channels}")
        self.query = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.output = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """The map with what its places saw added."""
        query = self.query(x).flatten(2).mT  # (B, HW, C/8)
        key = F.max_pool2d(self.key(x), 2).flatten(2).mT  # (B, HW/4, C/8)
        value = F.max_pool2d(self.value(x), 2).flatten(2).mT  # (B, HW/4, C/2)
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.gain * self.output(seen.mT.unflatten(2, x.shape[2:]))
