"""Trials: controllers evolved in dreams or reality and tested in reality, a line of json each, and their table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from worldsim.agents.actor import actor_of
from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.cma import train_cma
from worldsim.agents.committee import committee
from worldsim.agents.evaluation import evaluate
from worldsim.agents.linear import LinearController
from worldsim.agents.reality import score_in_reality
from worldsim.agents.seat import Seat, fingerprint
from worldsim.agents.transfer import append, folder_of, read
from worldsim.errors import BadInput

RANDOM = "random play"
REAL = "real.jsonl"
"""In an agent's folder: the real games that test it."""
DREAMS = 256
"""That score an agent of Stable-Baselines3 in the dream it learned in."""


@dataclass(frozen=True)
class Trial:
    """One row of a table before its seeds: how controllers are trained; without a seat they act at random."""

    name: str
    seat: Seat | None
    steps: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    published: str = ""  # what the paper says, for the table
    start_from: str | None = None  # a controller's folder, to begin with its parameters
    algo: str = "cma"  # or one of Stable-Baselines3's
    num_envs: int | None = None  # rows that one of those learns from


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
    """Do what is missing in ``out/rows.jsonl``; returns all rows.

    Raises:
        BadInput: a row is there already, of another world, game or number of steps.
    """
    path = out / "rows.jsonl"
    for trial in trials:
        for seed in seeds if trial.seat is not None else seeds[:1]:
            asked = asked_of(trial.seat, home, trial.steps)
            if not is_there(path, trial.name, seed, asked):
                row = _row(trial, seed, home, out, means) | {"asked": asked}
                append(path, row)
                print(f"{trial.name}, seed {seed}: {row['real']['mean']:.1f} in reality", flush=True)
    return read(path)


def together(trial: Trial, seeds: Sequence[int], home: Seat, out: Path, means: Means) -> list[dict[str, Any]]:
    """Add the row of one agent whose outputs are the means of those that a trial's seeds have trained; all rows."""
    assert trial.seat is not None
    name, path = committee_of(trial), out / "rows.jsonl"
    asked = asked_of(trial.seat, home, trial.steps) | {"seeds": list(seeds)}
    if is_there(path, name, seeds[0], asked):
        return read(path)
    agents = [load_agent(out / "agents" / folder_of(trial.name, seed)) for seed in seeds]
    models = (agent.model for agent in agents)
    one = committee([model if isinstance(model, LinearController) else actor_of(model) for model in models])
    about = {"learned_by": trial.algo, "seeds": list(seeds)}
    about |= {key: sum(agent.about[key] for agent in agents) for key in ("steps", "seconds")}
    folder = out / "agents" / folder_of(name, seeds[0])
    Agent(one, "linear", trial.seat, folder.name, about).save(folder)
    row: dict[str, Any] = {"trial": name, "seed": seeds[0], "published": "", "dream": None, **about}
    row["parameters"] = one.size
    if trial.seat.dreamed:
        row["dream"] = evaluate(folder, trial.seat, DREAMS, num_envs=DREAMS).to_json(episodes=False)
    row["real"] = _scored(load_agent(folder), trial.seat.in_reality(home.env_id, home.env_kwargs), means, folder / REAL)
    append(path, row | {"asked": asked})
    print(f"{name}: {row['real']['mean']:.1f} in reality", flush=True)
    return read(path)


def committee_of(trial: Trial) -> str:
    """What the row of all its seeds together is called."""
    return f"{trial.name}, committee of the seeds"


def asked_of(seat: Seat | None, home: Seat, steps: int) -> dict[str, Any]:
    """What must agree for a row to be the one that is meant."""
    worlds: dict[str, Any] = {}
    if seat is not None and seat.world is not None:
        worlds = {"world": f"{Path(seat.world).name} ({fingerprint(seat.world)[:8]})", "dream": seat.dreamed}
    return {**worlds, "env_id": home.env_id, "env_kwargs": dict(home.env_kwargs), "steps": steps}


def is_there(path: Path, name: str, seed: int, asked: Mapping[str, Any]) -> bool:
    """Whether this row was written before (older ones do not say what they were asked for)."""
    for row in read(path):
        if (row["trial"], row["seed"]) == (name, seed):
            theirs = row.get("asked", asked)
            for what in asked:
                if theirs.get(what) != asked[what]:
                    raise BadInput(
                        f"{path} holds {name}, seed {seed}, with {what} {theirs.get(what)}, not {asked[what]}; repeat "
                        "that, or choose another --out"
                    )
            return True
    return False


def _row(trial: Trial, seed: int, home: Seat, out: Path, means: Means) -> dict[str, Any]:
    if trial.seat is None:
        real = _scored(None, Seat(home.env_id, home.env_kwargs), means, out / "agents" / "random.jsonl")
        return {"trial": trial.name, "seed": seed, "published": trial.published, "real": real, "dream": None}
    folder = out / "agents" / folder_of(trial.name, seed)
    if trial.algo != "cma":
        return _learned(trial, seed, folder, home, means)
    agent = train_cma(
        trial.seat,
        trial.steps,
        seed,
        folder,
        hyperparameters=trial.hyperparameters,
        workers=1 if trial.seat.dreamed else means.workers,
        ray=None if trial.seat.dreamed else means.ray,
        threads=means.threads,
        progress=True,
        start_from=trial.start_from,
    )
    return row_of(agent, trial.name, seed, home, means, folder / REAL, trial.published)


def row_of(
    agent: Agent, name: str, seed: int, home: Seat, means: Means, kept: Path, published: str = ""
) -> dict[str, Any]:
    """The line of a controller that has evolved: what that took, and how it does in reality, kept game by game."""
    assert agent.seat is not None
    real = _scored(agent, agent.seat.in_reality(home.env_id, home.env_kwargs), means, kept)
    best = max(agent.about["scores"], key=lambda found: found["mean"]) if agent.seat.dreamed else None
    row: dict[str, Any] = {"trial": name, "seed": seed, "published": published}
    row |= {key: agent.about[key] for key in ("steps", "generations", "seconds", "parameters")}
    return row | {"real": real, "dream": best}


def _scored(agent: Agent | Path | None, seat: Seat, means: Means, kept: Path) -> dict[str, Any]:
    score = score_in_reality(agent, seat, means.episodes, means.workers, kept=kept, progress=True)
    return score.to_json(episodes=False)


def _learned(trial: Trial, seed: int, folder: Path, home: Seat, means: Means) -> dict[str, Any]:
    """The line of an agent of Stable-Baselines3, which takes its likeliest actions wherever it is scored."""
    from worldsim.agents.training import train_agent  # not before it is needed: Stable-Baselines3 takes seconds

    assert trial.seat is not None
    agent = train_agent(
        trial.seat,
        trial.algo,
        trial.steps,
        seed,
        folder,
        trial.num_envs,
        hyperparameters=trial.hyperparameters,
        checkpoint_every=1_000_000,
        threads=means.threads,
        progress=True,
    )
    row: dict[str, Any] = {"trial": trial.name, "seed": seed, "published": trial.published}
    row |= {key: agent.about[key] for key in ("steps", "seconds")}
    row["parameters"] = sum(value.numel() for value in agent.model.policy.parameters())
    if trial.seat.dreamed:
        dreamt = evaluate(agent, trial.seat, DREAMS, num_envs=DREAMS, deterministic=True)
        row["dream"] = dreamt.to_json(episodes=False)
    real = _scored(folder, trial.seat.in_reality(home.env_id, home.env_kwargs), means, folder / REAL)
    return {"dream": None, **row, "real": real}


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each trial and seed, and one over seeds where there are several."""
    head = ["controller", "seed", "steps of training", "in the dream", "in reality (sd; se)", "episodes", "published"]
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
