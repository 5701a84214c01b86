"""``worldsim iterate``: record, train, learn in the dream, explore, and round again."""

from __future__ import annotations

from dataclasses import dataclass

from worldsim.rounds import Rounds


@dataclass(frozen=True)
class Iterate(Rounds):
    """World Models' iterative procedure: a world that learns where its own agents go (Ha & Schmidhuber 2018, sec. 5).

    Each round records real play (the first one --policy, later ones the agent of the round before, with noise), trains
    the world on all that was recorded so far, trains an agent in its dream and scores it in reality on seeds that
    nothing else uses. Every stage is kept and goes on where it was stopped, by Ctrl-C or a kill; more --rounds than
    before go on, and for those --frames, --world, --later, --steps, --hyperparameters, --noise, --shift, --temperature
    and --horizon may change. Writes iterate.json and, for each round, world-N and agent-N.
    """

    def run(self) -> None:
        """Do what is not yet done, then print the table."""
        from rich.console import Console

        from worldsim.iteration import Iteration

        iteration = Iteration(self)
        if (done := iteration.done) >= self.rounds:
            print(f"all rounds are here already ({done}) and stay as they are; more --rounds go on")
        iteration.run()
        console = Console()
        if not console.is_terminal:
            console.width = 160  # a file or a pipe has no edge to wrap at
        console.print(iteration.table())
        world, agent = (iteration.folder(what, self.rounds) for what in ("world", "agent"))
        print(f"{iteration.path}: every number")
        print(f"next: worldsim play {world} --agent {agent / 'agent.zip'}")
