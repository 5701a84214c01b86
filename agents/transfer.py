"""The transfer experiment: agents trained in dreams beside agents trained in reality, all scored in reality.

A row is one condition and one seed, a line of json. Conditions with the same observations and hyperparameters differ
only in where the frames came from, so their ratio says what the dream is worth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldsim.agents.evaluation import evaluate
from worldsim.agents.score import Score, finite
from worldsim.agents.seat import Seat, open_world
from worldsim.agents.training import train_agent
from worldsim.checkpoint import World, new_model
from worldsim.errors import BadInput

RANDOM, REFERENCE = "random", "reality, same features"


@dataclass(frozen=True)
class Condition:
    """Where an agent learns, and for how long; without a seat it acts at random."""

    name: str
    seat: Seat | None
    steps: int = 0


def conditions(
    worlds: Mapping[str, str],
    folder: Path,
    steps: int,
    multiples: Sequence[float] = (1, 5),
    own: Mapping[str, Any] | None = None,
) -> list[Condition]:
    """The rows of the experiment.

    Args:
        worlds: names for the table -> bundled names or folders; the first one is also the reference's features.
        folder: where the untrained world is written.
        steps: of training, alike for the dreams and the reference.
        multiples: the reference once more, on only so many times the real frames that the world cost.
        own: arguments of the real environment for agents that see its own observations; None leaves these out.
    """
    first = next(iter(worlds.values()))
    home = Seat(None, {}, first, "features").in_reality()
    for name, world in worlds.items():
        if Seat(None, {}, world, "features").in_reality().env_id != home.env_id:
            raise BadInput(f"the worlds were recorded from different environments: {name} is not of {home.env_id}")
    provenance = open_world(first).provenance
    frames = int(provenance.get("real_frames", provenance.get("frames", 0)))  # the recording player's too
    rows = [Condition(RANDOM, None)]
    rows += [Condition(f"dream ({name})", Seat(None, {}, world, "features"), steps) for name, world in worlds.items()]
    if not (folder / "config.json").is_file():
        untrained(open_world(first), folder)
    rows.append(Condition("dream (untrained)", Seat(None, {}, str(folder), "features"), steps))
    rows.append(Condition(REFERENCE, home, steps))
    for times in multiples if frames else ():
        name = f"reality, same features, {times:g} x the {frames:,} frames that the world cost"
        rows.append(Condition(name, home, round(times * frames)))
    if own is not None:
        rows.append(Condition("reality, own observations", Seat(home.env_id, {**home.env_kwargs, **own}), steps))
    return rows


def untrained(world: World, folder: Path, seed: int = 0) -> World:
    """The same world with weights as they were before training, saved.

    Buffers stay: what was measured on the recording, such as a table of rewards, is no weight.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = new_model(world.kind, world.model.config)
    model.load_state_dict(dict(world.model.named_buffers()), strict=False)
    folder.mkdir(parents=True, exist_ok=True)
    provenance = {**world.provenance, "summary": f"An untrained {world.name}, for comparison.", "steps": 0}
    fresh = World(world.kind, model.eval().requires_grad_(False), world.openings, provenance, folder.name)
    fresh.save(folder)
    return fresh


def run(
    condition: Condition,
    home: Seat,
    seed: int,
    out: Path,
    episodes: int = 1000,
    hyperparameters: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """One row: train (or go on, or do nothing if it is done) in ``out``, then score in reality and in the dream."""
    common: dict[str, Any] = {"episodes": episodes, "progress": progress}
    if condition.seat is None:
        plain = Seat(home.env_id, home.env_kwargs)
        return _row(condition, seed, 0, 0.0, evaluate("random", plain, seed=seed * episodes, **common), None)
    agent = train_agent(
        condition.seat, steps=condition.steps, seed=seed, out=out, hyperparameters=hyperparameters, progress=progress
    )
    real = evaluate(agent, **common)
    inside = condition.seat if condition.seat.dreamed else None
    dream = None if inside is None else evaluate(agent, inside, **common)
    return _row(condition, seed, int(agent.about["steps"]), float(agent.about["seconds"]), real, dream)


def run_missing(
    pairs: Iterable[tuple[Condition, int]],
    home: Seat,
    out: Path,
    episodes: int = 1000,
    hyperparameters: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Do the (condition, seed) that ``out/rows.jsonl`` lacks, with agents in ``out/agents``; returns all rows."""
    path = out / "rows.jsonl"
    for condition, seed in pairs:
        wanted = (condition.name, condition.steps, seed)
        if any((row["condition"], row["asked"], row["seed"]) == wanted for row in read(path)):
            continue
        row = run(condition, home, seed, out / "agents" / folder_of(*wanted), episodes, hyperparameters, progress=True)
        append(path, row)
        print(f"{condition.name}, seed {seed}: {row['real']['mean']:.2f} in reality", flush=True)
    return read(path)


def folder_of(*words: object) -> str:
    """Name of the folder in ``out/agents`` that holds the agent of a condition, its steps and seed."""
    return "".join(letter if letter.isalnum() else "-" for letter in "-".join(map(str, words)))


def _row(
    condition: Condition, seed: int, steps: int, seconds: float, real: Score, dream: Score | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"condition": condition.name, "seed": seed, "asked": condition.steps, "steps": steps}
    row |= {"seconds": seconds, "real": real.to_json(episodes=False)}
    return row | {"dream": None if dream is None else dream.to_json(episodes=False)}


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that are done; half a line of a killed run is none."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def append(path: Path, row: Mapping[str, Any]) -> None:
    """One more row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = path.read_bytes() if path.exists() else b""
    with path.open("ab") as file:
        file.write((b"" if old.endswith(b"\n") or not old else b"\n") + json.dumps(row).encode() + b"\n")


@dataclass(frozen=True)
class Line:
    """One condition over its seeds."""

    condition: str
    steps: int
    seeds: int
    n: int  # real episodes of each seed
    mean: float  # of the seeds' means
    sd: float | None  # over the seeds' means
    dream: float | None
    share: float | None  # of the reference's gain over random

    def cells(self) -> list[str]:
        """As text."""
        share = "" if self.share is None else f"{self.share:.2f}"
        dream = "" if self.dream is None else f"{self.dream:.2f}"
        spread = f"{self.mean:.2f}" + ("" if self.sd is None else f" ± {self.sd:.2f}")
        return [
            self.condition,
            f"{self.steps:,}" if self.steps else "",
            spread,
            share,
            dream,
            str(self.seeds),
            f"{self.n:,}",
        ]


def summary(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Conditions and the steps asked of them, in the order in which they came, over their seeds.

    A share is of what the reference gains over random; of several lengths of it, the longest counts.
    """
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["condition"], row["asked"]), []).append(row)

    def gained(name: str) -> float:
        lengths = [key for key in groups if key[0] == name]
        return float(np.mean([row["real"]["mean"] for row in groups[max(lengths)]])) if lengths else math.nan

    floor, top = gained(RANDOM), gained(REFERENCE)
    lines = []
    for (name, _), mine in groups.items():
        values = [row["real"]["mean"] for row in mine]
        dreamed = [row["dream"]["mean"] for row in mine if row["dream"] is not None]
        mean = float(np.mean(values))
        lines.append(
            Line(
                name,
                max(row["steps"] for row in mine),
                len(mine),
                min(row["real"]["n"] for row in mine),
                mean,
                float(np.std(values, ddof=1)) if len(values) > 1 else None,
                float(np.mean(dreamed)) if dreamed else None,
                None if name == RANDOM or top == floor else finite((mean - floor) / (top - floor)),
            )
        )
    return lines


def markdown(lines: Sequence[Line]) -> str:
    """The table for a README or a card."""
    head = ["learned in", "steps", "real return ± sd over seeds", "share of reality's gain", "in its dream", "seeds"]
    text = [head + ["real episodes a seed"], ["---", *["---:"] * 6], *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in text)
