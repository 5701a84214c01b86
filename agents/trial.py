"""Trials: controllers evolved in dreams or reality and tested in reality, a line of json each, and their table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.agents.agent import Agent
from worldsim.agents.cma import train_cma
from worldsim.agents.reality import score_in_reality
from worldsim.agents.seat import Seat
from worldsim.agents.transfer import append, folder_of, read

RANDOM = "random play"


@dataclass(frozen=True)
class Trial:
    """One row of a table before its seeds: how controllers are evolved; without a seat they act at random."""

    name: str
    seat: Seat | None
    steps: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    published: str = ""  # what the paper says, for the table
    start_from: str | None = None  # a controller's folder, to begin with its parameters


@dataclass(frozen=True)
class Means:
    """What every trial costs."""

    episodes: int
    """Real episodes that test an agent."""
    workers: int = 1
    """Processes for real environments."""
    threads: int | None = None
    """Of torch, in dreams."""
    ray: str | None = None
    """A Ray cluster for evolution in reality."""


def run(trials: Sequence[Trial], seeds: Sequence[int], home: Seat, out: Path, means: Means) -> list[dict[str, Any]]:
    """Do what is missing in ``out/rows.jsonl``; returns all rows."""
    path = out / "rows.jsonl"
    for trial in trials:
        for seed in seeds if trial.seat is not None else seeds[:1]:
            if not any((row["trial"], row["seed"]) == (trial.name, seed) for row in read(path)):
                row = _row(trial, seed, home, out, means)
                append(path, row)
                print(f"{trial.name}, seed {seed}: {row['real']['mean']:.1f} in reality", flush=True)
    return read(path)


def _row(trial: Trial, seed: int, home: Seat, out: Path, means: Means) -> dict[str, Any]:
    if trial.seat is None:
        score = score_in_reality(None, Seat(home.env_id, home.env_kwargs), means.episodes, means.workers)
        real = score.to_json(episodes=False)
        return {"trial": trial.name, "seed": seed, "published": trial.published, "real": real, "dream": None}
    agent = train_cma(
        trial.seat,
        trial.steps,
        seed,
        out / "agents" / folder_of(trial.name, seed),
        hyperparameters=trial.hyperparameters,
        workers=1 if trial.seat.dreamed else means.workers,
        ray=None if trial.seat.dreamed else means.ray,
        threads=means.threads,
        progress=True,
        start_from=trial.start_from,
    )
    return row_of(agent, trial.name, seed, home, means, trial.published)


def row_of(agent: Agent, name: str, seed: int, home: Seat, means: Means, published: str = "") -> dict[str, Any]:
    """The line of a controller that has evolved: what that took, and how it does in reality."""
    assert agent.seat is not None
    seat = agent.seat.in_reality(home.env_id, home.env_kwargs)
    score = score_in_reality(agent, seat, means.episodes, means.workers)
    best = max(agent.about["scores"], key=lambda found: found["mean"]) if agent.seat.dreamed else None
    row: dict[str, Any] = {"trial": name, "seed": seed, "published": published}
    row |= {key: agent.about[key] for key in ("steps", "generations", "seconds", "parameters")}
    return row | {"real": score.to_json(episodes=False), "dream": best}


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each trial and seed, and one over seeds where there are several."""
    head = ["controller", "seed", "steps of evolution", "in the dream", "in reality (sd; se)", "episodes", "published"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name in dict.fromkeys(row["trial"] for row in rows):
        mine = [row for row in rows if row["trial"] == name]
        for row in mine:
            real, dream = row["real"], row["dream"]
            error = (real["sd"] or math.nan) / math.sqrt(real["n"])
            spread = f"{real['mean']:.0f} ({real['sd'] or math.nan:.0f}; {error:.0f})"
            inside = "" if dream is None else f"{dream['mean']:.0f} ± {dream['sd']:.0f}"
            steps = f"{row['steps']:,}" if "steps" in row else ""
            lines.append([name, str(row["seed"]), steps, inside, spread, f"{real['n']:,}", row["published"]])
        if len(mine) > 1:
            means = np.array([row["real"]["mean"] for row in mine])
            over = f"{means.mean():.0f} ± {means.std(ddof=1):.0f} over {len(means)} seeds"
            lines.append([f"**{name}**", "all", "", "", over, f"{sum(row['real']['n'] for row in mine):,}", ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(rows: Sequence[Mapping[str, Any]], out: Path, note: str) -> None:
    """``out/results.json`` and ``out/results.md``."""
    (out / "results.json").write_text(json.dumps(list(rows), indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text(f"{note}\n\n{markdown(rows)}\n", encoding="utf-8")
    print(markdown(rows))
    print(f"wrote {out / 'results.md'}, {out / 'results.json'} and {out / 'rows.jsonl'}")
