"""TrainCommand: what the training commands of all kinds of world have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import tyro
from torch import nn

from worldsim.checkpoint import World, load
from worldsim.data.recording import Recording
from worldsim.openings import pick_openings, write_openings
from worldsim.provenance import provenance
from worldsim.training.config import FitConfig
from worldsim.training.loop import FitResult


@dataclass(frozen=True)
class TrainCommand(ABC):
    """From a recording to a world folder. A kind of world adds its own fields and ``train``."""

    recording: tyro.conf.Positional[Path]
    """Folder that ``worldsim record`` wrote."""
    out: Path
    """Folder for the world, its logs and checkpoints."""
    name: str = ""
    """Name on the card; the folder's name if empty."""
    openings: int = 256
    """Stretches of real play that the world keeps to begin dreams from."""
    opening_steps: int = 24
    """Most steps of one."""
    seed: int = 0
    """Of weights, batches and openings."""
    start_from: str = ""
    """A world whose weights this one begins with, as far as they fit: a folder or a bundled name, of the same kind and
    sizes."""
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    """bf16-mixed is about twice as fast on CPUs with AVX512-BF16 or AMX and on GPUs."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    devices: int = 1
    """Processes on this machine."""
    nodes: int = 1
    """Machines."""
    threads: int | None = None
    """CPU threads; None leaves torch's setting."""

    @abstractmethod
    def train(self) -> World | None:
        """The whole of it; returns the world (None in processes other than the first)."""

    def run(self) -> None:
        """Train, save, and say what to do next."""
        world = self.train()
        if world is not None:
            print(f"wrote {self.out} ({world.name}: {len(world.openings)} openings)")
            print(f"next: worldsim play {self.out}   or   worldsim train-agent --in {self.out} --out runs/agent")

    @abstractmethod
    def shorter(self, share: float) -> Self:
        """The same with so large a share of the updates."""

    def once(self, **more: Any) -> World:
        """The world in ``out``, trained first if it is not there; ``more`` joins its provenance."""
        if not (self.out / "config.json").is_file():
            world = self.train()
            if world is None:
                raise SystemExit(0)  # another process of several
            world.provenance |= more
            world.save(self.out)
        return load(self.out)

    def fit_config(self, steps: int, **changes: Any) -> FitConfig:
        """Settings of one ``fit`` of ``steps`` updates: this command's machine and seed, then ``changes``."""
        config = FitConfig(
            steps=steps,
            precision=self.precision,
            device=self.device,
            devices=self.devices,
            nodes=self.nodes,
            threads=self.threads,
            seed=self.seed,
            checkpoint_every=max(1, min(500, steps // 4)),
            sample_every=max(1, steps // 8),
        )
        return replace(config, **changes)

    def finish(
        self, kind: str, model: nn.Module, recording: Recording, whole: bool, fits: Sequence[FitResult], **more: Any
    ) -> World | None:
        """Save the trained model as a world; only the first process does.

        Args:
            kind: one of `worldsim.checkpoint.KINDS`.
            model: the trained model.
            recording: what it was trained on.
            whole: openings begin at an episode's first frame (for models that count steps), else anywhere.
            fits: how its parts were fitted, the world's transition last.
            more: further provenance.
        """
        last = fits[-1]
        if last.rank != 0:
            return None
        if self.start_from:
            more.setdefault("started_from", Path(self.start_from).name)
        logs = {key: value for part in fits for key, value in part.logs.items()}
        self.out.mkdir(parents=True, exist_ok=True)
        stretches = pick_openings(recording, self.openings, self.opening_steps, self.seed, whole)
        world = World(
            kind,
            model.cpu().eval().requires_grad_(False),
            write_openings(self.out / "openings.h5", stretches, recording.about),
            provenance(
                recording,
                steps=last.steps,
                seconds=round(last.seconds, 1),
                seed=self.seed,
                losses={key: round(value, 5) for key, value in logs.items() if "per_second" not in key},
                **more,
            ),
            self.name or self.out.resolve().name,
        )
        world.save(self.out)
        return world
