"""Iteration: rounds of recording, training the world, learning in its dream and exploring with what was learned."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from worldsim.agents.agent import Agent, load_agent
from worldsim.agents.cma import complete, train_cma
from worldsim.agents.evaluation import evaluate
from worldsim.agents.hyperparameters import parse
from worldsim.agents.progress import RecordBar
from worldsim.agents.seat import Seat
from worldsim.agents.training import train_agent
from worldsim.checkpoint import World
from worldsim.data.record import record
from worldsim.data.recording import Recording
from worldsim.data.shift import Shift
from worldsim.env_kwargs import parse_kwargs
from worldsim.errors import BadInput, Stopped
from worldsim.rounds import Rounds
from worldsim.training.command import TrainCommand
from worldsim.training.options import trainer_of
from worldsim.whole_file import write_whole

Found = dict[str, Any]
"""What a stage found, for iterate.json."""

_FREE = ("out", "rounds", "threads", "device")  # what may differ when an iteration goes on
_OF_A_STAGE = {
    "record": ("frames", "noise", "shift"),
    "train": ("world", "later"),
    "learn": ("steps", "hyperparameters", "temperature", "horizon"),
}
"""What may differ from round to round; each stage keeps what it was asked for."""
_STRIDE = 1000  # recording seeds of one iteration


class Iteration:
    """One ``worldsim iterate`` in its folder.

    Source: Ha & Schmidhuber 2018, arXiv:1803.10122, section 5. Differs from the paper: curiosity is the spread of the
    world's own draws in the dream, not M's loss on real frames; M predicts the agent's action only where it is asked to
    (vision-memory, ``action_weight``).

    Args:
        asked: what is done, how often.

    Raises:
        BadInput: something cannot work, or the folder holds another iteration; one line says what.
    """

    def __init__(self, asked: Rounds) -> None:
        _check(asked)
        self.asked, self.path = asked, asked.out / "iterate.json"
        self.env_kwargs, self.hyperparameters = parse_kwargs(asked.env_kwargs), parse(asked.hyperparameters)
        self.trainer(1)  # now, so that a misspelt option is said before anything is recorded
        settings = json.loads(json.dumps(asdict(asked), default=str))
        self.asked_of = {stage: {name: settings.pop(name) for name in names} for stage, names in _OF_A_STAGE.items()}
        self.kept = self._read({name: value for name, value in settings.items() if name not in _FREE})

    def run(self) -> Found:
        """Every stage that is missing; returns what is in iterate.json.

        Raises:
            Stopped: Ctrl-C; the same command goes on.
        """
        for number in range(1, self.asked.rounds + 1):
            self._stage(number, "record", partial(self.record, number))
            self._stage(number, "train", partial(self.train, number))
            self._stage(number, "learn", partial(self.learn, number))
            if self.asked.curiosity and number < self.asked.rounds:
                self._stage(number, "explore", partial(self.explore, number))
            self._stage(number, "dream", partial(self.score, number, dream=True))
            self._stage(number, "real", partial(self.score, number, dream=False))
            found = self.kept["rounds"][str(number)]
            frames, real, dream = found["train"]["frames"], cell(found["real"]), cell(found["dream"])
            print(f"round {number}: {frames:,} real frames; {real} in reality, {dream} in the dream", flush=True)
        if "random" not in self.kept:
            with self._stoppable("random play"):
                seat = Seat(self.asked.env, self.env_kwargs)
                self.kept["random"] = self._evaluate("random", seat)
            self._write()
        return self.kept

    @property
    def done(self) -> int:
        """Rounds that are over."""
        return sum("real" in found for found in self.kept["rounds"].values())

    def folder(self, what: str, number: int) -> Path:
        """Where the "world", "agent" or "explorer" of a round lies."""
        return self.asked.out / f"{what}-{number}"

    def record(self, number: int) -> Found:
        """Real play of one round, added to the one recording."""
        asked = self.asked
        policy: list[str] = list(asked.policy)
        if number > 1:
            name = "explorer" if asked.curiosity else "agent"
            shift = f"~{asked.shift:g}" if asked.shift else ""
            policy = [f"agent:{self.folder(name, number - 1)}@{asked.noise:g}{shift}"]
        with RecordBar(f"round {number}: record", None, asked.frames) as bar:
            seed = asked.seed * _STRIDE + number
            recording = record(
                asked.env,
                policy,
                None,
                asked.out / "recording",
                seed,
                frames=asked.frames,
                env_kwargs=self.env_kwargs,
                report=bar.report,
            )
        if asked.shift:
            Shift(recording.action_space, asked.shift)  # refuses what cannot be shifted, before it trains
        mine = [shard for shard in recording.shards if shard.about.seed == seed]
        rewards, episodes = sum(float(shard.rewards.sum()) for shard in mine), sum(map(len, mine))
        return {"frames": recording.num_frames, "episodes": episodes, "return": rewards / max(1, episodes)}

    def trainer(self, number: int) -> TrainCommand:
        """The command that trains a round's world."""
        asked = self.asked
        goes_on = number > 1 and not asked.fresh
        trainer = trainer_of(
            asked.kind,
            asked.out / "recording",
            self.folder("world", number),
            parse(asked.world),
            seed=asked.seed,
            threads=asked.threads,
            device=asked.device,
            start_from=str(self.folder("world", number - 1)) if goes_on else "",
        )
        return trainer.shorter(asked.later) if goes_on else trainer

    def train(self, number: int) -> Found:
        """The world of one round, on all that was recorded so far."""
        world: World = self.trainer(number).once(round=number)
        frames = Recording(self.asked.out / "recording").num_frames
        return {"frames": frames, "updates": world.provenance["steps"], "losses": world.provenance["losses"]}

    def learn(self, number: int) -> Found:
        """The agent of one round, in the dream alone."""
        return self._learn(number, "agent", {})

    def explore(self, number: int) -> Found:
        """The agent that is curious."""
        return self._learn(number, "explorer", {"curiosity": self.asked.curiosity})

    def _learn(self, number: int, name: str, more: Found) -> Found:
        asked, world, out = self.asked, self.folder("world", number), self.folder(name, number)
        horizon = asked.horizon[min(number, len(asked.horizon)) - 1] if asked.horizon else None
        dream = {"temperature": asked.temperature, "horizon": horizon}
        kwargs = {key: value for key, value in dream.items() if value is not None} | more
        agent: Agent
        if asked.algo == "cma":
            agent = train_cma(
                world,
                asked.steps,
                asked.seed,
                out,
                env_kwargs=kwargs,
                hyperparameters=self.hyperparameters,
                threads=asked.threads,
                progress=True,
                start_from=self.folder(name, number - 1) if number > 1 and not asked.fresh else None,
            )
        else:
            agent = train_agent(
                world,
                asked.algo,
                asked.steps,
                asked.seed,
                out,
                env_kwargs=kwargs,
                hyperparameters=self.hyperparameters,
                checkpoint_every=max(1, asked.steps // 10),
                threads=asked.threads,
                device=asked.device,
                progress=True,
            )
        return {"steps": agent.about["steps"]}

    def score(self, number: int, dream: bool) -> Found:
        """A round's agent in its dream or in reality."""
        agent = load_agent(self.folder("agent", number))
        assert agent.seat is not None
        seat = agent.seat if dream else agent.seat.in_reality(self.asked.env, self.env_kwargs)
        return self._evaluate(agent, seat)

    def _evaluate(self, agent: Agent | str, seat: Seat) -> Found:
        score = evaluate(agent, seat, self.asked.episodes, progress=True)
        return score.to_json(episodes=False)

    def _stage(self, number: int, name: str, work: Callable[[], Found]) -> None:
        """Do a stage of a round unless it is done, and keep what it found."""
        found = self.kept["rounds"].setdefault(str(number), {})
        if name in found:
            return
        with self._stoppable(f"round {number}, {name}"):
            began = time.monotonic()
            result = {**work(), "seconds": round(time.monotonic() - began, 1)}
            found[name] = result | ({"asked": self.asked_of[name]} if name in self.asked_of else {})
        self._write()

    @contextmanager
    def _stoppable(self, what: str) -> Iterator[None]:
        """Ctrl-C in a stage is one line that says where."""
        try:
            yield
        except KeyboardInterrupt as stop:
            line = str(stop) if isinstance(stop, Stopped) and str(stop) else "stopped; the same command goes on"
            raise Stopped(f"{what}: {line}") from None

    def _read(self, settings: Found) -> Found:
        """What an earlier call left, if it was asked for the same."""
        if not self.path.exists():
            return {"settings": settings, "rounds": {}}
        try:
            kept = dict(json.loads(self.path.read_text(encoding="utf-8")))
            theirs, _ = kept["settings"], kept["rounds"]
            different = [name for name in settings if theirs.get(name) != settings[name]]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadInput(f"{self.path} is damaged; remove it to score again what the folder holds") from None
        if different:
            name = different[0]
            raise BadInput(
                f"{self.asked.out} holds an iteration with {name} {theirs.get(name)}, not {settings[name]}; repeat "
                "that to go on, or choose another --out"
            )
        return kept

    def _write(self) -> None:
        """Keep what is known, whole under another name first."""
        write_whole(self.path, json.dumps(self.kept, indent=1) + "\n")

    def table(self) -> Table:
        """Round by round, beside random play."""
        n = self.kept["random"]["n"]
        shown = Table(title=f"{self.asked.env}: return, {n:,} episodes each (95 % of the mean)")
        for heading in (
            "round",
            "real frames",
            "world's losses",
            "in the dream",
            "in reality",
            "its recorder's",
        ):
            shown.add_column(heading, justify="left" if heading == "world's losses" else "right")
        shown.add_row("random", "", "", "", cell(self.kept["random"]), "")
        for number, found in self.kept["rounds"].items():
            if "real" in found:
                frames, played = f"{found['train']['frames']:,}", f"{found['record']['return']:.2f}"
                scores = cell(found["dream"]), cell(found["real"])
                shown.add_row(number, frames, losses(found["train"]["losses"]), *scores, played)
        return shown


def cell(score: Found) -> str:
    """``mean (low to high)``."""
    if score["low"] is None:
        return f"{score['mean']:.2f}"
    return f"{score['mean']:.2f} ({score['low']:.2f} to {score['high']:.2f})"


def losses(found: dict[str, float]) -> str:
    """Those that say what they are of."""
    left_out = ("loss", "learning_rate", "grad_norm", "seconds")
    return ", ".join(f"{name} {value:.3g}" for name, value in found.items() if not name.endswith(left_out))


def _check(asked: Rounds) -> None:
    """Refuse what could only fail later."""
    if min(asked.rounds, asked.frames, asked.steps, asked.episodes) < 1:
        raise BadInput(
            f"--rounds, --frames, --steps and --episodes must be at least 1, got {asked.rounds}, {asked.frames}, "
            f"{asked.steps} and {asked.episodes}"
        )
    if not 0 <= asked.shift <= 2:
        raise BadInput(f"--shift is 0 to 2 halves of an action's range, got {asked.shift}")
    if min(asked.horizon, default=1) < 1:
        raise BadInput(f"--horizon must be at least 1, got {' '.join(map(str, asked.horizon))}")
    if asked.temperature is not None and not 0 < asked.temperature < 100:
        raise BadInput(f"--temperature must be above 0 and below 100, got {asked.temperature}; 1 is as learned")
    if not 0 <= asked.noise <= 1 or not 0 < asked.later <= 1 or asked.curiosity < 0:
        raise BadInput(
            f"--noise is 0 to 1, --later above 0 and at most 1, --curiosity at least 0, got {asked.noise}, "
            f"{asked.later} and {asked.curiosity}"
        )
    if asked.curiosity and asked.algo == "cma":
        raise BadInput("--curiosity changes a dream's reward, which cma does not see; use --algo ppo")
    if asked.algo == "cma" and complete(parse(asked.hyperparameters)).tune != "all":
        raise BadInput("tune=outputs needs a controller to begin from, which round 1 has not; leave it out")
    if not 0 <= asked.seed < 2**20:
        raise BadInput(f"--seed is 0 to {2**20 - 1}, got {asked.seed}")
