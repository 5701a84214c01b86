"""Presets: how a GameGAN is built and trained, and the named sets of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from worldsim.errors import BadInput
from worldsim.gamegan.flat import FlatConfig
from worldsim.gamegan.grid.simulator import GridConfig
from worldsim.gamegan.judges.judges import JudgeConfig
from worldsim.gamegan.weights import CODE, LossWeights


@dataclass(frozen=True)
class Settings:
    """One set; the defaults are the preset ``small``."""

    simulator: Literal["grid", "flat"] = "grid"
    """Ours on a grid of cells, or the published one."""
    grid: GridConfig = field(default_factory=GridConfig)
    """Sizes of the first."""
    flat: FlatConfig = field(default_factory=FlatConfig)
    """Sizes of the second."""
    judges: JudgeConfig | None = field(default_factory=JudgeConfig)
    """The critics; None trains by reconstruction alone."""
    weights: LossWeights = field(
        default_factory=lambda: LossWeights(
            single=3.0,
            action=3.0,
            temporal=3.0,
            reconstruction=0.2,
            feature=0.0,
            mask=0.002,
            movers=0.5,
            motion=3.0,
            kinds=1.0,
            changed=2.0,
            penalty_temporal=0.0,
        )
    )
    """Of the losses."""
    length: int = 8
    """T, steps of a stretch."""
    curriculum: tuple[int, ...] = ()
    """Lengths that stretches have before T, each for an equal share of the time before the critics judge: stretches of
    T steps are cut into pieces. Each divides T."""
    batch: int = 20
    """Stretches in an update."""
    steps: int = 4200
    """Updates."""
    warm: int = 4
    """Steps that see real frames at first."""
    warm_until: float = 0.3
    """Share of the run until which they do."""
    warm_gone: float = 0.5
    """Share of the run from which on only the opening frame is real; in between it falls linearly."""
    mute_until: float = 0.03
    """Share of the run that is trained without choices: what can be known is then learned first."""
    informed: bool = True
    """Whether choices are read off the real next frame in training (the noise encoder of the grid); else they are drawn
    from the prior, which nothing but the reconstruction teaches."""
    prior_share: float = 0.08
    """Updates, as a share of the run's, that the prior of the choices gets alone when all else has been learned, each
    of three times as many stretches (only on a grid, and if informed)."""
    prior_rate: float = 5e-3
    """Adam's, there."""
    judged_from: float = 0.75
    """Share of the run from which on critics judge."""
    alone: int = 30
    """Updates of the critics before the generator hears of them."""
    own_share: float = 0.5
    """Share of a judged batch whose choices come from the prior; the critics alone train it."""
    critic_share: float = 0.5
    """Share of a batch that the critics learn from."""
    blur: float = 0.0
    """Standard deviation of noise added to own frames that are fed back, against drift."""
    colours: bool = True
    """Whether rare colours weigh more in the reconstruction."""
    learning_rate: float = 1.5e-3
    """Adam's, of the generator."""
    critic_rate: float = 2e-3
    """Adam's, of the critics."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Of the generator's rate; the critics' is constant: they begin late, and at rates that have fallen to a tenth they
    hardly learned."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's."""
    clip_norm: float | None = 1.0
    """Largest norm of each gradient."""

    def __post_init__(self) -> None:
        if odd := [steps for steps in self.curriculum if steps < 1 or self.length % steps]:
            raise BadInput(
                f"each length of --curriculum divides --length: expected divisors of {self.length}, got {odd[0]}"
            )

    @property
    def trains_prior(self) -> bool:
        """Whether there is a prior that learns alone at the end."""
        return self.simulator == "grid" and self.informed and self.prior_share > 0

    def piece(self, share: float) -> int:
        """Steps of a stretch when ``share`` of the run is done."""
        lengths = (*self.curriculum, self.length)
        until = min(1.0, self.judged_from) if self.judges else 1.0
        return lengths[min(len(lengths) - 1, int(len(lengths) * share / max(1e-9, until)))]

    def warm_steps(self, share: float) -> int:
        """Steps that see real frames when ``share`` of the run is done."""
        fallen = (share - self.warm_until) / max(1e-9, self.warm_gone - self.warm_until)
        return max(1, math.ceil(self.warm * (1 - min(1.0, max(0.0, fallen))) - 1e-9))


_PUBLISHED = Settings(
    simulator="flat",
    weights=LossWeights(),
    judges=JudgeConfig("residual"),
    warm_until=0.0,
    mute_until=0.0,
    judged_from=0.0,
    alone=0,
    own_share=0.0,
    critic_share=1.0,
    colours=False,
    learning_rate=1e-4,
    critic_rate=1e-4,
    schedule="constant",
    betas=(0.0, 0.9),
    clip_norm=None,
)
_PAPER_84 = replace(
    _PUBLISHED,
    flat=FlatConfig(side=84, memory=True, slots=39, width=64),
    length=17,
    batch=12,
    steps=200_000,
    warm=9,
    warm_gone=1 / 3,
)
_PAPER_64 = replace(
    _PUBLISHED,
    flat=FlatConfig(memory=True, slots=39, width=16, blocks="simple"),
    judges=JudgeConfig("simple"),
    length=31,
    batch=12,
    steps=200_000,
    warm=16,
    warm_gone=1 / 3,
)
_CODE = replace(
    _PAPER_64,
    flat=FlatConfig(action_width=10, memory=True, width=16, blocks="simple", gate="difference", first_board="uniform"),
    weights=CODE,
    batch=16,
    steps=60 * 618,
    warm_gone=1.0,
)

_SMALL_M = Settings(grid=GridConfig(memory=0))

PRESETS = {
    "small": Settings(),
    "small-m": _SMALL_M,
    "small-lstm": replace(
        _SMALL_M,
        judges=None,
        informed=False,
        weights=replace(_SMALL_M.weights, motion=0.0, kinds=0.0),
    ),
    "paper-84": _PAPER_84,
    "paper-84-m": replace(_PAPER_84, flat=FlatConfig(side=84, width=64)),
    "paper-64": _PAPER_64,
    "paper-64-m": replace(_PAPER_64, flat=FlatConfig(), judges=JudgeConfig("residual")),
    "code-multi": _CODE,
    "code-single": replace(
        _CODE,
        flat=FlatConfig(action_width=10),
        judges=JudgeConfig("residual"),
        weights=replace(CODE, mask=0.0),
        batch=24,
        steps=100 * 412,
    ),
    "gamegan-m": replace(_PAPER_84, flat=FlatConfig(side=84, blocks="plain")),
    "action-lstm": replace(_PAPER_84, flat=FlatConfig(side=84, blocks="plain"), judges=None),
}
"""``small`` trains and plays on a CPU; ``small-m`` is the same without memory; ``small-lstm`` besides without critics
and without anything that tells the choices, as the paper's Action-LSTM. ``paper-84`` (Pac-Man) and ``paper-64``
(VizDoom) have the paper's sizes where they are known, ``-m`` without memory; ``code-multi`` and ``code-single`` are the
released VizDoom configurations. ``gamegan-m`` is the paper's GameGAN-M: no memory, and the supplement's renderer of
plain transposed convolutions. ``action-lstm`` is its baseline: the same, trained by reconstruction alone."""
