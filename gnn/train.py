"""Training a graph world from recordings of boards of several sizes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
import tyro

from worldsim.checkpoint import World
from worldsim.data.recording import Recording
from worldsim.gnn.objective import GraphObjective
from worldsim.gnn.transition import GraphConfig
from worldsim.gnn.transitions import Transitions
from worldsim.gnn.world import GraphWorld
from worldsim.openings import pick_openings, write_openings
from worldsim.provenance import provenance
from worldsim.training import fit
from worldsim.training.config import FitConfig


@dataclass(frozen=True)
class TrainGraph:
    """Train a graph world: movers on the nodes of a maze, on recordings that show the whole truth.

    Record with ``worldsim record WorldSim/PacManGraph-v0 --env-kwargs '{"observation": "board"}'``. Recordings of
    boards of several sizes go together if their frames are of one size (the environment's pad). Run the same command
    again to go on after Ctrl-C or a kill.
    """

    recordings: tyro.conf.Positional[tuple[Path, ...]]
    """Folders that ``worldsim record`` wrote; openings are taken from the first."""
    out: Path
    """Folder for the world, its logs and checkpoints."""
    name: str = ""
    """Name on the card; the folder's name if empty."""
    steps: int = 8_000
    """Updates."""
    batch: int = 384
    """Steps of play in one update."""
    first_share: float = 0.1
    """Share of a batch drawn from first steps of episodes alone."""
    learning_rate: float = 3e-3
    """Adam's, falling along a cosine to a hundredth."""
    openings: int = 64
    """Stretches of real play that the world keeps to begin dreams from."""
    opening_steps: int = 8
    """Most steps of one."""
    seed: int = 0
    """Of weights, batches and openings."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; None leaves torch's setting."""
    model: tyro.conf.Suppress[GraphConfig] = field(default_factory=GraphConfig)

    def run(self) -> None:
        """Train, save, and say what to do next."""
        world = self.train()
        if world is not None:
            print(f"wrote {self.out} ({world.name}: {len(world.openings)} openings)")
            print(f"next: worldsim play {self.out}   or   worldsim play {self.out} --rows 31 --cols 28")

    def train(self) -> World | None:
        """The whole of it; returns the world (None in processes other than the first)."""
        recordings = [Recording(path) for path in self.recordings]
        began = time.perf_counter()
        data = Transitions(recordings, self.batch, self.seed, self.first_share)
        reward, ending = data.outcomes(self.model.outcomes)
        config = replace(self.model, frame_shape=recordings[0].frame_shape, outcomes=len(reward))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = GraphWorld(config)
        model.transition.set_table(reward, ending)
        done = fit(
            GraphObjective(model.transition),
            data.batch,
            FitConfig(
                steps=self.steps,
                learning_rate=self.learning_rate,
                schedule="cosine",
                min_learning_rate=self.learning_rate / 100,
                warmup=100,
                clip_norm=1.0,
                ema=0.995,
                seed=self.seed,
                device=self.device,
                threads=self.threads,
                sample_every=0,
            ),
            self.out,
            "transition",
        )
        if done.rank != 0:
            return None
        stretches = pick_openings(recordings[0], self.openings, self.opening_steps, self.seed, whole=True)
        world = World(
            "graph",
            model.cpu().eval().requires_grad_(False),
            write_openings(self.out / "openings.h5", stretches, recordings[0].about),
            provenance(
                recordings[0],
                frames=sum(recording.num_frames for recording in recordings),
                episodes=sum(len(recording) for recording in recordings),
                recordings=len(recordings),
                steps=done.steps,
                seconds=round(done.seconds, 1),
                total_seconds=round(time.perf_counter() - began, 1),
                seed=self.seed,
                losses={k: round(v, 5) for k, v in done.logs.items() if "per_second" not in k},
            ),
            self.name or self.out.resolve().name,
        )
        world.save(self.out)
        return world
