"""fit(): one training loop for every model, on Lightning Fabric.

Batches and noise are pure functions of (seed, step, process), so a run that was killed and started again follows the
same curve. With several processes each one runs the whole calling program (as under torchrun); fit() returns in all
of them, and what follows it should write files only where ``result.rank == 0``.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from worldsim.errors import BadInput, Stopped
from worldsim.fit_config import FitConfig
from worldsim.prefetch import Prefetch
from worldsim.training_log import TrainingLog

__all__ = ["FitConfig", "FitResult", "Objective", "fit"]


@runtime_checkable
class Objective(Protocol):
    """What fit() minimises: an `torch.nn.Module` (its parameters and buffers are what is trained and saved) with

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

    Raises:
        BadInput: The folder holds another run, or the loss is no longer finite.
        Stopped: Ctrl-C; everything was saved.
        OSError: Nothing could be written (disk full); the previous checkpoint is intact.
    """
    if not isinstance(objective, Objective):
        raise BadInput(f"objective must have a method loss(batch, generator, turn), {type(objective).__name__} has none")
    distributed = config.devices * config.nodes > 1
    fabric = Fabric(
        accelerator=config.device,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy="ddp" if distributed else "auto",
        precision=config.precision,
    )
    fabric.launch()
    with ExitStack() as stack:
        if config.threads is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(config.threads)
        # Dropout can only draw from the global generator: each step seeds it, and the caller gets it back as it was.
        stack.enter_context(torch.random.fork_rng([fabric.device] if fabric.device.type == "cuda" else []))
        return _Run(fabric, objective, config, Path(out), name).train(batch_at)


class _Run:
    """The state of one call of fit()."""

    def __init__(self, fabric: Fabric, objective: nn.Module, config: FitConfig, out: Path, name: str) -> None:
        self.fabric, self.config, self.out, self.name = fabric, config, out, name
        self.path = out / f"{name}.pt"
        self.objective = objective.to(fabric.device)
        self.turns = _turns(objective)
        if unknown := set(config.learning_rates) - set(self.turns):
            raise BadInput(f"learning_rates names {sorted(unknown)}, the objective's turns are {list(self.turns)}")
        self.optimizers = {
            turn: torch.optim.AdamW(
                parameters, lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay, fused=True
            )
            for turn, parameters in self.turns.items()
        }
        self.step, self.seconds, self.last = 0, 0.0, dict[str, float]()
        self.sums: dict[str, Tensor] = {}  # log key -> (sum, count) since the last line
        self.bad = torch.full((), -1, device=fabric.device)  # first step whose loss was not finite
        self.stop = False
        self.average: dict[str, Tensor] = {}
        out.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._restore()
        elif fabric.world_size > 1:
            for tensor in objective.state_dict().values():
                torch.distributed.broadcast(tensor, 0)
        if config.ema and not self.average:
            self.average = {key: value.detach().clone() for key, value in self._trained()}

    def train(self, batch_at: Callable[[int, int, int], Any]) -> FitResult:
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
                self._loop(batches, log)
        if config.ema:
            self._load_average()
        return FitResult(self.step, self.seconds, self.last, fabric.global_rank)

    def _loop(self, batches: Prefetch[Any], log: TrainingLog | None) -> None:
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
            if due and batch is not None:
                rate = (self.step - logged) / max(1e-9, time.monotonic() - logged_at)
                logged, logged_at = self.step, time.monotonic()
                self._log(log, rate)
            if log is not None:
                log.advance(self.step)
                if config.sample_every and (ended or self.step % config.sample_every == 0) and batch is not None:
                    self._picture(log, batch)
            if ended or stop or self.step % config.checkpoint_every == 0:
                self._save()
            if stop and not ended:
                raise Stopped(
                    f"stopped after {self.step:,} of {config.steps:,} steps; {self.path} keeps them all: "
                    "run the same command again to go on"
                )

    def _update(self, batch: Any) -> None:
        """One update of every turn."""
        several = len(self.turns) > 1
        for index, (turn, parameters) in enumerate(self.turns.items()):
            key = _key(self.config.seed, self.step, self.fabric.global_rank, index)
            torch.manual_seed(key)
            generator = torch.Generator(self.fabric.device).manual_seed(key)
            if several:
                _only(parameters, self.turns)
            with self.fabric.autocast():
                loss, logs = cast(Objective, self.objective).loss(batch, generator, turn)
            optimizer = self.optimizers[turn]
            optimizer.zero_grad()
            loss.backward()
            if self.fabric.world_size > 1:
                _average_gradients(parameters, self.fabric.world_size)
            if self.config.clip_value is not None:
                nn.utils.clip_grad_value_(parameters, self.config.clip_value)
            if self.config.clip_norm is not None:
                logs = {**logs, "grad_norm": nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)}
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate_at(self.step, turn)
            optimizer.step()
            self._note(loss, logs, f"{turn}/" if several else "")
        if several:
            _only([p for group in self.turns.values() for p in group], self.turns)
        if self.average:
            # Early weights should not linger: the decay rises to its value (as in Polyak averaging) over the run.
            decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                pairs = [(self.average[key], value) for key, value in self._trained()]
                torch._foreach_lerp_([old for old, _ in pairs], [new for _, new in pairs], 1 - decay)

    def _note(self, loss: Tensor, logs: dict[str, Tensor], prefix: str) -> None:
        """Add to the means of the next log line; nothing here waits for a GPU."""
        finite = torch.isfinite(loss.detach())
        self.bad = torch.where((self.bad < 0) & ~finite, self.step + 1, self.bad)
        for key, value in {"loss": loss, **logs}.items():
            value = torch.as_tensor(value, dtype=torch.float32, device=self.bad.device).detach()
            self.sums[prefix + key] = self.sums.get(prefix + key, 0) + torch.stack([value, torch.ones_like(value)])

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
            prefix = f"{turn}/" if len(self.turns) > 1 else ""
            self.last[f"{prefix}learning_rate"] = self.config.learning_rate_at(self.step - 1, turn)
        self.last |= {"steps_per_second": round(rate, 3), "seconds": round(self.seconds, 3)}
        self.sums = {}
        if log is not None:
            log.write(self.step, self.last)

    def _share_sums(self) -> None:
        """Means over processes too."""
        if self.fabric.world_size > 1 and self.sums:
            table = torch.stack(list(self.sums.values()))
            torch.distributed.all_reduce(table)
            self.sums = dict(zip(self.sums, table / self.fabric.world_size, strict=True))

    def _picture(self, log: TrainingLog, batch: Any) -> None:
        samples = getattr(self.objective, "samples", None)
        if samples is None:
            return
        raw = {key: value.detach().clone() for key, value in self._trained()} if self.average else {}
        self._load_average()
        self.objective.eval()
        with torch.no_grad(), self.fabric.autocast():
            log.picture(self.step, samples(batch))
        self.objective.train()
        with torch.no_grad():
            for key, value in self._trained():
                if raw:
                    value.copy_(raw[key])

    def _save(self) -> None:
        """Write the checkpoint to a temporary name, then rename it: a killed process leaves the previous one."""
        self._share_sums()
        if not self.fabric.is_global_zero:
            return
        temporary = self.path.with_name(self.path.name + ".part")
        content = {
            "objective": self.objective.state_dict(),
            "optimizers": {turn: optimizer.state_dict() for turn, optimizer in self.optimizers.items()},
            "average": self.average,
            "sums": self.sums,
            "step": self.step,
            "seconds": self.seconds,
            "logs": self.last,
            "config": self.config.to_json(),
        }
        try:
            with temporary.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            temporary.unlink(missing_ok=True)
            kept = "the previous checkpoint is intact" if self.path.exists() else "there was no earlier one"
            raise OSError(
                f"could not write {self.path} at step {self.step:,} ({error}); {kept}: make room and run again to go on"
            ) from error

    def _restore(self) -> None:
        try:
            saved = torch.load(self.path, map_location=self.fabric.device, weights_only=True)
            step, config = int(saved["step"]), dict(saved["config"])
        except OSError:
            raise
        except Exception as error:  # torch raises many types for a file that is not its own
            raise BadInput(
                f"{self.path} is not a checkpoint of fit(), or is damaged ({type(error).__name__}); delete it or "
                "choose another folder"
            ) from error
        if differences := self.config.differences(config):
            raise BadInput(
                f"{self.out} holds a run with other settings: {'; '.join(differences)}; repeat those to go on, or "
                "choose another folder"
            )
        if step > self.config.steps:
            raise BadInput(f"{self.out} holds a run of {step:,} steps, asked for {self.config.steps:,}; choose another folder")
        try:
            self.objective.load_state_dict(saved["objective"])
            for turn, optimizer in self.optimizers.items():
                optimizer.load_state_dict(saved["optimizers"][turn])
        except (RuntimeError, KeyError, ValueError) as error:
            raise BadInput(
                f"{self.path} holds another model ({str(error).splitlines()[-1].strip()}); choose another folder"
            ) from error
        self.step, self.seconds, self.last = step, float(saved["seconds"]), dict(saved["logs"])
        self.sums, self.average = dict(saved["sums"]), dict(saved["average"])

    def _trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        members = {id(p) for parameters in self.turns.values() for p in parameters}
        return ((key, value) for key, value in self.objective.named_parameters() if id(value) in members)

    @torch.no_grad()
    def _load_average(self) -> None:
        for key, value in self._trained():
            if key in self.average:
                value.copy_(self.average[key])

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C asks for a stop after this step, the second one stops at once, without saving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def ask(number: int, frame: object) -> None:
            self.stop = True
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _turns(objective: nn.Module) -> dict[str, list[nn.Parameter]]:
    turns = getattr(objective, "turns", None)
    groups: dict[str, Iterable[nn.Parameter]] = turns() if turns is not None else {"model": objective.parameters()}
    result = {turn: [p for p in parameters if p.requires_grad] for turn, parameters in groups.items()}
    if empty := [turn for turn, parameters in result.items() if not parameters]:
        raise BadInput(f"turn {empty[0]!r} has no trainable parameters; is everything frozen?")
    return result


def _only(parameters: list[nn.Parameter], turns: dict[str, list[nn.Parameter]]) -> None:
    """Gradients for these parameters alone: a turn need not pay for the others' or mix them into its own."""
    chosen = {id(p) for p in parameters}
    for group in turns.values():
        for parameter in group:
            parameter.requires_grad_(id(parameter) in chosen)


def _average_gradients(parameters: list[nn.Parameter], world_size: int) -> None:
    """Replace every gradient by its mean over processes, in one transfer."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([cast(Tensor, p.grad).flatten() for p in parameters])
    torch.distributed.all_reduce(flat)
    flat /= world_size
    for parameter, gradient in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        cast(Tensor, parameter.grad).copy_(gradient.view_as(parameter))


def _key(*parts: int) -> int:
    """A seed that differs wherever any part differs."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little") >> 1
