"""``worldsim bench``: how fast everything is here."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Bench:
    """Measure speed: the real game, recording, loading, dreams, the nearest rival, training.

    One table on screen and a json file. What is compared runs in turn, round by round; a rate is the median of the
    rounds and a ratio the median of theirs, so compare ratios and not rates of two runs. All of it takes about
    20 minutes on two cores, most of them for compiling; --quick takes seconds and shows only that it runs.
    """

    out: Path = Path("bench.json")
    """Where the numbers go."""
    threads: int = 2
    """CPU threads, of torch and of whatever else takes a number."""
    only: tuple[Literal["games", "recording", "loading", "dreams", "rival", "training", "gamegan"], ...] = (
        "games",
        "recording",
        "loading",
        "dreams",
        "rival",
        "training",
        "gamegan",
    )
    """Parts to run."""
    worlds: tuple[str, ...] | None = None
    """Names or folders of trained worlds to dream in (default: all bundled ones)."""
    presets: tuple[str, ...] = ("small", "small-m")
    """Of GameGAN. Each of the published ones takes minutes of a CPU and up to 10 GB; few --streams help."""
    streams: tuple[int, ...] = (1, 16, 64, 256, 1024)
    """How many dreams side by side."""
    envs: int = 512
    """How many real games side by side."""
    frames: int = 8192
    """To record and to load."""
    seconds: float = 1.0
    """That one row takes in one round."""
    rounds: int = 5
    """How often each row is measured."""
    cpu_time: bool = False
    """Count seconds of the processor, not those on the wall: with --threads 1 on a machine that is busy otherwise."""
    compiled: bool = True
    """Also compile the dreams' steps."""
    rival_python: str | None = None
    """An interpreter that has simulusion (it may have worldsim or not); default: this one, if it has it."""
    quick: bool = False
    """Small sizes, one short round, nothing compiled."""

    def run(self) -> None:
        """Measure, show, save."""
        threads = max(1, self.threads)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before torch and numpy start their pools
            os.environ[name] = str(threads)
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compilers beside what is measured
        import torch
        from rich.console import Console

        from worldsim.bench.contest import Pace
        from worldsim.bench.learning import Batches
        from worldsim.bench.machine import this_machine
        from worldsim.bench.plan import Plan
        from worldsim.bench.report import save, show
        from worldsim.bundled import bundled

        torch.set_num_threads(threads)
        plan = Plan(
            self.only,
            self.threads,
            Pace(0.02 if self.quick else self.seconds, 1 if self.quick else self.rounds, self.cpu_time),
            (1, 16) if self.quick else self.streams,
            8 if self.quick else self.envs,
            300 if self.quick else self.frames,
            Batches(2, 64, 2, 4) if self.quick else Batches(),
            self.compiled and not self.quick,
            self.rival_python,
            tuple(bundled()) if self.worlds is None else self.worlds,
            self.presets[:1] if self.quick else self.presets,
        )
        machine, console, rows = this_machine(threads), Console(stderr=True), []
        for part, found in plan.run(lambda part: console.print(f"measuring: {part}", highlight=False, soft_wrap=True)):
            rows += [(part, row) for row in found]
            save(self.out, rows, machine, asdict(plan))  # what is done survives a Ctrl-C
            for row in found:
                rate = "not measured" if row.rate is None else f"{row.rate:,.4g} {row.unit}"
                console.print(f"  {row.what}, {row.settings}: {rate}", highlight=False, soft_wrap=True)
        show(rows, machine)
        print(f"wrote {self.out}")
        print("next: worldsim demo")
