"""What each part of GameGAN is worth at equal training time: the small preset, and it without one part after another.

    python scripts/gamegan_parts.py --data runs/gamegan/pacman/recording --minutes 60 --seeds 0 1 2
    python scripts/gamegan_parts.py --data RECORDING --minutes 1 --rows 32 --variants whole no-critics     # a look

Every variant gets so many minutes of one thread's processor time, not so many updates: what a part costs is measured
first, with critics and without, and the number of updates follows. Each is then measured as `worldsim evaluate-world`
does it. One line of json a variant and seed; run again, it goes on with what is missing. Ends with one table.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from worldsim.agents.transfer import append, read
from worldsim.checkpoint import World
from worldsim.data.recording import Recording
from worldsim.data.windows import Windows
from worldsim.errors import BadInput, Stopped
from worldsim.gamegan.judges.judges import JudgeConfig
from worldsim.gamegan.objective import GameGANObjective
from worldsim.gamegan.presets import Settings
from worldsim.gamegan.prior import PriorObjective
from worldsim.gamegan.train import Preset, TrainGameGAN, fitted, untrained
from worldsim.metrics.reality import reality_of
from worldsim.metrics.suite import REAL, Suite
from worldsim.training import FitConfig
from worldsim.training.turns import give_gradients_to, turns_of

VARIANTS: dict[str, tuple[Preset, dict[str, Any]]] = {
    "whole": ("small", {}),
    "no-critics": ("small", {"judges": None}),
    "no-single-critic": ("small", {"judges": JudgeConfig(single=False)}),
    "no-action-critic": ("small", {"judges": JudgeConfig(action=False)}),
    "no-temporal-critic": ("small", {"judges": JudgeConfig(temporal=False)}),
    "no-noise-encoder": ("small", {"informed": False}),
    "no-block-matching": ("small", {"weights": replace(Settings().weights, motion=0.0)}),
    "no-kinds": ("small", {"weights": replace(Settings().weights, kinds=0.0)}),
    "no-memory": ("small-m", {}),
    "reconstruction": ("small-lstm", {}),
    "gamegan-m": ("gamegan-m", {}),
    "action-lstm": ("action-lstm", {}),
}
"""Preset, and what is changed of it. The last two are the paper's baselines with its networks, which a CPU trains for
a handful of updates in an hour."""
SHOWN = (
    ("open-loop", "pixel error where it moved, step 5"),
    ("open-loop", "walls wrong where it has looked, step 5"),
    ("open-loop", "food that returns, step 5"),
    ("open-loop", "ghosts lost, step 5"),
    ("open-loop", "score off by, step 5"),
    ("obedience", "free moves obeyed, steps 1-15"),
    ("obedience", "blocked moves obeyed, steps 1-15"),
    ("census", "ghosts on screen, steps 1-15"),
    ("census", "food on screen, steps 1-15"),
    ("census", "a ghost still there within a cell, steps 1-15"),
    ("census", "frames with a ghost twice, steps 1-15"),
    ("home", "walls not as they were, 4 moves and back"),
)
PROBE = 12  # updates that tell what one costs


@dataclass(frozen=True)
class Args:
    """What is compared, and for how long each learns."""

    data: Path
    """A recording of a Pac-Man whose truth is exposed, as scripts/gamegan_worlds.py makes it."""
    out: Path = Path("runs/gamegan-parts")
    """Folder for the worlds, rows.jsonl and table.md."""
    minutes: float = 60.0
    """Processor time of each training."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Which ones."""
    seeds: tuple[int, ...] = (0,)
    """Of training."""
    rows: int = 128
    """Games side by side that measure a world."""


@dataclass(frozen=True)
class TrainVariant(TrainGameGAN):
    """`worldsim train gamegan` with changed settings."""

    change: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The preset, its changes, and what was given on top."""
        return replace(super().settings, **self.change)


def trainer(args: Args, variant: str, seed: int, out: Path, steps: int, **more: Any) -> TrainVariant:
    """One training, on one thread."""
    preset, change = VARIANTS[variant]
    return TrainVariant(
        args.data, out, variant, preset=preset, steps=steps, seed=seed, threads=1, change={**change, **more}
    )


def seconds_an_update(objective: GameGANObjective, windows: Windows, share: float) -> float:
    """Of processor time, when such a share of the run is done: the median of a few."""
    config, generator, spent = FitConfig(), torch.Generator().manual_seed(0), []
    turns = turns_of(objective, config)
    for index in range(1 + PROBE):  # the first one is slow
        began = time.process_time()
        batch = windows.batch(index)
        objective.step.fill_(int(share * objective.settings.steps))
        for turn in turns:
            give_gradients_to(turn, turns)
            with torch.autocast("cpu", torch.bfloat16):
                loss, _ = objective.loss(batch, generator, turn.name)
            turn.update(loss, 0, config, 1)
        spent.append(time.process_time() - began)
    give_gradients_to(None, turns)
    return float(np.median(spent[1:]))


def fitting(settings: Settings, seconds: float, plain: float, judged: float, alone: float) -> int:
    """Updates that fit into the time, from what one takes without critics, with them, and of the prior alone."""
    share = settings.judged_from if settings.judges else 1.0
    cost = share * plain + (1 - share) * judged + settings.trains_prior * settings.prior_share * alone
    return max(1, int(seconds / cost))


def updates(args: Args, variant: str) -> int:
    """As many as fit into the time; starting up is not counted."""
    job, recording = trainer(args, variant, 0, args.out, 1000), Recording(args.data)
    settings = fitted(job.settings, recording, job.preset)
    model = untrained(settings, recording, job.preset, 0)
    windows = Windows(recording, settings.length, settings.batch)
    objective = job.objective(model, settings, windows)
    plain, judged = (seconds_an_update(objective, windows, share) for share in (0.7, 0.99))
    alone = 0.0
    if settings.trains_prior:
        windows = Windows(recording, settings.length, 3 * settings.batch)
        alone = seconds_an_update(PriorObjective(model, settings, objective.colours), windows, 1.0)
    print(f"{variant}: seconds an update {plain:.3f}, judged {judged:.3f}, of the prior alone {alone:.3f}", flush=True)
    return fitting(settings, 60 * args.minutes, plain, judged, alone)


def measured(world: World, args: Args) -> dict[str, Any]:
    """What `worldsim evaluate-world` finds: value and n of everything shown, of the world and of the real game."""
    parts = tuple(dict.fromkeys(part for part, _ in SHOWN))
    suite = Suite((world,), reality_of([world], None, {}), parts, rows=args.rows, steps=40, horizon=15)
    found: dict[str, Any] = {REAL: {}, world.name: {}}
    for item in suite.run(progress=True):
        if (item.part, item.measure) in SHOWN and item.source in found:
            value = item.estimate.value
            found[item.source][item.measure] = None if value is None or math.isnan(value) else round(value, 5)
    return found


def row(args: Args, variant: str, seed: int) -> dict[str, Any]:
    """Train and measure one."""
    folder = args.out / f"{variant}-{seed}"
    budget = args.out / f"{variant}.json"  # a run that goes on keeps the number of its updates, and all seeds have it
    if not budget.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        budget.write_text(json.dumps({"updates": updates(args, variant)}))
    steps = json.loads(budget.read_text())["updates"]
    print(f"{variant}, seed {seed}: {steps:,} updates", flush=True)
    world = trainer(args, variant, seed, folder, steps).once(horizon=40)
    found = measured(world, args)
    return {
        "variant": variant,
        "seed": seed,
        "minutes": args.minutes,
        "updates": steps,
        "rows": args.rows,
        "found": found[world.name],
        "real": found[REAL],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A column a variant: the mean over seeds, and the standard deviation where there are several."""
    names = list(dict.fromkeys(found["variant"] for found in rows))
    of = {name: [found for found in rows if found["variant"] == name] for name in names}
    lines = [["", "real", *names], ["---", *["---:"] * (1 + len(names))]]
    lines.append(["seeds", "", *(str(len(of[name])) for name in names)])
    lines.append(["updates", "", *(f"{np.mean([r['updates'] for r in of[name]]):,.0f}" for name in names)])
    for _, measure in SHOWN:
        real = _cell([found["real"].get(measure) for found in rows[:1]])
        lines.append([measure, real, *(_cell([r["found"].get(measure) for r in of[name]]) for name in names)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    spread = f" ± {np.std(known, ddof=1):.3f}" if len(known) > 1 else ""
    return f"{np.mean(known):.3f}{spread}"


def main(args: Args) -> None:
    """Do what is missing, then print the table."""
    if unknown := set(args.variants) - set(VARIANTS):
        raise BadInput(f"--variants takes {', '.join(VARIANTS)}; got {sorted(unknown)[0]!r}")
    Recording(args.data)
    path = args.out / "rows.jsonl"
    for seed in args.seeds:
        for variant in args.variants:
            if not any((done["variant"], done["seed"]) == (variant, seed) for done in read(path)):
                append(path, row(args, variant, seed))
    text = table(read(path))
    (args.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"wrote {path} and {args.out / 'table.md'}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"gamegan_parts: {error}") from None
