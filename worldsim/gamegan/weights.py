"""LossWeights: every weight of GameGAN's losses, with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts. The defaults are the paper's (Kim et al. 2020, arXiv:2005.12126, equation 24).

    Where paper and release disagree, the field says so; presets named "code" take the release's.
    """

    single: float = 1.0
    """Adversarial loss of single pictures (paper and release)."""
    action: float = 1.0
    """Adversarial loss of transitions (paper and release)."""
    temporal: float = 1.0
    """Adversarial loss of stretches, the mean over levels (paper and release)."""
    wrong_action: float = 1.0
    """What a real pair with a wrong action counts in the critic's loss (release)."""
    recognise: float = 1.0
    """L_Action: cross-entropy of the action that the critic recognises (paper and release)."""
    info: float = 1.0
    """L_Info in the generator's loss: squared error of the noise that the critic recognises (paper 1, release 30)."""
    info_critic: float = 1.0
    """The same in the critic's loss (release; its option ``disc_info`` is never read)."""
    reconstruction: float = 0.05
    """Squared error summed over a picture in [-1, 1] (paper and release; its readme: 0.001 to 0.05, the most important
    one). Pictures in [0, 1] need four times as much for the same."""
    feature: float = 0.05
    """Distance between the critic's features of generated and real pictures (paper .05, release 10)."""
    feature_norm: Literal["squared", "absolute"] = "squared"
    """Which distance, as a mean (paper: squared; release: absolute)."""
    cycle: float = 0.05
    """Squared error between the static picture and the one read anew from the final memory (paper and release)."""
    mask: float = 0.0
    """Sum of the dynamic component's mask over a picture (release 0.000075 in its script; the paper has none)."""
    penalty: float = 0.0
    """Squared gradient of the action, whole-picture and recognition logits at real frames, a third of each, times T / 6
    (release: 1)."""
    penalty_temporal: float = 10.0
    """The same of the temporal logits (paper and release: 10)."""
    movers: float = 1.0
    """Cells that hold something that moves (ours, see `worldsim.gamegan.grid.movers`)."""
    motion: float = 0.0
    """What the simulator says of the view and of things that move, against what block matching finds in the real
    pictures (ours, see `worldsim.gamegan.grid.motion`)."""
    kinds: float = 0.0
    """What the choices of the outermost cells say, against the kinds of patches that come into view there, or that
    nothing does (ours, see `worldsim.gamegan.grid.kinds`)."""
    changed: float = 1.0
    """How often a pixel's squared error counts in a cell that changed otherwise than by the view's move (ours): what
    moves is a hundredth of a picture, and was drawn faintly, and where it had been as well, for long."""
    choices: float = 1.0
    """Nats that choices supplied by the real next frame cost (ours, see `worldsim.gamegan.grid.choices`)."""
    outcome: float = 2.0
    """Nats of reward and ending (ours; GameGAN predicts neither)."""


CODE = LossWeights(info=30.0, feature=10.0, feature_norm="absolute", mask=0.000075, penalty=1.0)
"""As released."""
