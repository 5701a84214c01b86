"""EventFile: a TensorBoard log written in the calling thread, so that a full disk is an error of the caller's."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar


class EventFile:
    """One ``events.out.tfevents`` file in ``folder``; ``after`` hides what earlier files say beyond that step.

    Unlike `torch.utils.tensorboard.SummaryWriter` it has no queue and no thread, and writes every event at once.
    """

    def __init__(self, folder: Path, after: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        if after is not None:
            self._write(Event(wall_time=time.time(), step=after + 1, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Points of curves."""
        for key, value in values.items():
            self._summary(step, scalar(key, value))

    def picture(self, step: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3) uint8."""
        self._summary(step, image(name, pixels, dataformats="HWC"))

    def close(self) -> None:
        """No more."""
        self._file.close()

    def _summary(self, step: int, summary: Summary) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
