"""FitConfig: how long, how fast and on what `worldsim.training.fit` trains. No torch here, so that help is instant."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from worldsim.errors import BadInput

# What may differ when a run goes on: it changes where or how fast the run computes, or how much of it is written down,
# but not which curve it follows.
_FREE = frozenset({"device", "threads", "checkpoint_every", "log_every", "sample_every"})

Schedule = Literal["constant", "cosine", "exponential"]


@dataclass(frozen=True)
class FitConfig:
    """One training run. Defaults suit a small model on a CPU."""

    steps: int = 10_000
    """Optimizer steps (of every turn) in the whole run, counted from its first start."""
    learning_rate: float = 1e-3
    """Adam's learning rate at its highest."""
    learning_rates: dict[str, float] = field(default_factory=dict)
    """Learning rates of single turns (a GAN's "discriminator") where they differ from learning_rate."""
    schedule: Schedule = "constant"
    """Learning rate over the steps: constant; cosine from learning_rate to min_learning_rate at the last step; or
    exponential, (learning_rate - min) * decay^step + min, the schedule of Ha & Schmidhuber's World Models."""
    schedules: dict[str, Schedule] = field(default_factory=dict)
    """Schedules of single turns where they differ from schedule."""
    min_learning_rate: float = 0.0
    """Floor of the cosine and exponential schedules (World Models: 1e-5)."""
    decay: float = 0.9999
    """Factor per step of the exponential schedule (World Models: 0.99999)."""
    warmup: int = 0
    """Steps over which the learning rate first rises linearly."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's two averaging coefficients (GANs: often 0.0 or 0.5 first)."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW); 0 is Adam."""
    clip_norm: float | None = None
    """Largest norm of a turn's whole gradient; None does not clip."""
    clip_value: float | None = None
    """Largest size of each element of the gradient, applied first; None does not clip (World Models: 1.0)."""
    ema: float = 0.0
    """Decay per step of an exponential moving average of the weights, which then is the result; 0 keeps none."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """bf16-mixed computes in bfloat16 where autocast allows it: faster on GPUs and on CPUs with AMX or AVX512-BF16."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes a GPU where there is one."""
    devices: int = 1
    """Processes on this machine: GPUs, or CPU processes."""
    nodes: int = 1
    """Machines; start the same command on each (torchrun or Slurm set the rest)."""
    threads: int | None = None
    """CPU threads of each process; None leaves torch's setting."""
    seed: int = 0
    """Noise of the loss at step s is a function of (seed, s, process)."""
    checkpoint_every: int = 1_000
    """Steps between checkpoints; one more is written at the end and on Ctrl-C."""
    log_every: int = 50
    """Steps between lines of the log, which are means over these steps."""
    sample_every: int = 1_000
    """Steps between sample pictures; 0 draws none."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        for name in ("steps", "devices", "nodes", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("warmup", "sample_every", "learning_rate", "min_learning_rate", "weight_decay"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise BadInput(f"ema must be in [0, 1), got {self.ema}; 0.999 is a usual value, 0 keeps no average")
        for schedule in (self.schedule, *self.schedules.values()):
            if schedule not in get_args(Schedule):
                raise BadInput(f"schedule must be constant, cosine or exponential, got {schedule!r}")
        if self.precision not in ("32-true", "bf16-mixed"):
            raise BadInput(f"precision must be 32-true or bf16-mixed, got {self.precision!r}")

    def learning_rate_at(self, step: int, turn: str = "model") -> float:
        """Learning rate of one turn's update number ``step`` (0 is the first)."""
        top = self.learning_rates.get(turn, self.learning_rate)
        floor = min(self.min_learning_rate, top)
        if step < self.warmup:
            return top * (step + 1) / self.warmup
        after, schedule = step - self.warmup, self.schedules.get(turn, self.schedule)
        if schedule == "cosine":
            progress = min(1.0, after / max(1, self.steps - 1 - self.warmup))
            return floor + (top - floor) * (1 + math.cos(math.pi * progress)) / 2
        if schedule == "exponential":
            return float((top - floor) * self.decay**after + floor)
        return top

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {**asdict(self), "betas": list(self.betas)}

    def differences(self, saved: dict[str, Any]) -> list[str]:
        """What a run saved with ``saved`` and this config disagree on, among the things that shape its curve.

        Other ``steps`` are a difference only under the cosine schedule, whose every learning rate depends on them. A
        field that the run did not know yet had its default.
        """
        free = _FREE if "cosine" in (self.schedule, *self.schedules.values()) else _FREE | {"steps"}
        was, now = FitConfig().to_json() | saved, self.to_json()
        return [
            f"{name} was {was[name]!r}, now {now[name]!r}"
            for name in (f.name for f in fields(self))
            if name not in free and was[name] != now[name]
        ]
