"""Latent: what a world's encoder keeps of real frames, and how far the latents that it dreams drift from it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldsim.checkpoint import World
from worldsim.metrics.episodes import Episodes, imagined
from worldsim.metrics.estimate import Estimate, Tally
from worldsim.metrics.open_loop import followed
from worldsim.noise import normals, stream_keys

HORIZONS = (1, 5, 15, 30, 60, 100)
"""Imagined steps at which dreamed latents are held against those of what happened."""
_SHOWN = 3  # episodes in a picture


def has_latent(world: World) -> bool:
    """Whether a world says what its encoder makes of a frame: its model has ``latent(state)`` (B, ...)."""
    return callable(getattr(world.model, "latent", None))


class Latent:
    """Compares the encoder's latents of real frames with dreamed ones; batches of episodes are added up.

    ``drift_t = |z_dream(t) - z_real(t)| / usual``: both have followed the same real frames up to 0 and taken the real
    actions since; z_real is the encoder's latent of the real frame, and ``usual`` the mean distance between the latents
    of two real frames drawn at random from different episodes. 0 is no drift, 1 nothing in common any more. Beside it
    stand what a world would get that kept the last real frame, ``|z_real(0) - z_real(t)| / usual``, and, at step 0, two
    draws of the encoder for one frame. Frames count while neither the game nor the dream has ended.
    """

    def __init__(self, rows: int, horizons: Iterable[int] = HORIZONS) -> None:
        self.tally, self.horizons = Tally(rows), sorted({0, *horizons})
        self.begun = 0  # rows of earlier batches
        self.picture: NDArray[np.uint8] | None = None
        """(H, W, C): reality, its reconstruction and the dream, of the first episodes; a column for each step."""

    def dream(self, world: World, episodes: Episodes, seed: int, temperature: float, device: str) -> None:
        """Add a world's reconstructions and dreams of a batch."""
        known = has_latent(world)
        real: dict[int, Tensor] = {}
        dreamed: dict[int, Tensor] = {}
        both: dict[int, NDArray[np.bool_]] = {}
        pictures: list[list[NDArray[np.uint8]]] = []
        truth = followed(world.model, episodes, device)
        for t, shown in imagined(world, episodes, seed, temperature, device, set(self.horizons)):
            state = next(truth)
            if t not in self.horizons:
                continue
            both[t] = episodes.alive[t] & ~(shown.over & (t > 0))
            with torch.inference_mode():
                kept = world.model.render(state).cpu().numpy()
                if known and shown.state is not None:
                    real[t] = world.model.latent(state).flatten(1).double().cpu()
                    dreamed[t] = world.model.latent(shown.state).flatten(1).double().cpu()
            self._reconstruction(t, kept, episodes)
            pictures.append([episodes.frames[t], kept, shown.frames])
        if known:
            unit = usual(real, both)
            self._drift(real, dreamed, both, unit)
            self._again(world, real[0], unit, episodes, device)
        if self.picture is None:
            self.picture = strip(pictures, np.stack([both[t] for t in self.horizons]))
        self.begun += len(episodes)

    def _rows(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return self.begun + np.flatnonzero(mask)

    def _reconstruction(self, t: int, kept: NDArray[np.uint8], episodes: Episodes) -> None:
        """Absolute error as share of the full scale: of all pixels, and of those that changed in the last real step."""
        alive = episodes.alive[t]
        if not alive.any():
            return
        real, rows = episodes.frames[t, alive], self._rows(alive)
        error = np.abs(kept[alive].astype(np.int16) - real).mean(-1) / 255
        self.tally.add("reconstruction, pixel error", error, np.ones_like(error), rows, is_share=False)
        if t:
            moved = (real != episodes.frames[t - 1, alive]).any(-1)
            self.tally.add("reconstruction, pixel error where it moved", error * moved, moved, rows, is_share=False)

    def _drift(
        self, real: dict[int, Tensor], dreamed: dict[int, Tensor], both: dict[int, NDArray[np.bool_]], unit: float
    ) -> None:
        for t in self.horizons[1:]:
            counts = both[t]
            if not counts.any():
                continue
            for name, other in (("latent drift", dreamed[t]), ("latent drift of the last real frame", real[0])):
                apart = ((other - real[t]).norm(dim=1) / unit).numpy()[counts]
                self.tally.add(f"{name}, step {t}", apart, np.ones_like(apart), self._rows(counts), is_share=False)

    @torch.inference_mode()
    def _again(self, world: World, first: Tensor, unit: float, episodes: Episodes, device: str) -> None:
        """The encoder's own chance: the same frame with other noise."""
        key = stream_keys(torch.from_numpy(episodes.starts.seeds) + (1 << 33)).to(device)
        noise = normals(key, torch.zeros_like(key), world.model.noise_size)
        state = world.model.start(torch.from_numpy(episodes.frames[0]).to(device), noise)
        apart = (world.model.latent(state).flatten(1).double().cpu() - first).norm(dim=1).numpy() / unit
        rows = self.begun + np.arange(len(episodes))
        self.tally.add("latent, two draws for one frame", apart, np.ones_like(apart), rows, is_share=False)

    def findings(self) -> dict[str, Estimate]:
        """By name and step."""
        return self.tally.estimates()


def usual(real: dict[int, Tensor], alive: dict[int, NDArray[np.bool_]], pairs: int = 4096) -> float:
    """Mean distance between the latents of two real frames of different episodes, drawn at random."""
    rng = np.random.default_rng(0)
    place = [(t, row) for t in sorted(real) for row in np.flatnonzero(alive[t])]
    one, other = rng.integers(0, len(place), (2, pairs))
    drawn = [(place[i], place[j]) for i, j in zip(one, other, strict=True) if place[i][1] != place[j][1]]
    if not drawn:
        return 1.0
    a = torch.stack([real[t][row] for (t, row), _ in drawn])
    b = torch.stack([real[t][row] for _, (t, row) in drawn])
    return max(1e-12, float((a - b).norm(dim=1).mean()))


def strip(pictures: list[list[NDArray[np.uint8]]], counts: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The longest episodes, three lines each (reality, reconstruction, dream); black where one has ended.

    Args:
        pictures: for each step, each of the three (B, H, W, C).
        counts: (steps, B) whether the episode and the dream still run.
    """
    chosen = np.argsort(-counts.sum(0), kind="stable")[:_SHOWN]
    lines = [
        np.concatenate([at[which][row] * on[row] for at, on in zip(pictures, counts, strict=True)], 1)
        for row in chosen
        for which in range(3)
    ]
    picture = np.concatenate(lines)
    return picture.repeat(3, -1) if picture.shape[-1] == 1 else picture
