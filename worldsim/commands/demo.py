"""``worldsim demo``: the whole line in five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Five minutes on two cores: record, train, dream, learn in the dream, play for real.

    Records real episodes, trains a small world from them for a moment, trains an agent only inside a bundled dream,
    scores it in the real game beside random play, and writes a table, demo.json and a moving picture (reality beside
    the dream). Needs no network, display or GPU. Ctrl-C at any time; the same command run again goes on.
    """

    out: Path = Path("runs/demo")
    """Folder for everything that it writes."""
    world: str = "pacman-spatial"
    """A bundled world or a world folder: the dream in which the agent learns."""
    quick: bool = False
    """A few seconds of everything: to see whether it runs, not how well."""
    seed: int = 0
    """Of recording, training and evaluation."""
    threads: int = 2
    """CPU threads of torch."""

    def run(self) -> None:
        """Run what is not yet done."""
        from worldsim.demo import FULL, QUICK, demo

        demo(self.out, self.world, QUICK if self.quick else FULL, self.seed, self.threads)
