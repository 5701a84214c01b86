"""A codebook over non-overlapping patches: the vision of the spatial world."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PatchVQConfig:
    """Sizes of `PatchVQ`."""

    patch: int = 12
    """Side of a patch in pixels; for games that move by whole cells, the cell."""
    codes: int = 64
    """K, entries of the codebook."""
    code_size: int = 16
    """Z, numbers in a code (pilot: 16)."""
    hidden: int = 128
    """Width of the two hidden layers of encoder and decoder (pilot: 128)."""
    decay: float = 0.98
    """Moving average of the codebook (pilot; the paper uses 0.99)."""
    commitment: float = 0.25
    """Weight beta of the commitment term (the paper's value)."""


class PatchVQ(nn.Module):
    """Vector-quantised autoencoder, patch by patch.

    Source: van den Oord et al. 2017, "Neural Discrete Representation Learning", arXiv:1711.00937.

    ``z = argmin_k |E(x) - c_k|``, ``x' = D(c_z)``; loss = weighted ``|x - x'|^2`` + beta ``|E(x) - sg(c_z)|^2``, the
    gradient passes the quantiser straight through, and codes follow an exponential moving average of what falls to
    them (the paper's appendix A.1).

    Shapes:
        frames (B, H, W, 3) uint8 <-> patches (B, R * C, p * p * 3) float in [0, 1] <-> codes (B, R, C) int64.

    Differs from the paper: encoder and decoder are MLPs on separate patches instead of convolutions with overlap, so
    that a picture of a grid world becomes its grid; codes that nothing uses are re-seeded from the worst-drawn
    patches; squared errors can be weighted by how rare a colour is (`worldsim.vae.colour`).
    """

    codebook: Tensor
    mass: Tensor
    total: Tensor

    def __init__(self, config: PatchVQConfig, channels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.channels = channels
        pixels, width = config.patch**2 * channels, config.hidden
        self.encoder = nn.Sequential(
            nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.code_size)
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.code_size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, pixels)
        )
        self.register_buffer("codebook", torch.randn(config.codes, config.code_size))
        self.register_buffer("mass", torch.ones(config.codes))  # average count of what falls to a code
        self.register_buffer("total", self.codebook.clone())  # average sum of what falls to a code

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of a frame; edges that do not fill a patch are padded."""
        p = self.config.patch
        return -(-height // p), -(-width // p)

    def patches(self, frames: Tensor) -> Tensor:
        """Cut frames (B, H, W, C) uint8 into (B, R * C, p * p * C) uint8, padding the far edges by repetition."""
        batch, height, width, channels = frames.shape
        p, (rows, cols) = self.config.patch, self.grid(height, width)
        if (rows * p, cols * p) != (height, width):
            pad = (0, cols * p - width, 0, rows * p - height)
            moved = F.pad(frames.permute(0, 3, 1, 2).float(), pad, mode="replicate")
            frames = moved.permute(0, 2, 3, 1).to(torch.uint8)
        cut = frames.reshape(batch, rows, p, cols, p, channels).transpose(2, 3)
        return cut.reshape(batch, rows * cols, p * p * channels)

    def nearest(self, z: Tensor) -> Tensor:
        """The nearest code: (..., Z) -> (...,) int64."""
        near = (self.codebook**2).sum(-1) - 2 * z @ self.codebook.T
        return near.argmin(-1)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (B, H, W, C) uint8 -> codes (B, R, C) int64."""
        rows, cols = self.grid(*frames.shape[1:3])
        z = self.encoder(self.patches(frames).to(torch.float32) / 255)
        return self.nearest(z).reshape(-1, rows, cols)

    def tiles(self) -> Tensor:
        """What each code looks like: (K, p, p, C) uint8."""
        p = self.config.patch
        drawn = self.decoder(self.codebook).clamp(0, 1) * 255
        return drawn.round().to(torch.uint8).reshape(-1, p, p, self.channels)

    def decode(self, codes: Tensor, height: int, width: int, tiles: Tensor | None = None) -> Tensor:
        """Codes (B, R, C) -> frames (B, height, width, C) uint8; pass `tiles` if they are at hand."""
        drawn = (self.tiles() if tiles is None else tiles)[codes]  # (B, R, C, p, p, channels)
        batch, rows, cols, p = drawn.shape[:4]
        frames = drawn.transpose(2, 3).reshape(batch, rows * p, cols * p, self.channels)
        return frames[:, :height, :width]

    def loss(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One training step's loss on patches x (n, p * p * C) in [0, 1] with pixel weights of the same shape.

        Returns:
            loss (), codes (n,) and encodings (n, Z) for `update`, error (n,): each patch's summed squared error.
        """
        z = self.encoder(x)
        code = self.nearest(z.detach().float())
        quantised = self.codebook[code]
        drawn = self.decoder(z + (quantised - z).detach())
        error = (weight * (drawn.float() - x) ** 2).sum(-1)
        commit = (z.float() - quantised).pow(2).sum(-1)
        return (error + self.config.commitment * commit).mean(), code, z.detach().float(), error.detach()

    @torch.no_grad()
    def update(self, code: Tensor, z: Tensor) -> None:
        """Move the codebook towards what fell to each code."""
        decay = self.config.decay
        count = torch.bincount(code, minlength=len(self.mass)).to(self.mass.dtype)
        self.mass.mul_(decay).add_(count, alpha=1 - decay)
        self.total.mul_(decay).index_add_(0, code, z, alpha=1 - decay)
        self.codebook.copy_(self.total / self.mass.clamp(min=1e-3)[:, None])

    @torch.no_grad()
    def reseed(self, z: Tensor, error: Tensor, generator: torch.Generator) -> int:
        """Give codes that nothing uses to badly drawn patches; returns how many were moved."""
        dead = (self.mass < 0.05).nonzero()[:, 0]
        if len(dead) == 0 or float(error.sum()) <= 0:
            return 0
        picked = torch.multinomial(error.clamp(min=1e-12), len(dead), replacement=True, generator=generator)
        self.codebook[dead] = z[picked] + 1e-3 * torch.randn(
            len(dead), z.shape[1], generator=generator, device=z.device
        )
        self.total[dead] = self.codebook[dead]
        self.mass[dead] = 1.0
        return len(dead)
