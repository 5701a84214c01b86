"""compare: agents side by side on the same episodes, as a table and as json; the dream's score beside reality's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.evaluation import NAMED, evaluate
from worldsim.agents.score import Score
from worldsim.agents.seat import Seat
from worldsim.bundled import called
from worldsim.errors import BadInput
from worldsim.whole_file import write_whole

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One agent: where it learned and how it scores."""

    name: str
    learned: str  # where, in how many steps
    real: Score
    dream: Score | None = None
    play: str = "worldsim list"  # the command that shows it at play

    def to_json(self) -> dict[str, Any]:
        """A dictionary for json, with every episode."""
        dream = None if self.dream is None else self.dream.to_json()
        return {"agent": self.name, "learned": self.learned, "real": self.real.to_json(), "dream": dream}


def compare(
    agents: Sequence[str | Path],
    env: str | None = None,
    episodes: int = 1000,
    seed: int = 0,
    dream: bool = True,
    progress: bool = False,
    **options: Any,
) -> Iterator[Row]:
    """Score agents in one real environment, on the same seeds; yields each as soon as it is scored.

    Args:
        agents: folders, zips, ``"random"`` or ``"noop"``; the first one with a home says which environment it is.
        env: a real environment's id, if not that one.
        episodes: of each agent, in reality and in the dream.
        seed: see `evaluate`.
        dream: score agents that know a world in its dream, too.
        progress: show bars.
        options: further arguments of `evaluate`.
    """
    loaded = [name if str(name) in NAMED else load_agent(name) for name in agents]
    home = _home(loaded, env)
    common: dict[str, Any] = {"episodes": episodes, "seed": seed, "progress": progress, **options}
    kwargs = common.pop("env_kwargs", None)
    for name, agent in zip(_names(agents, loaded), loaded, strict=True):
        if not isinstance(agent, Agent) or agent.seat is None:
            plain = Seat(home.env_id, {**home.env_kwargs, **(kwargs or {})})
            real = evaluate(agent, plain, **common)
            learned = "" if not isinstance(agent, Agent) else "unknown"
            yield Row(name, learned, real, play=_play(plain, agent))
            continue
        seat = agent.seat.in_reality(home.env_id, kwargs)
        real = evaluate(agent, seat, **common)
        inside = agent.seat.in_dream() if dream else None
        dreamed = None if inside is None else evaluate(agent, inside, **common)
        learned = f"{agent.seat}, {agent.about.get('steps', 0):,} steps"
        yield Row(name, learned, real, dreamed, _play(agent.seat.in_dream() or seat, agent))


def _home(loaded: Sequence[Any], env: str | None) -> Seat:
    """The real environment of a comparison."""
    seats = [agent.seat.in_reality() for agent in loaded if isinstance(agent, Agent) and agent.seat is not None]
    if env is not None:
        return next((seat for seat in seats if seat.env_id == env), Seat(env))
    if not seats:
        raise BadInput("none of these agents says where it belongs; give the environment (--env ID)")
    return seats[0]


def _names(agents: Sequence[str | Path], loaded: Sequence[Any]) -> list[str]:
    """The agents' own names, or what was given where two have the same."""
    names = [agent.name if isinstance(agent, Agent) else str(agent) for agent in loaded]
    return [name if names.count(name) == 1 else str(given) for name, given in zip(names, agents, strict=True)]


def _play(seat: Seat, agent: Any) -> str:
    """The command that shows an agent at play."""
    words = ["worldsim play", str(seat.env_id or called(str(seat.world)))]
    if seat.env_kwargs and not seat.dreamed:
        words.append(f"--env-kwargs {shlex.quote(json.dumps(seat.env_kwargs))}")
    return " ".join([*words, f"--agent {called(str(agent.file))}"] if isinstance(agent, Agent) else words)


def table(rows: Sequence[Row]) -> Table:
    """The rows for a screen."""
    from rich.table import Table

    first = rows[0].real
    shown = Table(title=f"{rows[0].real.n:,} episodes each, seeds {first.seeds[0]} to {first.seeds[1]}")
    for heading in ("agent", "learned in", "played in", "return", "95 % of the mean", "sd", "steps", "in the dream"):
        words = heading in ("agent", "learned in", "played in")
        shown.add_column(heading, justify="left" if words else "right", overflow="fold")
    for row in rows:
        real, dream = row.real, row.dream
        shown.add_row(
            row.name,
            row.learned,
            real.env,
            f"{real.mean:.2f}",
            _interval(real),
            f"{real.sd:.2f}" if real.n > 1 else "",
            f"{real.length:.1f}" + (f" ({real.cut} cut)" if real.cut else ""),
            "" if dream is None else f"{dream.mean:.2f}" + (f" ({_interval(dream)})" if dream.n > 1 else ""),
        )
    return shown


def _interval(score: Score) -> str:
    """What is known of the mean; nothing from a single episode."""
    return f"{score.low:.2f} to {score.high:.2f}" if score.n > 1 else ""


def write(rows: Sequence[Row], path: Path) -> None:
    """Every episode of every row, as json."""
    write_whole(path, json.dumps([row.to_json() for row in rows], allow_nan=False) + "\n")
