"""Training a vision-memory world from a recording: V, the recording as V sees it, M, openings."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box

from worldsim.checkpoint import World
from worldsim.data.recording import Recording
from worldsim.data.windows import Windows
from worldsim.errors import BadInput
from worldsim.heads import recorded_outcomes
from worldsim.space_json import to_json
from worldsim.training import FitResult, fit
from worldsim.training.command import TrainCommand
from worldsim.training.processes import in_first
from worldsim.training.start import start_as
from worldsim.vae.colour import colour_weights
from worldsim.vae.conv_vae import ConvVAE
from worldsim.vae.images import shrink
from worldsim.vae.objective import ConvVAEObjective, Pictures
from worldsim.vision_memory.encoded import Encoded
from worldsim.vision_memory.latents import POOL, LatentBatch, LatentEpisodes, encode
from worldsim.vision_memory.objective import MemoryObjective
from worldsim.vision_memory.settings import PRESETS, Settings
from worldsim.vision_memory.stream import LatentStream
from worldsim.vision_memory.world import VisionMemoryConfig, VisionMemoryWorld

_CHECKED_STEPS, _CHECKED_ROWS = 1000, 8  # of the stretches that --held-out costs are of, POOL batches of such rows
_NEIGHBOURS = 4  # frames of V's batch that come from one place: a chunk of the recording is unpacked for all of them


@dataclass(frozen=True)
class TrainVisionMemory(TrainCommand):
    """Train World Models' V and M (Ha & Schmidhuber 2018): a convolutional VAE and an MDN-RNN.

    Any recording of image frames trains. Run the same command again to go on after Ctrl-C or a kill. What is not given
    is the preset's.
    """

    preset: Literal[
        "published", "repaired", "carracing-paper", "carracing-fast", "takecover-paper", "takecover-fast", "fast"
    ] = "published"
    """published: the paper's nets and losses, in minutes on a CPU; repaired: V's loss changed so that small things of
    rare colours survive; carracing-paper, takecover-paper: sizes and schedules of the two experiments (with
    --precision 32-true); carracing-fast, takecover-fast: the same nets in hours; fast: to try."""
    latent: int | None = None
    """Size of V's latent vector."""
    hidden: int | None = None
    """Width of M's LSTM."""
    vision_steps: int | None = None
    """Updates of V; 0 keeps the V of --start-from."""
    vision_batch: int | None = None
    """Frames in one."""
    vision_learning_rate: float | None = None
    """Adam's for V."""
    kl_tolerance: float | None = None
    """Floor of V's KL divergence in nats per dimension, on the sum over dimensions."""
    kl_weight: float | None = None
    """Weight of V's KL divergence."""
    colour_weights: bool | None = None
    """Whether rare colours weigh more in V's squared error."""
    memory_steps: int | None = None
    """Updates of M."""
    memory_batch: int | None = None
    """Episodes, or stretches of them, in one."""
    length: int | None = None
    """Most steps of a stretch."""
    carry: bool | None = None
    """Whether M's memory is carried from one stretch to the next."""
    memory_learning_rate: float | None = None
    """Adam's for M."""
    action_weight: float | None = None
    """Above 0 M also learns what the player does next, with this weight (the paper's iterative procedure)."""
    mirror: int | None = None
    """For games that are their own mirror image: V and M also learn from every episode mirrored left to right. The
    number of the action that then changes its sign (0: the first, such as steering)."""
    held_out: float = 0.0
    """Share of the episodes that are not trained on: what they cost M joins the log and the card as held_out_loss and
    so on, beside seen_loss of some that are. Where these lie far apart, M knows its episodes by heart."""

    @property
    def settings(self) -> Settings:
        """The preset, with what was given on top."""
        given = {f.name: getattr(self, f.name, None) for f in fields(Settings)}
        return replace(PRESETS[self.preset], **{name: value for name, value in given.items() if value is not None})

    def shorter(self, share: float) -> Self:
        """The same with so large a share of the updates of V and of M."""
        vision, memory = (
            max(min(1, n), round(share * n)) for n in (self.settings.vision_steps, self.settings.memory_steps)
        )
        return replace(self, vision_steps=vision, memory_steps=memory)

    def train(self) -> World | None:
        """The whole of it; returns the world (None in processes other than the first)."""
        if not self.settings.vision_steps and not self.start_from:
            raise BadInput("--vision-steps 0 keeps the V of another world, expected --start-from WORLD, got none")
        whole, began = Recording(self.recording), time.perf_counter()
        self.check_mirror(whole.action_space)
        recording, held_out = self.split(whole)
        model = self.untrained(whole)
        seen = [self.fit_vision(model.vision, recording)] if self.settings.vision_steps else []
        done = self.fit_memory(model, recording, held_out)
        return self.finish(
            "vision-memory",
            model,
            recording,
            self.settings.from_start or int(recording.lengths.max()) <= self.settings.length,
            [*seen, done],
            preset=self.preset,
            vision_steps=sum(part.steps for part in seen),
            vision_seconds=round(sum(part.seconds for part in seen), 1),
            total_seconds=round(time.perf_counter() - began, 1),
            **({} if self.mirror is None else {"mirror": self.mirror}),
            **({"held_out": self.held_out} if self.held_out else {}),
        )

    def check_mirror(self, space: Space[Any]) -> None:
        """Refuse what has no such number."""
        if self.mirror is None:
            return
        if not isinstance(space, Box) or len(space.shape) != 1 or not 0 <= self.mirror < space.shape[0]:
            raise BadInput(f"--mirror is the number, from 0, of a value in a Box action, got {self.mirror} for {space}")
        if space.low[self.mirror] != -space.high[self.mirror]:
            raise BadInput(
                f"--mirror {self.mirror} would change the sign of a value with another range on each side of 0"
            )

    def split(self, recording: Recording) -> tuple[Recording, Recording | None]:
        """What is trained on, and what is held out."""
        if not self.held_out:
            return recording, None
        if not 0 < self.held_out < 1:
            raise BadInput(f"--held-out is a share of the episodes, 0 to below 1, got {self.held_out:g}")
        learned, held_out = recording.split(self.held_out)
        if not len(learned) or not len(held_out):
            raise BadInput(
                f"--held-out {self.held_out:g} of {len(recording)} episodes leaves {len(learned)} to train on and "
                f"{len(held_out)} to test on; record more, or give another share"
            )
        return learned, held_out

    def untrained(self, recording: Recording) -> VisionMemoryWorld:
        """The world that fits a recording, with its first weights."""
        settings = self.settings
        table = recorded_outcomes(recording) if settings.outcome else None
        config = VisionMemoryConfig(
            recording.frame_shape,
            to_json(recording.action_space),
            latent=settings.latent,
            hidden=settings.hidden,
            mixtures=settings.mixtures,
            done=settings.done,
            outcomes=0 if table is None else len(table.reward),
            reward=settings.reward,
            cell=settings.cell,
            next_action=settings.action_weight > 0,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = VisionMemoryWorld(config)
        if model.outcome is not None and table is not None:
            model.outcome.set_table(table)
        if self.start_from:
            start_as(model, self.start_from)
        return model

    def fit_vision(self, vision: ConvVAE, recording: Recording) -> FitResult:
        """Train V on frames drawn anywhere in the recording."""
        settings = self.settings
        places = max(1, settings.vision_batch // _NEIGHBOURS)
        windows = Windows(recording, _NEIGHBOURS - 1, places, seed=self.seed)

        def pictures(step: int, rank: int, world_size: int) -> Pictures:
            batch = windows.batch(step, rank, world_size)
            seen = torch.cat([torch.ones_like(batch.mask[:, :1]), batch.mask], 1)  # frame t+1 follows step t
            frames = batch.frames  # (B, T+1, H, W, C)
            if self.mirror is not None:
                frames = torch.cat([frames[::2], frames[1::2].flip(3)])
                seen = torch.cat([seen[::2], seen[1::2]])
            return Pictures(shrink(frames.flatten(0, 1)), seen.flatten())

        colours = None
        if settings.colour_weights:
            sample = [pictures(step, 0, 1) for step in range(8)]
            colours = colour_weights(torch.cat([batch.frames[batch.mask] for batch in sample]))
        objective = ConvVAEObjective(vision, settings.kl_tolerance, settings.kl_weight, colours)
        config = self.fit_config(
            settings.vision_steps,
            learning_rate=settings.vision_learning_rate,
            schedule=settings.vision_schedule,
            # At once at full rate, V first learns that most pixels are black, and the sigmoid holds it there.
            warmup=min(100, settings.vision_steps // 10),
        )
        return fit(objective, pictures, config, self.out, "vision")

    def fit_memory(
        self, model: VisionMemoryWorld, recording: Recording, held_out: Recording | None = None
    ) -> FitResult:
        """Train M on the recording as V sees it."""
        settings = self.settings
        cut = LatentStream if settings.carry else LatentEpisodes
        episodes = cut(self.encoded(model.vision, recording), settings.length, settings.memory_batch, self.seed)
        rows = settings.memory_batch if settings.carry else 0
        objective = MemoryObjective(model, settings.done_weight, settings.outcome_weight, settings.action_weight, rows)
        config = self.fit_config(
            settings.memory_steps,
            learning_rate=settings.memory_learning_rate,
            schedule=settings.memory_schedule,
            min_learning_rate=1e-5,
            decay=settings.decay,
            clip_value=settings.clip,
        )
        parts = {} if held_out is None else {"held_out": held_out, "seen": recording}
        checks = {name: self.stretches(model.vision, part) for name, part in parts.items()}
        return fit(objective, episodes.batch, config, self.out, "memory", checks)

    def stretches(self, vision: ConvVAE, recording: Recording) -> list[LatentBatch]:
        """Some to look at, drawn at random."""
        drawn = LatentEpisodes(self.encoded(vision, recording), _CHECKED_STEPS, _CHECKED_ROWS, self.seed)
        return [drawn.batch(i) for i in range(POOL)]

    def encoded(self, vision: ConvVAE, recording: Recording) -> Encoded:
        """The encoded recording, from ``out/latents`` if this V has encoded this recording before."""
        what = (recording.num_frames, recording.lengths.tolist(), *(["mirrored"] if self.mirror is not None else []))
        digest = hashlib.blake2b(repr(what).encode(), digest_size=8)
        for parameter in vision.parameters():
            digest.update(parameter.detach().cpu().numpy().tobytes())
        path = self.out / "latents" / f"{digest.hexdigest()}.npy"
        dtype = torch.bfloat16 if self.precision == "bf16-mixed" else torch.float32
        in_first(lambda: encode(vision, recording, path, dtype, self.mirror is not None), path)
        return Encoded(np.load(path, mmap_mode="r"), recording, self.mirror)
