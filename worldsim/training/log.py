"""TrainingLog: what a training run writes down and shows: jsonl, TensorBoard, pictures, progress."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import imageio.v3 as imageio
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from worldsim.training.event_file import EventFile

_PLAIN_EVERY = 10.0  # seconds between lines where the progress bar cannot be drawn


class TrainingLog:
    """Writes ``out/<name>.jsonl``, ``out/tensorboard/<name>`` and ``out/samples/<name>-<step>.png``; shows progress.

    A run that goes on from step ``done`` first drops what an earlier, killed process logged beyond it.
    """

    def __init__(self, out: Path, name: str, done: int, steps: int) -> None:
        self.out, self.name, self.steps = out, name, steps
        self.path = out / f"{name}.jsonl"
        _truncate(self.path, done)
        self._file = self.path.open("ab", buffering=0)  # nothing is left over for close() to fail on
        self._board = EventFile(out / "tensorboard" / name, after=done or None)
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=steps, completed=done, rate="", loss="")
        self._started, self._first, self._last_plain = time.monotonic(), done, time.monotonic()

    def __enter__(self) -> TrainingLog:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the bar down and close the files."""
        self._bar.stop()
        self._file.close()
        self._board.close()

    def advance(self, step: int) -> None:
        """``step`` updates are done."""
        self._bar.update(self._task, completed=step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One line of the log: the means since the last line."""
        line = (json.dumps({"step": step, **values}) + "\n").encode()
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._board.scalars(step, values)
        loss = "  ".join(f"{key} {value:.4g}" for key, value in values.items() if key.split("/")[-1] == "loss")
        rate = (step - self._first) / max(1e-9, time.monotonic() - self._started)
        self._bar.update(self._task, rate=f"{rate:.1f} steps/s", loss=loss)
        if self._bar.disable and (time.monotonic() - self._last_plain > _PLAIN_EVERY or step == self.steps):
            self._last_plain = time.monotonic()
            left = timedelta(seconds=round((self.steps - step) / max(1e-9, rate)))
            text = f"{self.name}: {step:,} of {self.steps:,} steps, {rate:.1f} steps/s, {left} left, {loss}"
            self._console.print(text, highlight=False, soft_wrap=True)

    def picture(self, step: int, rows: Mapping[str, Tensor]) -> None:
        """One picture: a row of images per entry, each (N, H, W, C) uint8; adds real minus predicted, if absent."""
        arrays = {name: images.detach().cpu().numpy() for name, images in rows.items()}
        real, predicted = arrays.get("real"), arrays.get("predicted")
        if real is not None and predicted is not None and "difference" not in arrays:
            # Grey is no difference, so that the sign can be seen.
            arrays["difference"] = ((real.astype(np.int16) - predicted.astype(np.int16)) // 2 + 128).astype(np.uint8)
        sheet = _sheet(list(arrays.values()))
        folder = self.out / "samples"
        folder.mkdir(exist_ok=True)
        imageio.imwrite(folder / f"{self.name}-{step:08d}.png", sheet)
        self._board.picture(step, "samples", sheet)


def _sheet(rows: list[np.ndarray]) -> np.ndarray:
    """Images (N, H, W, C) side by side, rows below each other; shorter rows end in black; one channel becomes grey."""
    strips = []
    for images in rows:
        images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
        strips.append(np.concatenate(list(images), axis=1))  # (N, H, W, C) -> (H, N * W, C)
    width = max(strip.shape[1] for strip in strips)
    return np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])


def _truncate(path: Path, step: int) -> None:
    """Keep the whole lines up to ``step``: a killed process may have logged beyond its checkpoint, or half a line."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:
            continue
    temporary = path.with_name(path.name + ".part")
    temporary.write_text("".join(kept), encoding="utf-8")
    os.replace(temporary, path)
