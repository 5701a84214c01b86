"""Journal: what training an agent writes down (jsonl, TensorBoard) and shows, and when it saves itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter
from torch.utils.tensorboard import SummaryWriter

from worldsim.agents.progress import Bar

RETURN = "rollout/ep_rew_mean"
"""Stable-Baselines3's name for the mean return of the last hundred episodes."""


class Journal(KVWriter):
    """Writes ``out/train.jsonl`` and ``out/tensorboard``; drops what a killed run logged beyond step ``done``."""

    def __init__(self, out: Path, done: int, bar: Bar) -> None:
        path = out / "train.jsonl"
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                kept += [line + "\n"] if json.loads(line)["step"] <= done else []
            except ValueError:
                continue  # half a line
        path.write_text("".join(kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=done + 1 if done else None)
        self._bar = bar
        self.last_return: float | None = None

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """One line of the log, of whatever is a number."""
        numbers = {
            name: float(value) for name, value in key_values.items() if isinstance(value, int | float | np.number)
        }
        self._file.write(json.dumps({"step": step, **{k: v for k, v in numbers.items() if np.isfinite(v)}}) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            self._board.add_scalar(name, value, step)
        if RETURN in numbers:
            self.last_return = numbers[RETURN]
            self._bar.note(f"return {self.last_return:.2f}")

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._board.close()

    def __enter__(self) -> Journal:
        """Nothing to do."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the files."""
        self.close()


class Watch(BaseCallback):
    """Moves the bar and calls ``save`` every so many steps."""

    def __init__(self, bar: Bar, save: Callable[[], object], every: int, done: int) -> None:
        super().__init__()
        self._bar, self._save, self._every = bar, save, every
        self._shown = self._saved = done

    def _on_step(self) -> bool:
        self._bar.advance(self.num_timesteps - self._shown)
        self._shown = self.num_timesteps
        return True

    def _on_rollout_start(self) -> None:
        # Between an update and the next rollout the model is whole.
        if self.num_timesteps - self._saved >= self._every:
            self._saved = self.num_timesteps
            self._save()
