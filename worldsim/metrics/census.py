"""Census: what is on screen, step by step, and whether it stays what and where it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from worldsim.envs.pacman.types import Bytes, Ints
from worldsim.metrics import kinds as k
from worldsim.metrics.estimate import Estimate, Tally
from worldsim.metrics.moves import grown, seen, shifted
from worldsim.metrics.own_play import Step

_EDGE = 2  # cells from the border of the view within which a ghost may leave it in one step: he moves, the view moves


class Census:
    """Watches Pac-Man, real or dreamed."""

    def __init__(self, rows: int) -> None:
        self.tally = Tally(rows)

    def see(self, step: Step) -> None:
        assert step.before.kinds is not None
        assert step.after.kinds is not None
        for span, rows in step.ranges():
            self._count(span, rows, step.before.kinds[rows], np.asarray(step.action)[rows], step.after.kinds[rows])

    def _count(self, span: str, rows: Ints, before: Bytes, action: Ints, after: Bytes) -> None:
        ones = np.ones(len(rows))

        def add(name: str, hits: np.ndarray, of: np.ndarray = ones, is_share: bool = True) -> None:
            self.tally.add(f"{name}, {span}", hits, of, rows, is_share)

        for name, mask in (
            ("ghosts", k.ghosts(after)),
            ("food", after == k.FOOD),
            ("pellets", after == k.PELLET),
            ("walls", after == k.WALL),
            ("flags", after == k.FLAG),
        ):
            add(f"{name} on screen", mask, is_share=False)
        middle = after[:, after.shape[1] // 2, after.shape[2] // 2]
        add("player in the middle", np.asarray(middle >= k.PLAYER))
        twice = np.stack([(after == k.GHOST + g).sum((1, 2)) for g in range(4)]).max(0) > 1
        add("frames with a ghost twice", np.asarray(twice))

        moves = seen(before, action, after)
        expected, inside = shifted(before == k.WALL, moves.shift), shifted(np.ones_like(before, bool), moves.shift)
        add("walls kept", (expected == (after == k.WALL)) & inside, inside)
        ghosts = k.ghosts(after)
        for name, mask in (("walls", after == k.WALL), ("food", after == k.FOOD), ("ghosts", ghosts)):
            add(f"{name} in what comes into view", mask & ~inside, ~inside)
        add("ghosts on walls", ghosts & expected & inside, ghosts & inside)
        add("player on walls", moves.blocked & moves.went)
        self._stay(add, before, after, moves.shift)

    def _stay(
        self, add: Callable[[str, np.ndarray, np.ndarray], None], before: Bytes, after: Bytes, shift: Ints
    ) -> None:
        """A ghost still there within a cell; not counted where it may have left the view or be hidden or changed."""
        inner = np.zeros_like(before, bool)
        inner[:, _EDGE:-_EDGE, _EDGE:-_EDGE] = True
        changed = ((after == k.FRIGHTENED) | (after == k.EYES) | (after == k.CAUGHT)).any((1, 2))
        hits, of = np.zeros(len(before)), np.zeros(len(before))
        for g in range(4):
            was = (before == k.GHOST + g) & inner
            reach = grown(shifted(was, shift))
            hidden = ((after >= k.GHOST) & (after < k.GHOST + g) & reach).any((1, 2))  # an earlier one lies on top
            counts = was.any((1, 2)) & ~changed & ~hidden
            of += counts
            hits += counts & ((after == k.GHOST + g) & reach).any((1, 2))
        add("a ghost still there within a cell", hits, of)

    def findings(self) -> dict[str, Estimate]:
        return self.tally.estimates()
