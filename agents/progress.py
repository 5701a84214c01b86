"""Bar: how far a job is, at what rate, and how long it will take; on stderr, plain where there is no terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_EVERY = 10.0
"""Seconds between lines where a bar cannot be drawn."""


class Bar:
    """Counts up to ``total``.

    Args:
        what: the job, in a few words.
        total: how much there is to do.
        unit: of what, in the plural.
        done: where an earlier run stopped.
        shown: False shows nothing.
    """

    def __init__(self, what: str, total: int, unit: str, done: int = 0, shown: bool = True) -> None:
        self.what, self.total, self.unit, self.shown = what, total, unit, shown
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not (shown and self._console.is_terminal),
        )
        self._task = self._bar.add_task(what, total=total, completed=done, rate="", note="")
        self._first, self._done, self._note = done, done, ""
        self._started = self._plain = time.monotonic()

    def __enter__(self) -> Bar:
        """Show it."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take it down."""
        self._bar.stop()

    def note(self, text: str) -> None:
        """What to show beside the numbers from now on."""
        self._note = text

    def advance(self, count: int) -> None:
        """``count`` more are done."""
        self._done += count
        now = time.monotonic()
        rate = (self._done - self._first) / max(1e-9, now - self._started)
        self._bar.update(self._task, completed=self._done, rate=f"{rate:,.0f} {self.unit}/s", note=self._note)
        if self.shown and self._bar.disable and now - self._plain > PLAIN_EVERY:
            self._plain = now
            line = f"{self.what}: {self._done:,} of {self.total:,} {self.unit}"
            if rate > 0:
                left = time.strftime("%H:%M:%S", time.gmtime(max(0, self.total - self._done) / rate))
                line += f", {rate:,.0f}/s, {left} left" if rate >= 1 else f", {60 * rate:.1f} a minute, {left} left"
            line += f"  {self._note}".rstrip()
            self._console.print(line, highlight=False, soft_wrap=True)


class RecordBar:
    """A `Bar` that is told what `worldsim.data.record.record` reports; shown from the first report on.

    Args:
        what: the job, in a few words.
        episodes: how many there shall be; None counts frames.
        frames: how many there shall be, without ``episodes``.
    """

    def __init__(self, what: str, episodes: int | None, frames: int | None = None) -> None:
        self.what, self.made, self._episodes, self._frames = what, 0, episodes, frames
        self._bar: Bar | None = None
        self._done, self._began = 0, time.monotonic()

    def report(self, episodes: int, frames: int, made: int) -> None:
        """So many are there, ``made`` frames of them new."""
        done = frames if self._episodes is None else episodes
        if self._bar is None:  # what was there before does not count for the rate
            total, unit = (self._frames or 0, "frames") if self._episodes is None else (self._episodes, "episodes")
            self._bar, self._done = Bar(self.what, total, unit, done).__enter__(), done
        if self._episodes is not None:
            self._bar.note(f"{made / max(1e-9, time.monotonic() - self._began):,.0f} frames/s")
        self._bar.advance(done - self._done)
        self._done, self.made = done, made

    def __enter__(self) -> RecordBar:
        """Nothing to show yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take it down."""
        if self._bar is not None:
            self._bar.__exit__(kind, error, at)
