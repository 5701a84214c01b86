"""Judges: the shared encoder and the three critics, with their spectral norm."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from worldsim.gamegan.judges.action import ActionJudge
from worldsim.gamegan.judges.features import FrameFeatures, Kind
from worldsim.gamegan.judges.single import SingleJudge
from worldsim.gamegan.judges.temporal import TemporalJudge
from worldsim.gan.spectral import spectral


@dataclass(frozen=True)
class JudgeConfig:
    """What judges."""

    kind: Kind = "grid"
    """Which layers."""
    single: bool = True
    """Whether there is a judge of single pictures."""
    action: bool = True
    """Whether there is a judge of transitions and their action."""
    temporal: bool = True
    """Whether there is a judge of stretches."""


class Judges(nn.Module):
    """The critics of GameGAN, on the features of one encoder; spectral norm on all but action embedding and regression.

    Source: Kim et al. 2020, arXiv:2005.12126, section 3.4; 3.67 M parameters as released with transposed blocks
    ("simple", 32 frames), 3.86 M with "residual", 5.19 M for 84 pixels.

    Differs from the paper: no batch norm (as in the release, whose supplement lists it).

    Args:
        config: what judges.
        channels: C.
        height: of the pictures.
        width: of the pictures.
        actions: A.
        noise: Z that is recognised; 0 recognises none.
        frames: T + 1, in a stretch.
        cell: for "grid", side of a cell in pixels.
    """

    def __init__(
        self,
        config: JudgeConfig,
        channels: int,
        height: int,
        width: int,
        actions: int,
        noise: int,
        frames: int,
        cell: int = 12,
    ) -> None:
        super().__init__()
        self.config = config
        self.features = FrameFeatures(config.kind, channels, height, width, cell)
        size = self.features.size
        self.single = SingleJudge(config.kind, size) if config.single else None
        self.action = ActionJudge(config.kind, size, actions, noise) if config.action else None
        self.temporal = TemporalJudge(config.kind, size, frames) if config.temporal else None
        spectral(self, leave_out=("action.embed", "action.recogniser") if config.action else ())

    def frames(self, images: Tensor) -> Tensor:
        """Features of stretches: (B, T, C, H, W) -> (B, T, D, r, c)."""
        return self.features(images.flatten(0, 1)).unflatten(0, images.shape[:2])
