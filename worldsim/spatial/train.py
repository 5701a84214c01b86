"""Training a spatial world from a recording: codebook, codes, transition, openings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from worldsim.checkpoint import World
from worldsim.data.recording import Recording
from worldsim.data.windows import Windows
from worldsim.heads import recorded_outcomes
from worldsim.space_json import to_json
from worldsim.spatial.episodes import CodeEpisodes
from worldsim.spatial.objective import TransitionObjective, VisionObjective
from worldsim.spatial.things import find_things
from worldsim.spatial.transition import TransitionConfig
from worldsim.spatial.world import SpatialConfig, SpatialWorld
from worldsim.training import FitResult, fit
from worldsim.training.command import TrainCommand
from worldsim.training.config import FitConfig
from worldsim.training.start import start_as
from worldsim.vae.colour import colour_weights
from worldsim.vae.patch_vq import PatchVQConfig


@dataclass(frozen=True)
class TrainSpatial(TrainCommand):
    """Train a spatial world: a codebook over patches and a local transition gated by the action.

    Made for games that move on a grid; any recording of image frames trains. Run the same command again to go on
    after Ctrl-C or a kill.
    """

    patch: int | None = None
    """Side of a patch in pixels; None takes 12 where it divides the frame, else an eighth of the longer side."""
    codes: int = 64
    """Entries of the codebook."""
    vision_steps: int = 3000
    """Updates of the codebook, 2,048 patches each."""
    steps: int = 4000
    """Updates of the transition (Pac-Man learns walls first, then to scroll, then ghosts)."""
    batch: int = 24
    """Episodes (or stretches of them) in one update of the transition."""
    length: int = 48
    """Most steps of a stretch; where every episode is shorter they are trained whole, from their first frame."""
    learning_rate: float = 1e-3
    """Adam's for both parts, falling along a cosine to a twentieth."""
    outcome_weight: float = 0.5
    """Nats of the outcome against mean nats of a cell."""
    transition: tyro.conf.Suppress[TransitionConfig] = field(default_factory=TransitionConfig)

    def shorter(self, share: float) -> Self:
        """The same with so large a share of the updates of both parts."""
        vision, steps = (max(1, round(share * n)) for n in (self.vision_steps, self.steps))
        return replace(self, vision_steps=vision, steps=steps)

    def train(self) -> World | None:
        """The whole of it; returns the world (None in processes other than the first)."""
        recording = Recording(self.recording)
        height, width, channels = recording.frame_shape
        patch = self.patch or (12 if height % 12 == width % 12 == 0 else max(1, -(-max(height, width) // 8)))
        table = recorded_outcomes(recording)
        whole = int(recording.lengths.max()) <= self.length
        config = SpatialConfig(
            recording.frame_shape,
            to_json(recording.action_space),
            len(table.reward),
            PatchVQConfig(patch=patch, codes=self.codes),
            replace(self.transition, clock=whole),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = SpatialWorld(config)
        model.outcome.set_table(table)
        if self.start_from:
            start_as(model, self.start_from)
        began = time.perf_counter()
        seen = self.fit_vision(model, recording)
        with torch.inference_mode():
            model.tiles.copy_(model.vision.tiles())
        done = self.fit_transition(model, recording, whole)
        return self.finish(
            "spatial",
            model,
            recording,
            whole,
            [seen, done],
            vision_steps=seen.steps,
            vision_seconds=round(seen.seconds, 1),
            total_seconds=round(time.perf_counter() - began, 1),
        )

    def fit_vision(self, model: SpatialWorld, recording: Recording) -> FitResult:
        """Train the codebook on patches of frames drawn anywhere in the recording."""
        windows = Windows(recording, 8, 16, seed=self.seed, start="any")
        sample = torch.cat([windows.batch(i).frames.flatten(0, 1) for i in range(8)])
        objective = VisionObjective(model.vision, colour_weights(sample), int(0.7 * self.vision_steps))

        def patches(step: int, rank: int, world_size: int) -> torch.Tensor:
            frames = windows.batch(step, rank, world_size).frames.flatten(0, 1)
            cut = model.vision.patches(frames).flatten(0, 1)
            rng = np.random.default_rng([self.seed, step, rank])
            return cut[torch.from_numpy(rng.integers(0, len(cut), min(2048, len(cut))))]

        return fit(objective, patches, self._cosine(self.vision_steps, precision="32-true"), self.out, "vision")

    def fit_transition(self, model: SpatialWorld, recording: Recording, whole: bool) -> FitResult:
        """Turn the recording into codes and train the transition on them."""
        episodes = encode(model, recording, self.length, self.batch, whole, self.seed)
        model.transition.set_things(find_things(map(torch.from_numpy, episodes.codes), self.codes))
        objective = TransitionObjective(model, self.outcome_weight)
        for parameter in objective.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return fit(objective, episodes.batch, self._cosine(self.steps, clip_norm=1.0), self.out, "transition")

    def _cosine(self, steps: int, **changes: Any) -> FitConfig:
        return self.fit_config(
            steps,
            learning_rate=self.learning_rate,
            schedule="cosine",
            min_learning_rate=self.learning_rate / 20,
            warmup=min(100, steps // 10),
            **changes,
        )


@torch.inference_mode()
def encode(model: SpatialWorld, recording: Recording, length: int, batch: int, whole: bool, seed: int) -> CodeEpisodes:
    """Every frame of a recording as codes (a hundred bytes a frame, so they are kept in memory).

    On the way each code's picture becomes the mean of all patches that fell to it: of all tables the one with the
    least squared error, and exact where a code stands for one picture.
    """
    device, tiles = model.tiles.device, model.tiles.flatten(1)
    total = torch.zeros(tiles.shape, dtype=torch.float64, device=device)
    count = torch.zeros(len(tiles), device=device)
    codes: list[NDArray[np.int16]] = []
    actions, rewards, ends = [], [], []
    for episode in recording.episodes():
        parts = []
        for frames in map(torch.from_numpy, np.array_split(episode.frames, len(episode.frames) // 256 + 1)):
            code = model.vision.encode(frames.to(device))
            total.index_add_(0, code.flatten(), model.vision.patches(frames.to(device)).flatten(0, 1).double())
            count += torch.bincount(code.flatten(), minlength=len(tiles))
            parts.append(code.cpu().numpy().astype(np.int16))
        codes.append(np.concatenate(parts))
        actions.append(episode.actions)
        rewards.append(episode.rewards)
        ends.append(episode.terminated)
    mean = (total / count.clamp(min=1)[:, None]).round().to(torch.uint8)
    model.tiles.copy_(torch.where((count > 0)[:, None], mean, tiles).reshape(model.tiles.shape))
    return CodeEpisodes(codes, actions, rewards, ends, length, batch, whole, seed)
