"""Which contests there are, in which order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import worldsim
from worldsim.bench import dreams, gamegans, games, learning, recordings, worlds
from worldsim.bench.contest import Pace, Row, measure
from worldsim.bench.rival import Rival
from worldsim.checkpoint import World
from worldsim.errors import BadInput
from worldsim.gamegan.presets import PRESETS

Part = Literal["games", "recording", "loading", "dreams", "rival", "training", "gamegan"]
PARTS: tuple[Part, ...] = ("games", "recording", "loading", "dreams", "rival", "training", "gamegan")


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    parts: tuple[Part, ...]
    threads: int
    pace: Pace
    streams: tuple[int, ...]
    """B of the dreams."""
    envs: int
    frames: int
    """Recorded."""
    batches: learning.Batches
    compiled: bool
    rival_python: str | None
    worlds: tuple[str, ...]
    """Names or folders, beside the untrained ones."""
    presets: tuple[str, ...]
    """Of GameGAN."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        if unknown := set(self.parts) - set(PARTS):
            raise BadInput(f"--only takes {', '.join(PARTS)}; got {sorted(unknown)[0]!r}")
        if strange := set(self.presets) - set(PRESETS):
            raise BadInput(f"--presets takes {', '.join(PRESETS)}; got {sorted(strange)[0]!r}")
        smallest = min(self.threads, self.pace.rounds, self.envs, self.frames, *self.streams)
        if smallest < 1 or self.pace.seconds <= 0:
            raise BadInput("threads, seconds, rounds and all sizes must be above 0")

    def run(self, tell: Callable[[str], None]) -> Iterator[tuple[Part, list[Row]]]:
        """Measure; ``tell`` hears what is next."""
        with tempfile.TemporaryDirectory(prefix="worldsim-bench-") as name:
            for part in self.parts:
                tell(part)
                contests: Callable[[Path], Iterator[list[Row]]] = getattr(self, f"_{part}")
                for rows in contests(Path(name)):
                    yield part, rows

    def _games(self, folder: Path) -> Iterator[list[Row]]:
        yield measure(games.games(self.envs, self.threads), self.pace)
        yield measure(games.single_games(), self.pace)

    def _recording(self, folder: Path) -> Iterator[list[Row]]:
        yield measure(recordings.recordings(folder, self.frames, self.threads), self.pace)

    def _loading(self, folder: Path) -> Iterator[list[Row]]:
        yield measure(recordings.loading(folder, self.frames, self.threads), self.pace)

    def _dreams(self, folder: Path) -> Iterator[list[Row]]:
        for world in [*map(worldsim.load, self.worlds), *self._untrained(folder)]:
            for rows in self.streams:
                yield measure(dreams.steps(world, rows, self.compiled), self.pace)
                yield measure(dreams.pictures(world, rows), self.pace)

    def _rival(self, folder: Path) -> Iterator[list[Row]]:
        bare, full = worlds.car_world(folder, False), worlds.car_world(folder, True)
        rival = Rival(self.rival_python, self.threads)
        try:
            for rows, aim in ((1, 1.5), (1024, 2.0)):
                if rows <= max(self.streams):
                    entries = dreams.steps(bare, rows, self.compiled, rival, aim)
                    entries += dreams.steps(full, rows, self.compiled, rival, aim)[1:]
                    yield measure(entries, self.pace)
            yield measure(dreams.pictures(bare, min(64, max(self.streams)), rival, 8.0), self.pace)
        finally:
            rival.close()

    def _training(self, folder: Path) -> Iterator[list[Row]]:
        for contest in learning.contests(*self._untrained(folder), self.batches):
            yield measure(contest, self.pace)

    def _gamegan(self, folder: Path) -> Iterator[list[Row]]:
        for preset in self.presets:
            world = worlds.gamegan_world(folder, preset)
            yield measure(gamegans.contest(preset, world, 1, self.streams), self.pace)

    def _untrained(self, folder: Path) -> tuple[World, World]:
        return worlds.car_world(folder, True), worlds.spatial_world(folder)
