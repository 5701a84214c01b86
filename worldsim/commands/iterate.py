"""``worldsim iterate``: record, train, learn in the dream, explore, and round again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional


@dataclass(frozen=True)
class Iterate:
    """World Models' iterative procedure: a world that learns where its own agents go (Ha & Schmidhuber 2018, sec. 5).

    Each round records real play (the first one --policy, later ones the agent of the round before, with noise), trains
    the world on all that was recorded so far, trains an agent in its dream and scores it in reality on seeds that
    nothing else uses. Every stage is kept and goes on where it was stopped, by Ctrl-C or a kill; more --rounds than
    before go on. Writes iterate.json and, for each round, world-N and agent-N.
    """

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
    """Instead begin every round's world with new weights, and do all updates."""
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
    curiosity: float = 0.0
    """Above 0, a second agent explores: it learns in the same dream, where each step also pays this times the world's
    own surprise, the distance between two draws of what follows (1: as far as two streams are from each other)."""
    temperature: float | None = None
    """Of the dreams agents learn in."""
    horizon: int | None = None
    """Steps after which these are cut off (default: 1000)."""
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

    def run(self) -> None:
        """Do what is not yet done, then print the table."""
        from rich.console import Console

        from worldsim.iteration import Iteration

        iteration = Iteration(self)
        iteration.run()
        console = Console()
        if not console.is_terminal:
            console.width = 160  # a file or a pipe has no edge to wrap at
        console.print(iteration.table())
        world, agent = (iteration.folder(what, self.rounds) for what in ("world", "agent"))
        print(f"{iteration.path}: every number")
        print(f"next: worldsim play {world} --agent {agent / 'agent.zip'}")
