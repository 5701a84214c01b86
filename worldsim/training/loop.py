"""fit(): one training loop for every model, on Lightning Fabric.

Batches and noise are pure functions of (seed, step, process), so a run that was killed and started again follows the
same curve. With several processes each one runs the whole calling program (as under torchrun); fit() returns in all
of them, and what follows it should write files only where ``result.rank == 0``.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from worldsim.data.chance import named_key
from worldsim.errors import BadInput, Stopped
from worldsim.heap import keep_freed_memory
from worldsim.training.checks import mean_costs
from worldsim.training.config import FitConfig
from worldsim.training.log import TrainingLog
from worldsim.training.moving_average import MovingAverage
from worldsim.training.prefetch import Prefetch
from worldsim.training.processes import launch
from worldsim.training.state import load_state, save_state
from worldsim.training.turns import Turn, give_gradients_to, prefix, turns_of

__all__ = ["FitConfig", "FitResult", "Objective", "fit"]


@runtime_checkable
class Objective(Protocol):
    """What fit() minimises.

    A `torch.nn.Module`, whose parameters and buffers are what is trained and saved, with

    - ``loss(batch, generator, turn)``: the scalar to minimise and whatever else to log; random numbers come from
      ``generator``; anything counted over steps belongs in a registered buffer, so that it is saved;
    - optionally ``turns() -> dict[str, Iterable[Parameter]]``: parameter groups that are updated one after the other
      on each batch, each with its own optimizer, in this order (a GAN's discriminator, then its generator);
      by default one turn "model" with all parameters;
    - optionally ``samples(batch) -> dict[str, Tensor]``: rows of a picture, each (N, H, W, C) uint8; a row
      "difference" is added to rows named "real" and "predicted".
    """

    def loss(self, batch: Any, generator: torch.Generator, turn: str) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss (scalar) of one batch in one turn, and named scalars for the log."""


@dataclass(frozen=True)
class FitResult:
    """How a run ended."""

    steps: int
    """Updates done."""
    seconds: float
    """Wall-clock time spent training, all starts together."""
    logs: dict[str, float]
    """The last line of the log."""
    rank: int = 0
    """This process among all; only 0 writes."""


def fit(
    objective: nn.Module,
    batch_at: Callable[[int, int, int], Any],
    config: FitConfig,
    out: Path | str,
    name: str = "train",
    checks: Mapping[str, Sequence[Any]] | None = None,
) -> FitResult:
    """Train ``objective`` until ``config.steps`` updates are done; go on where an earlier call with this ``out`` ended.

    Gradients are averaged over processes, so n processes with batches of b equal one process with their n * b rows.
    At the end the objective holds the trained weights (the averaged ones if ``config.ema`` is set).

    Args:
        objective: What to minimise, see `Objective`.
        batch_at: ``batch_at(step, rank, world_size)``: the batch of a step for one process, a pure function; called in
            a thread, up to two steps ahead.
        config: How to train.
        out: Folder for ``<name>.pt`` (checkpoint), ``<name>.jsonl`` (log), ``tensorboard`` and ``samples``.
        name: Of this run among those that share the folder.
        checks: Batches by name that are looked at only: every ``config.sample_every`` steps and at the end the means of
            what they cost join the log, ``held_out_loss`` of those named "held_out".

    Raises:
        BadInput: The folder holds another run, or the loss is no longer finite.
        Stopped: Ctrl-C; everything was saved.
        OSError: Nothing could be written (disk full); the previous checkpoint is intact.
    """
    if not isinstance(objective, Objective):
        raise BadInput(
            f"objective must have a method loss(batch, generator, turn), {type(objective).__name__} has none"
        )
    fabric = launch(config)
    keep_freed_memory()
    with ExitStack() as stack:
        if config.threads is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(config.threads)
        # Each step seeds the global generator; the caller gets it back as it was.
        stack.enter_context(torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []))
        return _Run(fabric, objective, config, Path(out), name).train(batch_at, checks or {})


class _Run:
    """The state of one call of fit()."""

    def __init__(self, fabric: Fabric, objective: nn.Module, config: FitConfig, out: Path, name: str) -> None:
        self.fabric, self.config, self.out, self.name = fabric, config, out, name
        self.path = out / f"{name}.pt"
        self.objective, self.was_training = objective.to(fabric.device), objective.training
        self.turns = turns_of(objective, config)
        self.step, self.seconds, self.last = 0, 0.0, dict[str, float]()
        self.sums: dict[str, Tensor] = {}  # log key -> (sum, count) since the last line
        self.checked = dict[str, float]()  # for the next line
        self.bad = torch.full((), -1, device=fabric.device)  # first step whose loss was not finite
        self.stop = False
        trained = {id(parameter) for turn in self.turns for parameter in turn.parameters}
        self.average = (
            MovingAverage({key: p for key, p in objective.named_parameters() if id(p) in trained}, config.ema)
            if config.ema
            else None
        )
        out.mkdir(parents=True, exist_ok=True)
        if fabric.world_size > 1:
            for tensor in objective.state_dict().values():
                torch.distributed.broadcast(tensor, 0)
        if self.path.exists():
            self._restore()

    def train(self, batch_at: Callable[[int, int, int], Any], checks: Mapping[str, Sequence[Any]]) -> FitResult:
        """All steps that are left."""
        config, fabric = self.config, self.fabric
        if self.step < config.steps:
            with ExitStack() as stack:
                log = TrainingLog(self.out, self.name, self.step, config.steps) if fabric.is_global_zero else None
                stack.enter_context(log or nullcontext())
                stack.enter_context(self._interruptible())
                batches = stack.enter_context(
                    Prefetch(
                        lambda step: fabric.to_device(batch_at(step, fabric.global_rank, fabric.world_size)),
                        self.step,
                        config.steps,
                    )
                )
                self._loop(batches, log, checks)
        if self.average is not None:
            self.average.apply()
        self.objective.train(self.was_training)
        return FitResult(self.step, self.seconds, self.last, fabric.global_rank)

    def _loop(self, batches: Prefetch[Any], log: TrainingLog | None, checks: Mapping[str, Sequence[Any]]) -> None:
        config = self.config
        before, started, logged, logged_at = self.seconds, time.monotonic(), self.step, time.monotonic()
        self.objective.train()
        while self.step < config.steps:
            # Short waits, so that Ctrl-C is also heard while a batch is slow in coming.
            batch = batches.take(0.2)
            if batch is None and not (self.stop and self.fabric.world_size == 1):
                continue
            if batch is not None:
                self._update(batch)
                self.step += 1
            self.seconds = before + time.monotonic() - started
            ended = self.step == config.steps
            due = ended or self.step % config.log_every == 0
            stop = self._agree(due)
            sampling = bool(config.sample_every) and (ended or self.step % config.sample_every == 0)
            if sampling and log is not None and batch is not None and checks:
                with self._looking():
                    self.checked = mean_costs(self.objective, checks, self.turns, self.fabric, config.seed)
            if due and batch is not None:
                rate = (self.step - logged) / max(1e-9, time.monotonic() - logged_at)
                logged, logged_at = self.step, time.monotonic()
                self._log(log, rate)
            if log is not None:
                log.advance(self.step)
            if sampling and batch is not None:
                self._on_main("a picture", partial(self._picture, log, batch))
            if ended or stop or self.step % config.checkpoint_every == 0:
                self._save()
            if stop and not ended:
                raise Stopped(
                    f"stopped after {self.step:,} of {config.steps:,} steps; {self.path} keeps them all: "
                    "run the same command again to go on"
                )

    def _update(self, batch: Any) -> None:
        """One update of every turn."""
        fabric, several = self.fabric, len(self.turns) > 1
        try:
            for index, turn in enumerate(self.turns):
                key = named_key(self.config.seed, self.step, fabric.global_rank, index)
                _seed_global(key, fabric.device)
                generator = torch.Generator(fabric.device).manual_seed(key)
                if several:
                    give_gradients_to(turn, self.turns)
                with fabric.autocast():
                    loss, logs = cast(Objective, self.objective).loss(batch, generator, turn.name)
                norm = turn.update(loss, self.step, self.config, fabric.world_size)
                self._note({"loss": loss, **logs, **({} if norm is None else {"grad_norm": norm})}, turn)
        finally:
            give_gradients_to(None, self.turns)
        if self.average is not None:
            self.average.update(self.step)

    def _note(self, values: dict[str, Tensor], turn: Turn) -> None:
        """Add to the means of the next log line; nothing here waits for a GPU."""
        for key, value in values.items():
            value = torch.as_tensor(value, dtype=torch.float32, device=self.bad.device).detach()
            if key == "loss":
                self.bad = torch.where((self.bad < 0) & ~torch.isfinite(value), self.step + 1, self.bad)
            name = prefix(turn, self.turns) + key
            self.sums[name] = self.sums.get(name, 0) + torch.stack([value, torch.ones_like(value)])

    def _agree(self, due: bool) -> bool:
        """Whether to stop, the same answer in every process; raises where a loss was not finite.

        Several processes, and the host with its GPU, only compare notes when a log line is due: it costs a wait.
        """
        alone = self.fabric.world_size == 1
        if not due and not (alone and (self.stop or self.bad.device.type == "cpu")):
            return False
        bad, stop = int(self.bad), self.stop
        if not alone:
            flags = torch.tensor([bad, int(stop)], device=self.bad.device)
            torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
            bad, stop = int(flags[0]), bool(flags[1])
        if bad >= 0:
            broken = [key for key, pair in self.sums.items() if not torch.isfinite(pair[0])]
            kept = f"{self.path} keeps an earlier state" if self.path.exists() else "nothing was saved"
            raise BadInput(
                f"the loss of step {bad:,} is not finite ({', '.join(broken) or 'in another process'}); {kept}; lower "
                "the learning rate, set clip_norm, or check the data"
            )
        return stop

    def _log(self, log: TrainingLog | None, rate: float) -> None:
        self._share_sums()
        self.last = {key: float(total / count) for key, (total, count) in self.sums.items()}
        for turn in self.turns:
            rate_of_turn = self.config.learning_rate_at(self.step - 1, turn.name)
            self.last[f"{prefix(turn, self.turns)}learning_rate"] = rate_of_turn
        self.last |= self.checked | {"steps_per_second": round(rate, 3), "seconds": round(self.seconds, 3)}
        self.sums, self.checked = {}, {}
        if log is None:
            self._on_main("the log", lambda: None)
        else:
            self._on_main("the log", partial(log.write, self.step, self.last))

    def _share_sums(self) -> None:
        """Means over processes too."""
        if self.fabric.world_size > 1 and self.sums:
            table = torch.stack(list(self.sums.values()))
            torch.distributed.all_reduce(table)
            self.sums = dict(zip(self.sums, table / self.fabric.world_size, strict=True))

    def _picture(self, log: TrainingLog | None, batch: Any) -> None:
        samples = getattr(self.objective, "samples", None)
        if samples is not None and log is not None:
            with self._looking():
                log.picture(self.step, samples(batch))

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """The model as it will be used, without gradients."""
        self.objective.eval()
        averaged = nullcontext() if self.average is None else self.average.applied()
        with averaged, torch.no_grad(), self.fabric.autocast():
            yield
        self.objective.train()

    def _save(self) -> None:
        self._share_sums()
        content = {
            "objective": self.objective.state_dict(),
            "optimizers": {turn.name: turn.optimizer.state_dict() for turn in self.turns},
            "average": None if self.average is None else self.average.values,
            "sums": self.sums,
            "step": self.step,
            "seconds": self.seconds,
            "logs": self.last,
            "config": self.config.to_json(),
        }
        self._on_main(str(self.path), lambda: save_state(self.path, content))

    def _on_main(self, what: str, write: Callable[[], object]) -> None:
        """Write in the first process; all wait for it, and end with it if it fails."""
        failure = None
        if self.fabric.is_global_zero:
            try:
                write()
            except OSError as error:
                kept = "the previous checkpoint is intact" if self.path.exists() else "there is no checkpoint yet"
                reason = error.strerror or str(error)
                failure = f"could not write {what} ({reason}); {kept}: make room and run again to go on"
        if failure := self.fabric.broadcast(failure):
            raise OSError(failure)

    def _restore(self) -> None:
        saved = load_state(self.path, self.config, self.fabric.device)
        try:
            self.objective.load_state_dict(saved["objective"])
            for turn in self.turns:
                turn.optimizer.load_state_dict(saved["optimizers"][turn.name])
            if self.average is not None:
                self.average.load(saved["average"])
        except (RuntimeError, KeyError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise BadInput(f"{self.path} holds another model ({reason}); choose another folder") from error
        self.step, self.seconds, self.last = saved["step"], saved["seconds"], saved["logs"]
        self.sums = saved["sums"]

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C asks for a stop after this step, the second one stops at once, without saving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

        def ask(number: int, frame: object) -> None:
            self.stop = True
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _seed_global(key: int, device: torch.device) -> None:
    """Dropout draws from the global generator, and from nowhere else."""
    torch.default_generator.manual_seed(key)
    if device.type == "cuda":
        torch.cuda.manual_seed(key)
