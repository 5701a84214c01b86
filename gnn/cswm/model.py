"""The networks of C-SWM and its contrastive loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worldsim.errors import BadInput


@dataclass(frozen=True)
class CSWMConfig:
    """Sizes; the published ones for 2D Shapes are the defaults."""

    frame_shape: tuple[int, int, int] = (50, 50, 3)
    """(H, W, C), H and W multiples of ``stride``."""
    slots: int = 5
    """K, objects."""
    actions: int = 20
    """Of the environment."""
    factored: bool = True
    """Whether action a concerns slot a // (actions / K) alone; else every slot is told the whole action."""
    dim: int = 2
    """D, of a slot's state."""
    hidden: int = 512
    """Width."""
    stride: int = 10
    """Pixels of the cells that the extractor's first layer reads."""
    sigma: float = 0.5
    """Scale of distances."""
    hinge: float = 1.0
    """gamma, how far apart unlike states are kept."""
    bank: int = 256
    """Frames that `render` can show."""


class CSWM(nn.Module):
    """Contrastively trained structured world model.

    Object extractor: two convolutions to K masks (sigmoid); object encoder: one MLP for all masks, to ``z`` (K, D);
    transition: ``z + dz``, with ``e_ij = f_edge(z_i, z_j)`` and ``dz_j = f_node(z_j, a_j, sum_{i != j} e_ij)``.

    Source: Kipf, van der Pol & Welling 2020 (arXiv:1911.12247), section 2 and the 2D Shapes experiment. Differs from
    the paper: the extractor's first layer reads whole cells (a patch of ``stride`` pixels) with 32 channels.

    Shapes:
        encode: (B, H, W, C) uint8 -> (B, K, D); forward: z (B, K, D), action (B,) -> (B, K, D)
    """

    def __init__(self, config: CSWMConfig) -> None:
        super().__init__()
        height, width, channels = config.frame_shape
        if height % config.stride or width % config.stride:
            raise BadInput(f"expected frames whose sides are multiples of {config.stride}, got {config.frame_shape}")
        if config.factored and config.actions % config.slots:
            raise BadInput(f"expected actions that {config.slots} slots share alike, got {config.actions}")
        self.config = config
        cells = (height // config.stride) * (width // config.stride)
        self.extractor = nn.Sequential(
            nn.Conv2d(channels, 32, config.stride, config.stride),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, config.slots, 1),
            nn.Sigmoid(),
        )
        self.encoder = _mlp(cells, config.hidden, config.dim)
        told = config.actions // config.slots if config.factored else config.actions
        self.told = told
        self.edge = _mlp(2 * config.dim, config.hidden, config.hidden)
        self.node = _mlp(config.dim + told + config.hidden, config.hidden, config.dim)

    def encode(self, frame: Tensor) -> Tensor:
        """The slots of frames."""
        masks: Tensor = self.extractor(frame.permute(0, 3, 1, 2).float() / 255)
        z: Tensor = self.encoder(masks.flatten(2))
        return z

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """The slots one step later."""
        slots = self.config.slots
        i, j = (1 - torch.eye(slots, device=z.device)).nonzero().T
        messages = self.edge(torch.cat([z[:, i], z[:, j]], -1))  # (B, K (K - 1), hidden)
        heard = messages.new_zeros(len(z), slots, messages.shape[-1]).index_add(1, j, messages)
        if self.config.factored:
            told = F.one_hot(action, self.config.actions).view(len(z), slots, self.told)
        else:
            told = F.one_hot(action, self.config.actions)[:, None].expand(-1, slots, -1)
        dz: Tensor = self.node(torch.cat([z, told.to(z.dtype), heard], -1))
        return z + dz

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """``d(a, b) = mean_k |a_k - b_k|^2 / (2 sigma^2)`` over the last two axes."""
        return ((a - b) ** 2).sum(-1).mean(-1) / (2 * self.config.sigma**2)

    def loss(self, before: Tensor, action: Tensor, after: Tensor, other: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """``d(z + dz, z') + max(0, gamma - d(z~, z'))``.

        Args:
            before: (B, H, W, C) uint8.
            action: (B,) int64.
            after: the frame that followed.
            other: (B,) int64, for each transition another one of the batch, whose ``before`` gives z~.
        """
        z, then = self.encode(torch.cat([before, after])).chunk(2)
        near = self.distance(self(z, action), then).mean()
        far = F.relu(self.config.hinge - self.distance(z[other], then)).mean()
        return near + far, {"near": near.detach(), "far": far.detach()}


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers, the second one normalised."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.LayerNorm(hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )
