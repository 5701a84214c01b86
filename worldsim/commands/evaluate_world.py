"""``worldsim evaluate-world``: how like the real game worlds are."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tyro.conf import Positional


@dataclass(frozen=True)
class EvaluateWorld:
    """Measure worlds against the real game: every number beside a noise floor and the baseline that copies a frame.

    Parts: open-loop (real actions, imagined pictures), latent (reconstruction; drift between encoder and dream; a
    picture), obedience (moves, another action with the same noise, inverse dynamics), census (what is on screen over
    200 own steps), home (K moves and back), distance (Frechet and kernel distance, coverage), calibration (reward and
    ending). Games whose truth is not exposed, all but worldsim's Pac-Man, get pixels, features, reward and ending only.
    docs/metrics.md says what each number means.
    """

    worlds: Positional[tuple[str, ...]]
    """Bundled names or world folders; several stand in one table."""
    against: str | None = None
    """Id of the real environment (default: the one that the first world learned from)."""
    parts: tuple[str, ...] = ("open-loop", "latent", "obedience", "census", "home", "distance", "calibration")
    """What to measure; separated by spaces or commas."""
    rows: int = 256
    """Games side by side, and episodes of open loop and calibration; at least 20."""
    steps: int = 200
    """Steps of own play."""
    horizon: int = 60
    """Farthest imagined step of open loop; calibration goes half as far."""
    drift: int = 100
    """Farthest imagined step of the latents: 1, 5, 15, 30, 60, 100."""
    seed: int = 0
    """Chooses the games; all of them are games that no training and no recording has seen."""
    temperature: float = 1.0
    """Of the dreams."""
    env_kwargs: str = "{}"
    """Further arguments for the real environment, as JSON."""
    device: str = "cpu"
    """Where worlds compute."""
    quick: bool = False
    """A look: 64 rows, 60 steps, 30 imagined ones, whatever else is asked for. Well under a minute for a small world;
    wide intervals."""
    out: Path = Path("results")
    """Folder for GAME.json and GAME.md."""
    json: bool = False
    """Print the json instead of the tables."""

    def run(self) -> None:
        """Measure, show, save."""
        import torch
        from rich.console import Console

        import worldsim
        from worldsim.bench.machine import this_machine
        from worldsim.env_kwargs import parse_kwargs
        from worldsim.errors import BadInput, Stopped
        from worldsim.metrics.latent import has_latent
        from worldsim.metrics.reality import reality_of
        from worldsim.metrics.report import save, save_pictures, tables
        from worldsim.metrics.suite import NEED_TRUTH, Found, Suite

        if not self.worlds:
            raise BadInput("expected at least one world; worldsim list shows those that are here")
        worlds = tuple(worldsim.load(name, self.device) for name in self.worlds)
        reality = reality_of(list(worlds), self.against, parse_kwargs(self.env_kwargs))
        parts = tuple(dict.fromkeys(name for text in self.parts for name in text.split(",") if name))
        rows, steps, horizon = (64, 60, 30) if self.quick else (self.rows, self.steps, self.horizon)
        drift = min(30, self.drift) if self.quick else self.drift
        suite = Suite(worlds, reality, parts, rows, steps, horizon, self.seed, self.temperature, self.device, drift)
        about: dict[str, Any] = {
            "worlds": [world.name for world in worlds],
            "env_id": reality.env_id,
            "env_kwargs": reality.env_kwargs,
            "command": " ".join(["worldsim evaluate-world", *sys.argv[2:]]),
            "settings": {"parts": parts, "rows": rows, "steps": steps, "horizon": horizon, "drift": drift}
            | {"seed": self.seed, "temperature": self.temperature},
            "machine": str(this_machine(torch.get_num_threads())),
            "date": date.today().isoformat(),
            "left_out": "",
        }
        if not suite.exposed:
            about["left_out"] = (
                f"{reality.env_id} does not expose its truth: only pixels, features, reward and ending are measured "
                f"(left out: {', '.join(NEED_TRUTH)} and whatever reads pictures)."
            )
            print(about["left_out"], file=sys.stderr)
        if blind := [world.name for world in worlds if "latent" in parts and not has_latent(world)]:
            line = f"No latent to follow in {', '.join(blind)}: of the part latent only the reconstruction is measured."
            about["left_out"] = f"{about['left_out']} {line}".strip()
            print(line, file=sys.stderr)
        found: list[Found] = []
        began = time.monotonic()
        try:
            for item in suite.run(progress=True):
                found.append(item)
        except KeyboardInterrupt:
            if not found:
                raise Stopped("stopped before anything was measured; nothing was written") from None
            page, _ = save(self.out, found, about | {"seconds": time.monotonic() - began})
            raise Stopped(f"stopped; what was measured is in {page}") from None
        data, page = save(self.out, found, about | {"seconds": time.monotonic() - began})
        drawn = save_pictures(self.out, suite.pictures, about)
        if self.json:
            print(data.read_text(encoding="utf-8"), end="")
            return
        console = Console()
        if not console.is_terminal:
            console.width = 250  # a file or a pipe has no edge to wrap at
        for title, heading, lines in tables(found):
            console.print(_table(title, heading, lines))
        print(f"{page}: the tables; {data}: every number")
        for path in drawn:
            print(f"{path}: reality, what the world keeps of it, and what it dreams")
        print(f"next: worldsim play {self.worlds[0]}")


def _table(title: str, heading: list[str], lines: list[list[str]]) -> Any:
    """For a screen."""
    from rich import box
    from rich.table import Table

    table = Table(*heading, title=title, title_justify="left", box=box.SIMPLE)
    for line in lines:
        table.add_row(*line)
    return table
