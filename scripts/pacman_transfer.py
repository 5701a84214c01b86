"""Does an agent that never saw the game play it? Trained in dreams and in reality, scored on boards nobody recorded.

    python scripts/pacman_transfer.py --worlds pacman-spatial pacman-vm
    python scripts/pacman_transfer.py --small --worlds mine=runs/flag

One line of json per condition, length and seed; run again, it goes on with the rows that are missing, and so do several
copies with different --seeds; another --steps adds rows. Ends with the table over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from worldsim.agents.hyperparameters import parse
from worldsim.agents.transfer import conditions, markdown, run_missing, summary
from worldsim.errors import BadInput, Stopped


@dataclass(frozen=True)
class Args:
    """The transfer experiment on Pac-Man."""

    worlds: tuple[str, ...] = ("pacman-spatial", "pacman-vm")
    """Bundled names or folders, or name=FOLDER; reality is seen through the first one's features."""
    out: Path = Path("runs/transfer")
    """Folder for agents, rows.jsonl and table.md."""
    steps: int = 750_000
    """Training steps in the dreams, and in reality on the same features."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the agents."""
    episodes: int = 1000
    """Real episodes, and dreamed ones, that score each agent."""
    multiples: tuple[float, ...] = (1,)
    """Also train in reality on so many times the frames that the first world cost."""
    grid: bool = True
    """Also train in reality on the symbolic grid."""
    only: str = ""
    """Do the conditions whose name holds this; the table shows all that are done."""
    hyperparameters: tuple[str, ...] = ()
    """Of PPO, for every agent, as name=value."""
    small: bool = False
    """A minute instead of hours: 8,192 steps, one seed, 100 episodes, multiple 0.05."""


def main(args: Args) -> None:
    """Do the rows that are missing, then print the table."""
    steps, seeds, episodes, multiples = args.steps, args.seeds, args.episodes, args.multiples
    if args.small:
        steps, seeds, episodes, multiples = 8192, seeds[:1], 100, (0.05,)
    worlds = dict(word.split("=", 1) if "=" in word else (Path(word).name, word) for word in args.worlds)
    if len(worlds) != len(args.worlds):
        raise BadInput(f"every world needs a name of its own (name=FOLDER), got {' '.join(args.worlds)}")
    own = {"observation": "grid"} if args.grid else None
    rows = conditions(worlds, args.out / "untrained", steps, multiples, own)
    home = next(row.seat for row in rows if row.seat is not None).in_reality()
    pairs = [(row, seed) for row in rows if args.only in row.name for seed in seeds]
    table = markdown(summary(run_missing(pairs, home, args.out, episodes, parse(args.hyperparameters))))
    (args.out / "table.md").write_text(table + "\n", encoding="utf-8")
    print(table)
    print(f"wrote {args.out / 'rows.jsonl'} and {args.out / 'table.md'}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"pacman_transfer: {error}") from None
