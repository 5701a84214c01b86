"""Frames written to disk and read back."""

from __future__ import annotations

import shutil
import tempfile
from itertools import islice
from pathlib import Path

from worldsim.bench.contest import Entry, Pace, Timer
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.data.windows import Windows

_ENV = "WorldSim/PacManFlag-v0"
_LENGTH, _BATCH = 32, 32
_LOADING_AIM = 3000.0


def recordings(folder: Path, frames: int, threads: int) -> list[Entry]:
    """Recording ``frames`` frames of Pac-Man, compressed by ``threads`` threads."""

    def timer(pace: Pace) -> float:
        out = Path(tempfile.mkdtemp(dir=folder))
        began = pace.clock()
        made = record(_ENV, "random", None, out, frames=frames, workers=threads)
        rate = made.num_frames / (pace.clock() - began)
        shutil.rmtree(out)
        return rate

    return [Entry("record", f"{_ENV}, 84x84x3, {frames:,} frames", "frames/s", timer)]


def loading(folder: Path, frames: int, threads: int) -> list[Entry]:
    """Random windows of a recording: with nothing unpacked yet, and with all of it."""
    recording = record(_ENV, "random", None, folder / "played", frames=frames)
    settings = f"{_BATCH} windows of {_LENGTH} steps, 84x84x3"
    aim = f"aim: {_LOADING_AIM:,.0f}"
    return [
        Entry(
            "load", f"{settings}, cold", "frames/s", lambda pace: _read(_windows(recording, threads), pace), note=aim
        ),
        Entry("load", f"{settings}, warm", "frames/s", _warm(recording, threads), note=aim),
    ]


def _windows(recording: Recording, threads: int) -> Windows:
    return Windows(recording, _LENGTH, _BATCH, workers=threads)


def _read(windows: Windows, pace: Pace) -> float:
    done, now, began = 0, 0.0, pace.clock()
    for batch in windows:
        done += batch.frames.shape[0] * batch.frames.shape[1]
        now = pace.clock() - began
        if now >= pace.seconds:
            break
    return done / now


def _warm(recording: Recording, threads: int) -> Timer:
    windows = _windows(recording, threads)
    for _ in islice(windows, 4 * windows.num_windows // (_BATCH * _LENGTH) + 1):
        pass
    return lambda pace: _read(windows, pace)
