"""Which adversarial losses cover all modes of a ring of 8 and a grid of 25 Gaussians, and what cures the others.

    python scripts/ring.py --out runs/ring            # 3 seeds, 22 minutes of one core
    python scripts/ring.py --out runs/ring --small    # the same with 1 seed and few steps, seconds
    python scripts/ring.py --out runs/wide --mixtures grid --width 128 --steps 12000    # enough for the grid, an hour

Every method has the same two networks, optimizer and number of updates. A sample has high quality if it lies within 3
standard deviations of a mode (98.9 % of real ones do); a mode is covered if a tenth of its fair share of all samples or
more lies so near to it. Writes ring.json, ring.md and ring.png; run again, it goes on where it was stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from worldsim.errors import BadInput, Stopped
from worldsim.gan.diversity import MinibatchDiscrimination, feature_matching, pull_away
from worldsim.gan.energy import EnergyCritic
from worldsim.gan.losses import gan_loss
from worldsim.gan.penalties import clip_weights, gradient_penalty, r1
from worldsim.gan.spectral import spectral
from worldsim.training import FitConfig, fit

LATENT, BATCH, SAMPLES = 8, 128, 10_000
LEARNING_RATE, BETAS = 1e-3, (0.5, 0.9)
_COLUMNS = (("modes", 1.0, 1), ("quality", 100.0, 1), ("kl", 1.0, 2))  # score, factor, digits in the table
SIDE, GAP, CAPTION = 150, 6, 14  # pixels of a panel of the picture


@dataclass(frozen=True)
class Method:
    """What is added to a loss."""

    loss: str
    penalty: Literal["none", "gradient", "r1"] = "none"
    clip: float = 0.0
    """WGAN's limit of the critic's weights."""
    spectral: bool = False
    minibatch: bool = False
    matching: bool = False
    """The generator matches features instead of following the logits."""
    pull_away: float = 0.0
    smooth: float = 1.0
    """One-sided label smoothing: what real samples are to score."""
    rates: dict[str, float] = field(default_factory=dict)
    """Learning rates that differ: two time scales."""


METHODS = {
    "minimax": Method("minimax"),
    "non-saturating": Method("non-saturating"),
    "lsgan": Method("lsgan"),
    "hinge": Method("hinge"),
    "wgan, clipped": Method("wgan", clip=0.1),
    "ebgan": Method("ebgan"),
    "ns + smoothing": Method("non-saturating", smooth=0.9),
    "ns + two rates": Method("non-saturating", rates={"generator": LEARNING_RATE / 4}),
    "ns + matching": Method("non-saturating", matching=True),
    "ns + minibatch": Method("non-saturating", minibatch=True),
    "ns + r1": Method("non-saturating", penalty="r1"),
    "hinge + spectral": Method("hinge", spectral=True),
    "wgan-gp": Method("wgan", penalty="gradient"),
    "ebgan + pull-away": Method("ebgan", pull_away=0.1),
}


@dataclass(frozen=True)
class Args:
    """How much."""

    out: Path = Path("runs/ring")
    """Folder for ring.json, ring.md and ring.png."""
    steps: int = 3_000
    """Updates of each player."""
    width: int = 64
    """Of the hidden layers."""
    seeds: int = 3
    """Runs of each method, from seed 0."""
    methods: tuple[str, ...] = tuple(METHODS)
    """Which methods."""
    mixtures: tuple[Literal["ring", "grid"], ...] = ("ring", "grid")
    """On which of the two."""
    small: bool = False
    """One seed, 60 updates: only to see that everything runs."""


class Mixture:
    """Equally likely Gaussians of one standard deviation on a plane."""

    def __init__(self, name: str, centres: Tensor, sigma: float) -> None:
        self.name, self.centres, self.sigma = name, centres, sigma

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Samples (count, 2)."""
        which = torch.randint(len(self.centres), (count,), generator=generator)
        return self.centres[which] + self.sigma * torch.randn(count, 2, generator=generator)

    def score(self, samples: Tensor) -> dict[str, float]:
        """Modes covered, share of high quality, and the KL divergence of the modes' frequencies from equal ones."""
        distance, nearest = torch.cdist(samples, self.centres).min(1)
        good = distance <= 3 * self.sigma
        near = torch.bincount(nearest[good], minlength=len(self.centres))
        share = torch.bincount(nearest, minlength=len(self.centres)).double() / len(samples)
        fair = len(samples) / len(self.centres)
        kl = torch.special.xlogy(share, share * len(self.centres)).sum()
        return {"modes": float((near >= fair / 10).sum()), "quality": float(good.double().mean()), "kl": float(kl)}


def ring() -> Mixture:
    """8 modes at radius 2, sigma .02 (as in Metz et al. 2017, arXiv:1611.02163)."""
    angles = torch.arange(8) * torch.pi / 4
    return Mixture("ring", 2 * torch.stack([angles.cos(), angles.sin()], 1), 0.02)


def grid() -> Mixture:
    """25 modes one unit apart, sigma .025: the grid of Lin et al. 2018, arXiv:1712.04086, at half its size."""
    line = torch.arange(5.0) - 2
    return Mixture("grid", torch.cartesian_prod(line, line), 0.025)


def perceptron(inputs: int, outputs: int, activation: type[nn.Module], width: int, layers: int = 2) -> nn.Sequential:
    """Layers of one width."""
    hidden: list[nn.Module] = []
    for index in range(layers):
        hidden += [nn.Linear(width if index else inputs, width), activation()]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


class Game(nn.Module):
    """A generator and a discriminator of points."""

    def __init__(self, method: Method, width: int = 64) -> None:
        super().__init__()
        self.method = method
        self.losses = gan_loss(method.loss, method.smooth)
        self.generator = perceptron(LATENT, 2, nn.ReLU, width)
        self.hidden, self.head = perceptron(2, width, nn.LeakyReLU, width).extend([nn.LeakyReLU()]), nn.Sequential()
        if method.minibatch:
            self.head.append(MinibatchDiscrimination(width, kernels=16))
        self.head.append(nn.Linear(width + 16 * method.minibatch, 1))
        critic = nn.Sequential(self.hidden, self.head)
        if method.loss == "ebgan":
            self.head = perceptron(width, 2, nn.LeakyReLU, width, layers=1)
            critic = EnergyCritic(self.hidden, self.head)
        self.critic = spectral(critic) if method.spectral else critic

    def turns(self) -> dict[str, Iterable[nn.Parameter]]:
        """The discriminator moves first."""
        return {"discriminator": self.critic.parameters(), "generator": self.generator.parameters()}

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Generated samples (count, 2)."""
        return self.generator(torch.randn(count, LATENT, generator=generator))

    def loss(self, batch: Tensor, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """One player's loss."""
        method, fake = self.method, self.draw(len(batch), generator)
        if turn == "generator":
            if method.matching:
                return feature_matching(self.hidden(batch), self.hidden(fake)), {}
            loss = self.losses.generator(self.critic(fake))
            return loss + method.pull_away * pull_away(self.hidden(fake)) if method.pull_away else loss, {}
        if method.clip:
            clip_weights(self.critic.parameters(), method.clip)
        loss = self.losses.discriminator(self.critic(batch), self.critic(fake.detach()))
        if method.penalty == "gradient":
            loss = loss + gradient_penalty(self.critic, batch, fake, generator, weight=1.0)
        elif method.penalty == "r1":
            loss = loss + r1(self.critic, batch, weight=0.1)
        return loss, {}


def play(method: Method, mixture: Mixture, seed: int, steps: int, folder: Path, width: int = 64) -> Tensor:
    """Train one game, or go on with the one in the folder, and return its samples."""
    torch.manual_seed(seed)
    game = Game(method, width)
    config = FitConfig(
        steps=steps,
        learning_rate=LEARNING_RATE,
        learning_rates=method.rates,
        schedule="cosine",
        betas=BETAS,
        device="cpu",
        threads=1,
        seed=seed,
        log_every=steps,
        checkpoint_every=1_000,
        sample_every=0,
    )

    def batch_at(step: int, rank: int, world_size: int) -> Tensor:
        return mixture.draw(BATCH, torch.Generator().manual_seed(seed * 1_000_003 + step))

    fit(game, batch_at, config, folder)
    with torch.no_grad():
        return game.draw(SAMPLES, torch.Generator().manual_seed(seed))


def panel(mixture: Mixture, samples: Tensor, caption: str) -> NDArray[np.uint8]:
    """A scatter plot: 2,000 samples over rings around the modes."""
    image = Image.new("RGB", (SIDE, SIDE + CAPTION), "white")
    draw = ImageDraw.Draw(image)
    scale = SIDE / 3 / float(mixture.centres.max())
    for x, y in mixture.centres.tolist():
        row, col = SIDE / 2 - scale * y, SIDE / 2 + scale * x
        draw.ellipse((col - 5, row - 5, col + 5, row + 5), outline=(190, 190, 190))
    draw.text((3, SIDE + 1), caption, fill="black")
    pixels = np.array(image)
    across, up = (samples[:2000].double().numpy() * scale).T
    rows, cols = np.round(SIDE / 2 - up).astype(int), np.round(SIDE / 2 + across).astype(int)
    inside = (rows >= 0) & (rows < SIDE) & (cols >= 0) & (cols < SIDE)
    pixels[rows[inside], cols[inside]] = (20, 60, 200)
    return pixels


def tile(rows: list[list[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Panels in rows."""
    framed = [[np.pad(p, ((0, GAP), (0, GAP), (0, 0)), constant_values=225) for p in row] for row in rows]
    return np.concatenate([np.concatenate(row, 1) for row in framed])


def table(results: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """Markdown: mean and standard deviation over seeds."""

    def cell(scores: list[dict[str, float]], name: str, factor: float, digits: int) -> str:
        values = [factor * score[name] for score in scores]
        mean, spread = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0
        return f"{mean:.{digits}f} ± {spread:.{digits}f}"

    names = list(results)
    head = [f"{n}: {what}" for n in names for what in ("modes", "high quality %", "KL")]
    lines = ["| method | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for method in results[names[0]]:
        cells = [cell(results[n][method], *column) for n in names for column in _COLUMNS]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(args: Args) -> None:
    """All methods on both mixtures."""
    if unknown := set(args.methods) - set(METHODS):
        raise BadInput(f"unknown methods {sorted(unknown)}; choose from {', '.join(METHODS)}")
    seeds, steps = (1, 60) if args.small else (args.seeds, args.steps)
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    rows, started = [], time.process_time()
    for mixture in ((ring if name == "ring" else grid)() for name in args.mixtures):
        real = mixture.draw(SAMPLES, torch.Generator().manual_seed(0))
        scores, panels = {"real samples": [mixture.score(real)] * seeds}, [panel(mixture, real, "real samples")]
        for name in args.methods:
            scores[name] = []
            for seed in range(seeds):
                folder = args.out / f"{steps}-steps-{args.width}" / f"{mixture.name} {name} {seed}".replace(" ", "-")
                samples = play(METHODS[name], mixture, seed, steps, folder, args.width)
                scores[name].append(mixture.score(samples))
                if seed == 0:
                    panels.append(panel(mixture, samples, name))
                print(f"{mixture.name:5} {name:18} seed {seed}: {scores[name][-1]}", flush=True)
        results[mixture.name] = scores
        half = (len(panels) + 1) // 2
        panels += [np.full_like(panels[0], 255)] * (2 * half - len(panels))
        rows += [panels[:half], panels[half:]]
    content = {
        "args": {**asdict(args), "out": args.out.name, "steps": steps, "seeds": seeds},
        "results": results,
        "cpu_seconds": round(time.process_time() - started),
    }
    (args.out / "ring.json").write_text(json.dumps(content, indent=1))
    (args.out / "ring.md").write_text(table(results))
    Image.fromarray(tile(rows)).quantize(32).save(args.out / "ring.png", optimize=True)
    print(table(results) + f"wrote {args.out}/ring.json, ring.md and ring.png")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except (BadInput, Stopped) as error:
        raise SystemExit(f"ring: {error}") from None
