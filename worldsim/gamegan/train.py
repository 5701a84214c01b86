"""Training a GameGAN from a recording."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal, Self

import torch
from gymnasium.spaces import Discrete
from torch import Tensor

from worldsim.checkpoint import World, load
from worldsim.data.recording import Recording
from worldsim.data.windows import Windows
from worldsim.errors import BadInput
from worldsim.gamegan.grid.kinds import find_kinds, never_together
from worldsim.gamegan.grid.simulator import GridConfig, GridSimulator
from worldsim.gamegan.objective import GameGANObjective
from worldsim.gamegan.presets import PRESETS, Settings
from worldsim.gamegan.prior import PriorObjective
from worldsim.gamegan.signal import to_signal
from worldsim.gamegan.world import GameGANConfig, GameGANWorld
from worldsim.heads import recorded_outcomes
from worldsim.space_json import to_json
from worldsim.training import FitResult, fit
from worldsim.training.command import TrainCommand
from worldsim.vae.colour import colour_weights
from worldsim.whole_file import write_whole

_CELLS = (12, 8)  # sides of a cell that are tried, in pixels
_LOOKED_AT = 27_000  # frames, for what is never seen together
_SMALLEST = 32  # pixels a side that the small presets need

Preset = Literal[
    "small",
    "small-m",
    "small-lstm",
    "paper-84",
    "paper-84-m",
    "paper-64",
    "paper-64-m",
    "code-multi",
    "code-single",
    "gamegan-m",
    "action-lstm",
]


@dataclass(frozen=True)
class TrainGameGAN(TrainCommand):
    """Train a GameGAN (Kim et al. 2020): frames and actions become a game engine.

    Any recording of image frames with a discrete action trains. Run the same command again to go on after Ctrl-C or a
    kill. What is not given is the preset's.
    """

    preset: Preset = "small"
    """small: on a grid of cells, trains and plays on a CPU; paper-84, paper-64: the paper's sizes; code-multi,
    code-single: the released ones; gamegan-m: the paper's model without memory; action-lstm: its baseline without
    critics; -m: without memory; small-lstm: the latter as small as small."""
    steps: int | None = None
    """Updates."""
    batch: int | None = None
    """Stretches in one."""
    length: int | None = None
    """Steps of a stretch."""
    curriculum: tuple[int, ...] | None = None
    """Lengths of stretches before that one, for what is remembered for long: --length 24 --curriculum 6 12. Each
    divides it."""
    margin: int | None = None
    """Cells around the view that the memory of a small preset reaches; who goes farther has forgotten."""
    learning_rate: float | None = None
    """Adam's, of the generator."""
    critic_rate: float | None = None
    """Adam's, of the critics."""
    blur: float | None = None
    """Standard deviation of noise on the model's own frames when they are fed back, against drift."""
    prior_share: float | None = None
    """Updates that the choices' prior of a small preset gets alone at the end, as a share of the others."""
    sample_every: int | None = None
    """Updates between sample pictures."""
    start_from: str = ""
    """A GameGAN whose simulator this one begins as: a world folder or a bundled name, of the same preset. For games
    that look alike; reward and ending are learned anew where others were recorded."""

    @property
    def settings(self) -> Settings:
        """The preset, with what was given on top."""
        names = ("steps", "batch", "length", "curriculum", "learning_rate", "critic_rate", "blur", "prior_share")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        settings = replace(PRESETS[self.preset], **given)
        if self.margin is None:
            return settings
        if settings.simulator != "grid" or not settings.grid.memory or self.margin < 0:
            raise BadInput(
                f"--margin is 0 or more cells and of --preset small alone, got {self.margin} for {self.preset}; leave "
                "it out, or choose that preset"
            )
        return replace(settings, grid=replace(settings.grid, margin=self.margin))

    def shorter(self, share: float) -> Self:
        """The same with so large a share of the updates."""
        return replace(self, steps=max(1, round(share * self.settings.steps)))

    def train(self) -> World | None:
        """The whole of it; returns the world (None in processes other than the first)."""
        recording = Recording(self.recording)
        settings = fitted(self.settings, recording, self.preset)
        model = untrained(settings, recording, self.preset, self.seed)
        more: dict[str, str] = {"preset": self.preset}
        if self.start_from:
            more["started_from"] = begin_as(model, self.start_from)
        self._claim(settings)
        done = self.fit(model, settings, recording)
        return self.finish("gamegan", model, recording, False, done, **more)

    def fit(self, model: GameGANWorld, settings: Settings, recording: Recording) -> list[FitResult]:
        """Train the prior of its choices alone, if it has one, after all else; all else comes last in the list."""
        windows = Windows(recording, settings.length, settings.batch, seed=self.seed)
        objective = self.objective(model, settings, windows)
        config = self.fit_config(
            settings.steps,
            learning_rate=settings.learning_rate,
            learning_rates={"critic": settings.critic_rate} if settings.judges else {},
            schedule=settings.schedule,
            schedules={"critic": "constant"} if settings.judges else {},
            min_learning_rate=settings.learning_rate / 20,
            warmup=min(100, settings.steps // 10),
            betas=settings.betas,
            clip_norm=settings.clip_norm,
            checkpoint_every=max(1, min(100, settings.steps // 4)),
        )
        if self.sample_every is not None:
            config = replace(config, sample_every=self.sample_every)
        done = [fit(objective, windows.batch, config, self.out, "gamegan")]
        if settings.trains_prior:
            if objective.kinds is not None:
                keep_apart(model, objective.kinds.cpu(), settings, windows, recording.num_frames)
            done.insert(0, self._fit_prior(PriorObjective(model, settings, objective.colours), settings, recording))
        return done

    def objective(self, model: GameGANWorld, settings: Settings, windows: Windows) -> GameGANObjective:
        """What ``fit`` minimises, with colours and kinds found in the first batches."""
        colours = kinds = None
        if settings.colours or settings.weights.kinds:
            frames = torch.cat([windows.batch(i).frames.flatten(0, 1) for i in range(8)])
            if settings.colours:
                colours = colour_weights(frames)
            if settings.simulator == "grid" and settings.weights.kinds:
                grid, size = settings.grid, model.simulator.image_shape[1:]
                kinds = find_kinds(to_signal(frames, *size, "unit"), grid.cell, grid.options - 1, self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            return GameGANObjective(model, settings, colours, kinds)

    def _fit_prior(self, objective: PriorObjective, settings: Settings, recording: Recording) -> FitResult:
        windows = Windows(recording, settings.length, 3 * settings.batch, seed=self.seed + 1)
        steps = max(1, round(settings.prior_share * settings.steps))
        config = self.fit_config(
            steps,
            learning_rate=settings.prior_rate,
            schedule="cosine",
            warmup=steps // 10,
            betas=settings.betas,
            sample_every=0,
            checkpoint_every=max(1, min(50, steps // 4)),
        )
        return fit(objective, windows.batch, config, self.out, "prior")

    def _claim(self, settings: Settings) -> None:
        """Write down what is trained here, and refuse to go on with something else."""
        path = self.out / "settings.json"
        mine = json.loads(json.dumps({"preset": self.preset, **asdict(settings)}))
        if (self.out / "gamegan.pt").exists() and path.exists():
            theirs = json.loads(path.read_text())
            different = [key for key in mine if mine[key] != theirs.get(key)]
            if different:
                key = different[0]
                raise BadInput(
                    f"{self.out} holds a run with other settings: {key} was {theirs.get(key)!r}, now {mine[key]!r}; "
                    "repeat those to go on, or choose another folder"
                )
        write_whole(path, json.dumps(mine, indent=2) + "\n")


def fitted(settings: Settings, recording: Recording, preset: str) -> Settings:
    """The settings for a recording's frames, or a line that says why they do not fit."""
    space = recording.action_space
    if not isinstance(space, Discrete):
        raise BadInput(
            f"GameGAN needs a discrete action space, {recording.path} has {space}; use worldsim train vision-memory, "
            "or record an environment that is wrapped to discrete actions"
        )
    height, width = recording.frame_shape[:2]
    least = _SMALLEST if settings.simulator == "grid" else settings.flat.side
    if min(height, width) < least:
        raise BadInput(
            f"preset {preset} needs frames of at least {least} x {least} pixels, got {height} x {width}; "
            + ("record larger frames" if settings.simulator == "grid" else "use --preset small, or record larger ones")
        )
    if settings.simulator == "flat":
        return settings
    return replace(settings, grid=grid_for(settings.grid, height, width))


def grid_for(grid: GridConfig, height: int, width: int) -> GridConfig:
    """Cells that divide the frame, four to ten a side; else 7 x 7 cells of 12 pixels, to which frames are resized."""
    for cell in _CELLS:
        rows, cols = height // cell, width // cell
        if height % cell == width % cell == 0 and min(rows, cols) >= 4 and max(rows, cols) <= 10:
            return replace(grid, cell=cell, rows=rows, cols=cols)
    return replace(grid, cell=12, rows=7, cols=7)


def keep_apart(model: GameGANWorld, kinds: Tensor, settings: Settings, windows: Windows, most: int) -> None:
    """Tell the choices which kinds are never in one picture, from at most so many frames."""
    assert isinstance(model.simulator, GridSimulator)
    size, batches = model.simulator.image_shape[1:], min(_LOOKED_AT, most) // (settings.batch * (settings.length + 1))
    frames = (windows.batch(i).frames.flatten(0, 1) for i in range(max(1, batches)))
    pictures = (to_signal(part, *size, "unit") for part in frames)
    model.simulator.choices.apart.copy_(never_together(pictures, kinds, settings.grid.cell))


def begin_as(model: GameGANWorld, other: str) -> str:
    """Take over the simulator of another world, and its outcome head if the same rewards and endings were recorded.

    Returns its name.
    """
    world = load(other)
    if not isinstance(world.model, GameGANWorld):
        raise BadInput(f"--start-from needs a GameGAN, {other} is of kind {world.kind}")
    try:
        model.simulator.load_state_dict(world.model.simulator.state_dict())
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        presets = f"of preset {world.model.config.preset}, does not fit preset {model.config.preset}"
        raise BadInput(f"--start-from {other}, {presets}, this game and frame size: {reason}") from None
    mine, theirs = model.outcome, world.model.outcome
    if torch.equal(mine.reward, theirs.reward) and torch.equal(mine.terminated, theirs.terminated):
        mine.load_state_dict(theirs.state_dict())
    return world.name


def untrained(settings: Settings, recording: Recording, preset: str, seed: int) -> GameGANWorld:
    """The world that fits a recording, with its first weights."""
    table = recorded_outcomes(recording)
    config = GameGANConfig(
        recording.frame_shape,
        to_json(recording.action_space),
        len(table.reward),
        settings.simulator,
        settings.grid,
        settings.flat,
        preset,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GameGANWorld(config)
    model.outcome.set_table(table)
    return model
