"""GameGAN's Table 1: agents trained inside each simulator of PacManFlag, tested in the real game.

    python scripts/gamegan_table1.py                                # the bundled simulators, three agents each
    python scripts/gamegan_table1.py --simulators "GameGAN=pacman-gamegan" "GameGAN-M=runs/small-m"
    python scripts/gamegan_table1.py --small --simulators "GameGAN=runs/mine"

The reference is an agent that learned in reality on the first simulator's features, for as many steps. One line of json
per condition and seed; run again, it goes on with the rows that are missing. The paper's column is of other boards,
another agent (A3C) and 100 episodes: compare its shares, not its returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from worldsim.agents.hyperparameters import parse
from worldsim.agents.transfer import RANDOM, REFERENCE, Condition, Line, conditions, run_missing, summary
from worldsim.errors import BadInput, Stopped

PAPER = {
    "random": -0.20,
    "Action-LSTM": -0.09,
    "World Model": 1.24,
    "GameGAN-M": 1.99,
    "GameGAN": 1.13,
    "reality": 3.02,
}
"""Kim et al. 2020, arXiv:2005.12126, Table 1, Pac-Man."""


@dataclass(frozen=True)
class Args:
    """Which simulators, and how long agents learn in them."""

    simulators: tuple[str, ...] = ("GameGAN=pacman-gamegan", "World Model=pacman-vm", "codes=pacman-spatial")
    """As name=FOLDER_OR_BUNDLED_NAME; GameGAN, GameGAN-M, World Model and Action-LSTM have a number in the paper."""
    out: Path = Path("runs/gamegan-table1")
    """Folder for agents, rows.jsonl and table.md."""
    steps: int = 250_000
    """Training steps of each agent."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the agents."""
    episodes: int = 1000
    """Real episodes, and dreamed ones, that score each agent."""
    only: str = ""
    """Do the conditions whose name holds this; the table shows all that are done."""
    hyperparameters: tuple[str, ...] = ()
    """Of PPO, for every agent, as name=value."""
    small: bool = False
    """A look: 8,192 steps, one seed, 100 episodes."""


def paper_share(name: str) -> float | None:
    """What the paper's agents kept of reality's gain over random."""
    if name not in PAPER:
        return None
    return (PAPER[name] - PAPER["random"]) / (PAPER["reality"] - PAPER["random"])


def name_of(condition: str) -> str:
    """The simulator that a condition is named after."""
    if condition.startswith("dream ("):
        return condition[7:-1]
    return "reality" if condition == REFERENCE else condition


def table(lines: list[Line]) -> str:
    """Our returns and shares beside the paper's."""
    rows = [["learned in", "steps", "real return ± sd over seeds", "share of reality's gain", "in its dream"]]
    rows[0] += ["seeds", "real episodes a seed", "paper: return", "paper: share"]
    rows.append(["---", *["---:"] * 8])
    for line in lines:
        name = name_of(line.condition)
        share = paper_share(name)
        paper = ["" if name not in PAPER else f"{PAPER[name]:.2f}", "" if share is None else f"{share:.2f}"]
        rows.append([name, *line.cells()[1:], *paper])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def table_of(rows: list[dict[str, Any]]) -> str:
    """The table of rows.jsonl: random first, reality last."""
    return table(sorted(summary(rows), key=lambda line: (line.condition != RANDOM, line.condition == REFERENCE)))


def chosen(args: Args, steps: int) -> list[Condition]:
    """Random, every simulator, reality."""
    simulators = dict(word.split("=", 1) for word in args.simulators if "=" in word)
    if len(simulators) != len(args.simulators):
        raise BadInput(f"simulators are written name=FOLDER, got {' '.join(args.simulators)}")
    rows = conditions(simulators, args.out / "untrained", steps, multiples=())
    if rows[-1].seat is None or rows[-1].seat.env_id != "WorldSim/PacManFlag-v0":
        raise BadInput("Table 1 is of WorldSim/PacManFlag-v0; the simulators learned another game")
    return [row for row in rows if row.name != "dream (untrained)"]


def main(args: Args) -> None:
    """Do the rows that are missing, then print the table."""
    steps, seeds, episodes = (8192, args.seeds[:1], 100) if args.small else (args.steps, args.seeds, args.episodes)
    rows = chosen(args, steps)
    home = next(row.seat for row in rows if row.name == REFERENCE and row.seat is not None)
    pairs = [(row, seed) for seed in seeds for row in rows if args.only in row.name]
    text = table_of(run_missing(pairs, home, args.out, episodes, parse(args.hyperparameters)))
    (args.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"wrote {args.out / 'rows.jsonl'} and {args.out / 'table.md'}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"gamegan_table1: {error}") from None
