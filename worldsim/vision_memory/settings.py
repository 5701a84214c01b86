"""How a vision-memory world is trained: sizes, losses and schedules, and the named sets of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Schedule = Literal["constant", "cosine", "exponential"]


@dataclass(frozen=True)
class Settings:
    """One set; the defaults are the preset ``published``: the paper's networks and losses, in minutes on a CPU.

    Nets: Ha & Schmidhuber 2018, arXiv:1803.10122. ``carracing-paper`` and ``takecover-paper`` also take the schedules
    of the released code, which were made for 10 and 3 million frames.
    """

    latent: int = 64
    """Z (paper: 32 for CarRacing, 64 for Doom)."""
    hidden: int = 512
    """H (paper: 256 for CarRacing, 512 for Doom)."""
    mixtures: int = 5
    """K (paper)."""
    outcome: bool = True
    """Whether a head beside M predicts reward and ending (ours: CarRacing's M predicts neither)."""
    done: bool = False
    """Doom's restart flag and done logit."""
    cell: bool = False
    """Whether the agent sees c too (paper: in Doom)."""
    reward: float = 0.0
    """Of every step of a world without the outcome head."""
    vision_steps: int = 2400
    """Updates of V."""
    vision_batch: int = 100
    """Frames in one (released code)."""
    vision_learning_rate: float = 3e-4
    """Adam's for V (released code: 1e-4, for 1,000,000 updates); at 1e-3 V of a dark game stays black."""
    vision_schedule: Schedule = "cosine"
    """Released code: constant."""
    kl_tolerance: float = 0.5
    """Floor of the KL divergence in nats per dimension, on the sum (released code)."""
    kl_weight: float = 1.0
    """Of the KL divergence (paper)."""
    colour_weights: bool = False
    """Whether rare colours weigh more in V's squared error (ours)."""
    memory_steps: int = 4000
    """Updates of M."""
    memory_batch: int = 48
    """Episodes, or stretches of them, in one (released code: 100)."""
    length: int = 100
    """Most steps of a stretch (released code: 999 in CarRacing, 499 in Doom)."""
    carry: bool = False
    """Whether M's memory is carried from one stretch to the next of one endless reel (released code: in Doom)."""
    from_start: bool = False
    """Whether dreams begin near an episode's first frame, however long episodes are (paper: they do)."""
    memory_learning_rate: float = 1e-3
    """Adam's for M (released code)."""
    memory_schedule: Schedule = "cosine"
    """Released code: constant in CarRacing, exponential in Doom."""
    decay: float = 0.99999
    """Per update, of the exponential schedule; its floor is 1e-5 (released code)."""
    clip: float = 1.0
    """Largest size of each element of M's gradient (released code)."""
    done_weight: float = 10.0
    """How much an ending weighs in the done logit's loss (released code)."""
    outcome_weight: float = 1.0
    """Nats of the outcome against nats per dimension of z."""
    action_weight: float = 0.0
    """Nats of the player's next action against nats per dimension of z; 0 has no head for it (paper: in the iterative
    procedure alone)."""


PRESETS = {
    "published": Settings(),
    "repaired": Settings(kl_tolerance=0.0, kl_weight=0.1, colour_weights=True),
    "carracing-paper": Settings(
        latent=32,
        hidden=256,
        outcome=False,
        vision_steps=1_000_000,
        vision_learning_rate=1e-4,
        vision_schedule="constant",
        memory_steps=4_000,
        memory_batch=100,
        length=999,
        memory_schedule="constant",
    ),
    "takecover-paper": Settings(
        outcome=False,
        done=True,
        cell=True,
        reward=1.0,
        vision_steps=308_090,
        vision_learning_rate=1e-4,
        vision_schedule="constant",
        memory_steps=24_400,
        memory_batch=100,
        length=499,
        carry=True,
        from_start=True,
        memory_schedule="exponential",
    ),
    "carracing-fast": Settings(
        latent=32,
        hidden=256,
        vision_steps=12_000,
        vision_batch=256,
        vision_learning_rate=5e-4,
        memory_steps=2_000,
        memory_batch=64,
        length=1000,  # whole episodes: no picture shows the speed, M adds up the gas since the start
    ),
    "takecover-fast": Settings(
        outcome=False,
        done=True,
        cell=True,
        reward=1.0,
        vision_steps=12_000,
        vision_batch=256,
        vision_learning_rate=5e-4,
        memory_steps=3_000,
        memory_batch=256,
        length=125,
        carry=True,
        from_start=True,
        memory_learning_rate=2e-3,
    ),
    "fast": Settings(latent=32, hidden=256, vision_steps=300, memory_steps=600),
}
"""``published``: the paper's design, for minutes on a CPU. ``repaired``: the same with V's loss changed so that small
things of rare colours survive. ``carracing-paper`` and ``takecover-paper``: sizes, losses, batches and schedules of the
two experiments (give ``--precision 32-true`` with them). ``carracing-fast`` and ``takecover-fast``: the same nets and
losses with larger batches and fewer updates, the car with a head for reward and ending, so that C can learn in its
dream. ``fast``: to see it run."""
