"""What ``worldsim iterate`` is asked for; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional


@dataclass(frozen=True)
class Rounds:
    """Of recording, training a world, learning in its dream and exploring; see `worldsim.iteration.Iteration`."""

    env: Positional[str]
    """Id of the real environment, as for worldsim record."""
    out: Path
    """Folder for the recording, the rounds and iterate.json."""
    kind: Literal["spatial", "vision-memory", "gamegan"] = "spatial"
    """Which world: one of worldsim train."""
    rounds: int = 4
    """How often it goes round."""
    frames: int = 10_000
    """Real frames of each round."""
    world: tuple[str, ...] = ()
    """Options of worldsim train KIND as name=value, such as latent=16 vision_steps=500; sizes must not change."""
    later: float = 0.5
    """Share of the world's updates in rounds after the first, which begin with the weights of the round before."""
    fresh: bool = False
    """Instead begin every round's world with new weights, and do all updates; cma, which else goes on from the
    controller of the round before, begins with zeros."""
    algo: str = "ppo"
    """Of the agents, as in worldsim train-agent; cma too."""
    steps: int = 250_000
    """Imagined steps from which each round's agent learns."""
    hyperparameters: tuple[str, ...] = ()
    """Of the algorithm, as name=value."""
    policy: tuple[str, ...] = ("random",)
    """Who plays in the first round, as in worldsim record; several are drawn from alike."""
    noise: float = 0.3
    """Exploration: in each episode of a later round, a probability of random actions is drawn from U(0, NOISE)."""
    shift: float = 0.0
    """The same for actions of real numbers: in each episode of a later round a number s is drawn from U(0, SHIFT), and
    all actions are shifted by draws from U(-s, s), in halves of their range, each held for 50 steps."""
    curiosity: float = 0.0
    """Above 0, a second agent explores: it learns in the same dream, where each step also pays this times the world's
    own surprise, the distance between two draws of what follows (1: as far as two streams are from each other)."""
    temperature: float | None = None
    """Of the dreams agents learn in."""
    horizon: tuple[int, ...] = ()
    """Steps after which these are cut off, in the first round, the second and so on; the last number holds for all
    later ones (default: 1000)."""
    episodes: int = 200
    """Real episodes that score each round's agent, and dreamed ones."""
    seed: int = 0
    """Of everything; the episodes that score are the same for every seed."""
    env_kwargs: str = "{}"
    """Arguments for the real environment as JSON."""
    threads: int | None = None
    """CPU threads of torch."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where worlds are trained and dream."""
