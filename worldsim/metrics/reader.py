"""Reader: a small network that reads the kind of every cell from a Pac-Man frame, blurred and noisy ones included."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from worldsim.envs.pacman import tiles
from worldsim.envs.pacman.paint import CELL, paint_codes
from worldsim.envs.pacman.types import Bytes
from worldsim.metrics.estimate import Estimate, Tally
from worldsim.metrics.kinds import FOOD, KIND_OF_TILE, NUM_KINDS, ghosts, of_codes
from worldsim.metrics.look import Look, to_picture

MARGIN = 3
"""Pixels around a cell that the reader sees: enough for a picture that is off by some, too few to guess a maze."""
HIDDEN = 64
_STEPS, _FRAMES, _RATE = 220, 32, 4e-3
_TOGETHER = 256


class Reader(nn.Module):
    """``kind(cell) = W3 relu(W2 relu(W1 pixels))`` with the same weights for every cell and a margin of 3 pixels.

    Source: ours. It is trained on painted pictures of the game, so its answer is known for certain, and with blur,
    noise, shifted colours and other pictures shining through, so that it reads what a person would.

    Shapes:
        frames (B, H, W, 3) uint8 -> logits (B, NUM_KINDS, H / 12, W / 12), hidden (B, HIDDEN, H / 12, W / 12).
    """

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, HIDDEN, CELL + 2 * MARGIN, stride=CELL, padding=MARGIN)
        self.hidden = nn.Conv2d(HIDDEN, HIDDEN, 1)
        self.out = nn.Conv2d(HIDDEN, NUM_KINDS, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and hidden units of pictures (B, 3, H, W) in [0, 1]."""
        hidden = F.relu(self.hidden(F.relu(self.patch(pictures - 0.25))))
        return self.out(hidden), hidden

    @torch.inference_mode()
    def look(self, frames: NDArray[np.uint8]) -> Look:
        """Read frames (B, H, W, 3)."""
        logits, features = [], []
        for part in torch.from_numpy(frames).split(_TOGETHER):
            found, hidden = self(to_picture(part))
            logits.append(found)
            features.append(hidden.mean((2, 3)))
        all_logits = torch.cat(logits)
        kinds = all_logits.argmax(1).to(torch.uint8).numpy()
        return Look(all_logits.softmax(1), kinds, torch.cat(features))


@cache
def train_reader(skin: str, size: int, seed: int = 0) -> Reader:
    """A reader of one look of the game, trained in some ten seconds; kept for the process.

    Half of the cells of every picture are those of a real game, the others any tile, so that rare ones are read too.
    """
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    real = played_codes(512, 24, size, 2_500_000_000 + seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Reader()
    optimizer = torch.optim.AdamW(reader.parameters(), _RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, _STEPS)
    for _ in range(_STEPS):
        codes = real[rng.integers(0, len(real), _FRAMES)]
        strange = rng.random(codes.shape) < rng.choice([0.0, 0.5], (_FRAMES, 1, 1))
        codes = np.where(strange, rng.integers(0, tiles.NUM_TILES, codes.shape), codes).astype(np.uint8)
        pictures = spoil(to_picture(torch.from_numpy(paint_codes(codes, skin))), generator)
        logits, _ = reader(pictures)
        loss = F.cross_entropy(logits, torch.from_numpy(of_codes(codes)).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return reader.eval().requires_grad_(False)


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise, faded and shifted colours, another picture shining through: each picture its own measure of each."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand((len(pictures), *shape), generator=generator)

    clean = uniform(0, 1, 1, 1, 1) < 0.25
    out = pictures + uniform(0, 0.35, 1, 1, 1) * (pictures.roll(1, 0) - pictures)
    out = out + uniform(0, 1, 1, 1, 1) * (F.avg_pool2d(out, 5, 1, 2, count_include_pad=False) - out)
    out = out * uniform(0.7, 1.15, 1, 1, 1) + uniform(-0.06, 0.06, 3, 1, 1)
    out = out + uniform(0, 0.08, 1, 1, 1) * torch.randn(out.shape, generator=generator)
    return torch.where(clean, pictures, out.clamp(0, 1))


def played_codes(rows: int, steps: int, size: int, seed: int) -> Bytes:
    """Tile codes (n, size, size) of games of both kinds with ghosts, half the steps random."""
    from worldsim.envs.pacman.env import PacManVectorEnv

    rng, found = np.random.default_rng(seed), []
    for task in ("arcade", "flag"):
        venv = PacManVectorEnv(rows // 2, task=task, view=size)
        venv.reset(seed=seed)
        for _ in range(steps):
            venv.step(rng.integers(0, 5, rows // 2))
            found.append(tiles.tile_codes(venv.state, size))
    return np.concatenate(found)


def reading_errors(reader: Reader, codes: Bytes, skin: str, spoilt: bool = False) -> dict[str, Estimate]:
    """Cells read wrong, all and by what they hold.

    Args:
        reader: of that skin.
        codes: (n, R, C) tile codes of pictures that it was not trained on.
        skin: how they are painted.
        spoilt: spoil the pictures first as in training.
    """
    frames = paint_codes(codes, skin)
    if spoilt:
        made = spoil(to_picture(torch.from_numpy(frames)), torch.Generator().manual_seed(1))
        frames = (made * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    truth, read, tally = KIND_OF_TILE[codes], reader.look(frames).kinds, Tally(len(codes))
    wrong, ghost = read != truth, ghosts(truth)
    which = "spoilt as in training" if spoilt else "as they are"
    for name, cells in (("cells", np.ones_like(ghost)), ("food", truth == FOOD), ("ghosts", ghost)):
        tally.add(f"{name} read wrong, frames {which}", wrong & cells, cells)
    return tally.estimates()
