"""Contest: things measured in turn, so that what else the machine does meets them all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How long, how often and by which clock things are measured."""

    seconds: float
    """Of one entry in one round."""
    rounds: int
    """How often each entry is measured."""
    cpu_time: bool = False
    """Whether seconds of the processor count instead of those on the wall."""

    def clock(self) -> float:
        """Now, in seconds."""
        return time.process_time() if self.cpu_time else time.perf_counter()


Timer = Callable[[Pace], float]
"""Work for about ``pace.seconds`` and return the rate, in units per second."""


@dataclass(frozen=True)
class Entry:
    """One thing to measure."""

    what: str
    settings: str
    unit: str
    timer: Timer | None  # None: it cannot run here
    against: str = ""  # `settings` of the entry of this contest that it is compared with, or its `what`
    aim: float | None = None  # the least ratio that we want
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    what: str
    settings: str
    rate: float | None  # median over the rounds
    unit: str
    against: str = ""
    ratio: float | None = None  # median of the rounds' ratios
    aim: float | None = None
    note: str = ""


def measure(entries: Sequence[Entry], pace: Pace) -> list[Row]:
    """Every entry of one contest once a round, in turn; medians over the rounds."""
    rates: list[list[float]] = [[] for _ in entries]
    for _ in range(pace.rounds):
        for entry, seen in zip(entries, rates, strict=True):
            if entry.timer is not None:
                seen.append(entry.timer(pace))
    return [_row(entry, seen, entries, rates) for entry, seen in zip(entries, rates, strict=True)]


def _row(entry: Entry, seen: list[float], entries: Sequence[Entry], rates: list[list[float]]) -> Row:
    other = next((i for i, e in enumerate(entries) if entry.against in (e.settings, e.what) and e is not entry), None)
    ratio = None
    if entry.against and other is not None and seen and rates[other]:
        ratio = statistics.median(mine / theirs for mine, theirs in zip(seen, rates[other], strict=True))
    rate = statistics.median(seen) if seen else None
    return Row(entry.what, entry.settings, rate, entry.unit, entry.against, ratio, entry.aim, entry.note)


def repeat(act: Callable[[], object], units: int) -> Timer:
    """A timer of a function that does ``units`` of work at each call; the first call of a round does not count."""

    def timer(pace: Pace) -> float:
        act()
        calls, began, now = 0, pace.clock(), 0.0
        while now < pace.seconds:
            act()
            calls, now = calls + 1, pace.clock() - began
        return calls * units / now

    return timer
