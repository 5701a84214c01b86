"""Suite: which parts there are, what each is measured on, and one table of all that was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldsim.agents.progress import Bar
from worldsim.checkpoint import World
from worldsim.envs.pacman.game import Game
from worldsim.errors import BadInput
from worldsim.metrics import latent
from worldsim.metrics.calibration import Calibration
from worldsim.metrics.census import Census
from worldsim.metrics.copying import copying
from worldsim.metrics.distance import Gallery, compare
from worldsim.metrics.episodes import Episodes, play_episodes
from worldsim.metrics.estimate import Estimate
from worldsim.metrics.games import DreamedGames, Played, RealGames
from worldsim.metrics.home import LENGTHS, go_and_return, two_frames
from worldsim.metrics.inverse import InverseModel, train_inverse
from worldsim.metrics.look import Eyes, SmallPictures
from worldsim.metrics.obedience import Obedience, counterfactual, real_counterfactual
from worldsim.metrics.open_loop import HORIZONS, OpenLoop
from worldsim.metrics.own_play import Watcher, own_play
from worldsim.metrics.reader import Reader, played_codes, reading_errors, train_reader
from worldsim.metrics.reality import SEED_STRIDE, SEEDS, Reality, game_of
from worldsim.metrics.starts import Starts, first_starts

Part = Literal["open-loop", "latent", "obedience", "census", "home", "distance", "calibration"]
PARTS: tuple[Part, ...] = ("open-loop", "latent", "obedience", "census", "home", "distance", "calibration")
NEED_TRUTH: tuple[Part, ...] = ("census", "home")
"""Parts that need the game's exposed truth; the others leave out what they would read from pictures."""
UNREAD: tuple[Part, ...] = ("latent", "calibration")
"""Parts for which no picture is read."""
REAL, AGAIN, CHANCE = "real", "real, other seeds", "real, other chance"
OTHER = 35
"""Added to the seed for the other real games; some libraries take no seeds from 2 ** 32 on."""
_CHUNK = 128  # rows whose frames are held in memory at once
_SAMPLE = 4096  # features of a gallery, about


@dataclass(frozen=True)
class Found:
    """One number."""

    part: str
    measure: str
    source: str  # REAL, AGAIN, CHANCE, the baseline's or a world's name
    estimate: Estimate


@dataclass(frozen=True)
class Suite:
    """What is measured, and how much of it."""

    worlds: tuple[World, ...]
    reality: Reality
    parts: tuple[str, ...] = PARTS
    rows: int = 256
    steps: int = 200
    """Of own play."""
    horizon: int = 60
    """Of open loop; of calibration half of it."""
    seed: int = 0
    temperature: float = 1.0
    device: str = "cpu"
    drift: int = 100
    """Farthest imagined step of the latents."""
    pictures: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    """Filled by the part "latent", by world: reality, reconstruction and dream, see `worldsim.metrics.latent.strip`."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        if unknown := sorted(set(self.parts) - set(PARTS)):
            raise BadInput(f"--parts takes {', '.join(PARTS)}; got {unknown[0]!r}")
        if self.rows < 20 or min(self.steps, self.horizon, self.drift) < 1 or not 0 <= self.seed < OTHER:
            raise BadInput(
                f"rows must be at least 20, steps, horizon and drift at least 1 and seed 0 to {OTHER - 1}, "
                f"got {self.rows}, {self.steps}, {self.horizon}, {self.drift} and {self.seed}"
            )
        names = [world.name for world in self.worlds]
        if len(set(names)) < len(names):
            raise BadInput(f"worlds in one table need different names, got {', '.join(names)}; rename a folder")

    @property
    def exposed(self) -> Game | None:
        """The game, if its truth is there to be read."""
        venv = self.reality.open(1)
        venv.close()
        return game_of(venv)

    def run(self, progress: bool = False) -> Iterator[Found]:
        """Measure part after part; yields each number as soon as it is known."""
        game = self.exposed
        with Bar("reading and inverse models", 2, "models", shown=progress) as bar:
            read = game is not None and bool(set(self.parts) - set(UNREAD))
            eyes: Eyes = train_reader(game.skin, game.view) if read and game is not None else SmallPictures()
            bar.advance(1)
            own = [part for part in ("obedience", "census", "distance") if part in self.parts]
            inverse = train_inverse(self.reality, eyes) if own else None
            bar.advance(1)
        if isinstance(eyes, Reader) and game is not None:
            codes = played_codes(200, 10, game.view, self._first)
            for spoilt in (False, True):
                for name, estimate in reading_errors(eyes, codes, game.skin, spoilt).items():
                    yield Found("reader", name, REAL, estimate)
        skin = None if game is None else game.skin
        if "open-loop" in self.parts:
            yield from self._open_loop(eyes, game is not None, progress)
        if "latent" in self.parts:
            yield from self._latent(progress)
        if inverse is not None:
            yield from self._own_play(eyes, inverse, skin, progress)
        if "home" in self.parts and skin is not None:
            yield from self._home(eyes, skin, progress)
        if "calibration" in self.parts:
            yield from self._calibration(game is not None, progress)

    @property
    def _first(self) -> int:
        return SEEDS + self.seed * SEED_STRIDE

    @property
    def _dreamers(self) -> tuple[World, ...]:
        """The baseline and the worlds."""
        return (copying(self.worlds[0]), *self.worlds)

    def _chunks(
        self, horizon: int, careful: bool, progress: bool, what: str, sources: int
    ) -> Iterator[tuple[Episodes, Bar]]:
        """Episodes, a part of the rows at a time."""
        with Bar(what, self.rows * sources, "episodes", shown=progress) as bar:
            for begin in range(0, self.rows, _CHUNK):
                count = min(_CHUNK, self.rows - begin)
                yield play_episodes(self.reality, count, horizon, self._first + begin, careful), bar

    def _open_loop(self, eyes: Eyes, exposed: bool, progress: bool) -> Iterator[Found]:
        horizons = [h for h in HORIZONS if h <= self.horizon]
        worlds = {world.name: (world, OpenLoop(self.rows, horizons)) for world in self._dreamers}
        again = OpenLoop(self.rows, horizons)
        for episodes, bar in self._chunks(max(horizons), True, progress, "open loop", len(worlds) + exposed):
            if exposed:
                again.replay(self.reality, episodes, eyes)
                bar.advance(len(episodes))
            for world, loop in worlds.values():
                loop.dream(world, episodes, eyes if exposed else None, self.seed, self.temperature, self.device)
                bar.advance(len(episodes))
        if exposed:
            yield from _found("open-loop", CHANCE, again.findings())
        for name, (_, loop) in worlds.items():
            yield from _found("open-loop", name, loop.findings())

    def _latent(self, progress: bool) -> Iterator[Found]:
        horizons = [h for h in latent.HORIZONS if h <= self.drift] or [self.drift]
        worlds = [(world, latent.Latent(self.rows, horizons)) for world in self.worlds]
        for episodes, bar in self._chunks(max(horizons), True, progress, "latents", len(worlds)):
            for world, measured in worlds:
                measured.dream(world, episodes, self.seed, self.temperature, self.device)
                bar.advance(len(episodes))
        for world, measured in worlds:
            if measured.picture is not None:
                self.pictures[world.name] = measured.picture
            yield from _found("latent", world.name, measured.findings())

    def _own_play(self, eyes: Eyes, inverse: InverseModel, skin: str | None, progress: bool) -> Iterator[Found]:
        """Census, obedience and distance watch the same play."""
        every = max(1, self.rows * self.steps // _SAMPLE)
        first: Gallery | None = None
        for games in self._games():
            watchers: dict[str, Watcher] = {}
            if "obedience" in self.parts and (skin is not None or inverse.actions):
                watchers["obedience"] = Obedience(self.rows, inverse)
            if "census" in self.parts and skin is not None:
                watchers["census"] = Census(self.rows)
            gallery = Gallery(self.rows, inverse, every)
            if "distance" in self.parts:
                watchers["distance"] = gallery
            with Bar(f"own play: {games.name}", self.rows * self.steps, "steps", shown=progress) as bar:
                space = self.worlds[0].model.action_space
                own_play(games, eyes, space, self.steps, self.seed, list(watchers.values()), bar.advance)
            for part, watcher in watchers.items():
                yield from _found(part, games.name, watcher.findings())
            if first is None:
                first = gallery
            elif "distance" in self.parts:
                yield from _found("distance", games.name, compare(first, gallery))
        if "obedience" in self.parts and skin is not None:
            starts = first_starts(self.reality, self.rows, self.seed)
            yield from _found("obedience", REAL, real_counterfactual(self.reality, starts, eyes, self.seed))
            for world in self._dreamers:
                found = counterfactual(world, self.reality, starts, eyes, self.seed, self.device)
                yield from _found("obedience", world.name, found)

    def _games(self) -> Iterator[Played]:
        yield RealGames(self.reality, self.rows, self.seed, REAL)
        yield RealGames(self.reality, self.rows, self.seed + OTHER, AGAIN)
        for world in self._dreamers:
            yield DreamedGames(world, self.reality, self.rows, self.seed, self.temperature, self.device)

    def _home(self, eyes: Eyes, skin: str, progress: bool) -> Iterator[Found]:
        starts = first_starts(self.reality, self.rows, self.seed)
        lengths = [length for length in LENGTHS if 2 * length <= self.steps]
        total = self.rows * 2 * sum(lengths) * (len(self._dreamers) + 1)
        with Bar("come back home", total, "steps", shown=progress) as bar:
            for length in lengths:
                for games in self._at(starts):
                    yield from _found("home", games.name, go_and_return(games, eyes, skin, length, self.seed))
                    bar.advance(self.rows * 2 * length)
        yield from _found("home", REAL, {"walls of two random frames of one episode": self._reference(skin)})

    def _at(self, starts: Starts) -> Iterator[Played]:
        assert starts.truth is not None
        real = RealGames(self.reality, len(starts), self.seed, REAL)
        real.begin_at(starts.truth)
        yield real
        for world in self._dreamers:
            state = starts.followed(world.model, self.device)
            yield DreamedGames(world, self.reality, len(starts), self.seed, self.temperature, self.device, state)

    def _reference(self, skin: str) -> Estimate:
        """Two frames of one episode, drawn from those it has."""
        episodes = play_episodes(self.reality, min(_CHUNK, self.rows), 24, self._first, True)
        rng, rows = np.random.default_rng(self.seed), np.arange(len(episodes))
        one, other = (rng.random((2, len(rows))) * episodes.alive.sum(0)).astype(int)
        return two_frames(episodes.frames[one, rows], episodes.frames[other, rows], skin)

    def _calibration(self, exposed: bool, progress: bool) -> Iterator[Found]:
        worlds = {world.name: (world, Calibration(self.rows)) for world in self._dreamers}
        happened, again = Calibration(self.rows), Calibration(self.rows)
        for episodes, bar in self._chunks(
            max(2, self.horizon // 2), False, progress, "calibration", len(worlds) + exposed
        ):
            happened.happened(episodes)
            if exposed:
                again.replay(self.reality, episodes)
                bar.advance(len(episodes))
            for world, calibration in worlds.values():
                calibration.dream(world, episodes, self.seed, self.temperature, self.device)
                bar.advance(len(episodes))
        yield from _found("calibration", REAL, happened.findings())
        if exposed:
            yield from _found("calibration", CHANCE, again.findings())
        for name, (_, calibration) in worlds.items():
            yield from _found("calibration", name, calibration.findings())


def _found(part: str, source: str, estimates: dict[str, Estimate]) -> Iterator[Found]:
    for measure, estimate in estimates.items():
        yield Found(part, measure, source, estimate)
