"""Own play: one policy plays real or dreamed games for many steps, and everything that counts something watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from worldsim.metrics.estimate import Estimate
from worldsim.metrics.games import Played
from worldsim.metrics.look import Eyes, Look
from worldsim.metrics.reality import Wanderer

RANGES = ((1, 15), (16, 50), (51, 200))
"""Of steps since a row was last shown a real frame."""


class Step(NamedTuple):
    """One transition of B rows."""

    before: Look
    action: NDArray[Any]  # (B, ...)
    after: Look
    age: NDArray[np.int64]  # (B,) the first is 1; rows below 1 do not count

    def ranges(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """The rows in each range of steps."""
        for low, high in RANGES:
            rows = np.flatnonzero((self.age >= low) & (self.age <= high))
            if len(rows):
                yield f"steps {low}-{high}", rows


class Watcher(Protocol):
    """Something that counts."""

    def see(self, step: Step) -> None:
        """One transition."""

    def findings(self) -> dict[str, Estimate]:
        """What was counted, by name."""


def own_play(
    games: Played,
    eyes: Eyes,
    space: Space[Any],
    steps: int,
    seed: int,
    watchers: Sequence[Watcher],
    tell: Callable[[int], None],
) -> None:
    """Let the fixed policy play and the watchers see every transition; ``tell`` hears how many rows took a step."""
    rows = len(games.frames)
    wander, before = Wanderer(space, rows, seed), eyes.look(games.frames)
    for _ in range(steps):
        action = wander.act().copy()
        turn = games.step(action)
        after = eyes.look(turn.frames)
        for watcher in watchers:
            watcher.see(Step(before, action, after, turn.age))
        over = np.flatnonzero(turn.ended)
        before = after.put(over, eyes.look(games.frames[over])) if len(over) else after
        tell(rows)
