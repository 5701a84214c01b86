"""demo: record, train a moment, learn in a bundled dream, play for real; each stage is kept and never done twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from worldsim import __version__
from worldsim.agents.agent import load_agent
from worldsim.agents.evaluation import evaluate
from worldsim.agents.progress import RecordBar
from worldsim.agents.seat import Seat, fingerprint, open_world
from worldsim.agents.training import train_agent
from worldsim.bundled import bundled
from worldsim.checkpoint import load
from worldsim.data.record import record
from worldsim.dream import Dream
from worldsim.errors import BadInput, Stopped
from worldsim.side_by_side import film
from worldsim.spatial.train import TrainSpatial
from worldsim.whole_file import write_whole

Found = dict[str, Any]
"""What a stage found, for demo.json."""


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    episodes: int  # recorded
    vision_steps: int  # updates of the small world's codebook
    steps: int  # updates of its transition
    agent_steps: int  # imagined steps from which the agent learns
    evaluated: int  # episodes of each agent, in reality and in the dream
    scenes: int  # of the moving picture


class Stage(NamedTuple):
    """One step of the line."""

    name: str  # in demo.json
    product: str  # what it leaves in the folder
    title: str
    work: Callable[[], Found]
    say: Callable[[Found], str]  # one line on what it found


FULL = Scale(300, 200, 300, 250_000, 1000, 4)
QUICK = Scale(24, 8, 8, 4096, 40, 1)


def demo(out: Path, world: str = "pacman-spatial", scale: Scale = FULL, seed: int = 0, threads: int = 2) -> Found:
    """Run every stage that ``out`` does not hold yet; returns what is in its demo.json.

    Raises:
        Stopped: Ctrl-C; the line says what was kept.
        BadInput: no such world, or ``out`` holds another demo.
    """
    if world not in bundled() and not Path(world).is_dir():
        raise BadInput(
            f"no world named {world!r} in this installation (bundled: {', '.join(bundled()) or 'none'}); name the "
            "folder of one, worldsim demo --world FOLDER, or train it: python scripts/pacman_worlds.py --install"
        )
    settings = {"world": world, "weights": fingerprint(world), "seed": seed, **asdict(scale)}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _Demo(out, world, scale, seed, settings, threads).run()
    finally:
        torch.set_num_threads(before)


class _Demo:
    """One demo in one folder."""

    def __init__(self, out: Path, world: str, scale: Scale, seed: int, settings: Found, threads: int) -> None:
        self.out, self.name, self.scale, self.seed, self.threads = out, world, scale, seed, threads
        self.world = open_world(world)
        self.home = Seat(None, {}, world, "features").in_reality()
        self.path = out / "demo.json"
        self.kept = self._read(settings)
        home, dream = self.home.env_id, self.world.name
        self.stages = [
            Stage("record", "recording", f"record {home}", self.record, self.say_record),
            Stage("train", "small/config.json", "train a small world on that, briefly", self.train, self.say_train),
            Stage("learn", "agent/agent.json", f"learn inside the dream of {dream}", self.learn, self.say_learn),
            Stage("evaluate", "demo.json", "play for real, on boards never seen", self.evaluate, self.say_evaluate),
            Stage("picture", "dream.gif", "reality beside the dream", self.picture, self.say_picture),
        ]

    def run(self) -> Found:
        """Every stage in turn, then the table."""
        for number, stage in enumerate(self.stages, 1):
            head = f"[{number}/{len(self.stages)}] {stage.title}"
            found = self.kept["stages"].get(stage.name)
            if found is None or not (self.out / stage.product).exists():
                with self._stoppable(number):
                    print(head, flush=True)
                    began, busy = time.monotonic(), time.process_time()
                    found = stage.work()
                found["seconds"] = round(time.monotonic() - began, 1)
                found["cpu_seconds"] = round(time.process_time() - busy, 1)
                self.kept["stages"][stage.name] = found
                self._write()
            else:
                print(f"{head}: done before", flush=True)
            print(f"      {stage.say(found)} ({found['seconds']:,.0f} s)", flush=True)
        self.show()
        return self.kept

    def record(self) -> Found:
        """Real episodes of random and of sticky play."""
        with RecordBar("record", self.scale.episodes) as bar:
            recording = record(
                str(self.home.env_id),
                ["random", "sticky"],
                self.scale.episodes,
                self.out / "recording",
                self.seed,
                env_kwargs=self.home.env_kwargs,
                report=bar.report,
            )
        found = {"episodes": len(recording), "frames": recording.num_frames, "bytes": recording.num_bytes}
        return found | {"return": float(np.mean([e.rewards.sum() for e in recording.episodes()]))}

    @staticmethod
    def say_record(found: Found) -> str:
        return f"{found['episodes']:,} episodes, {found['frames']:,} frames, {found['bytes'] / 1e6:.1f} MB"

    def train(self) -> Found:
        """A world of the bundled one's design from the recording, loaded again and dreamed in."""
        folder = self.out / "small"
        TrainSpatial(
            self.out / "recording",
            folder,
            vision_steps=self.scale.vision_steps,
            steps=self.scale.steps,
            openings=64,
            seed=self.seed,
            device="cpu",
            threads=self.threads,
        ).train()
        lines = [json.loads(line) for line in (folder / "transition.jsonl").read_text(encoding="utf-8").splitlines()]
        losses = [line["loss"] for line in lines]
        streams, steps = 64, 30
        dream = Dream(load(folder), streams)
        dream.reset(torch.arange(streams), torch.arange(streams) + self.seed)
        generator, began = torch.Generator().manual_seed(self.seed), time.monotonic()
        for _ in range(steps):
            dream.step(torch.randint(0, int(self.world.model.action_space.n), (streams,), generator=generator))
        rate = streams * steps / (time.monotonic() - began)
        return {"updates": self.scale.steps, "losses": losses, "dreamed": streams * steps, "dreamed_per_second": rate}

    def say_train(self, found: Found) -> str:
        enough = self.world.provenance
        return (
            f"loss {found['losses'][0]:.2f} -> {found['losses'][-1]:.2f} in {found['updates']:,} updates; loaded, and "
            f"dreamed {found['dreamed']:,} steps in. Far too short for a game worth playing: {self.world.name} took "
            f"{enough.get('steps', 0):,} updates on {enough.get('frames', 0):,} frames"
        )

    def learn(self) -> Found:
        """PPO that never sees the real game."""
        agent = train_agent(
            self.name,
            "ppo",
            self.scale.agent_steps,
            self.seed,
            self.out / "agent",
            checkpoint_every=25_000,
            device="cpu",
            progress=True,
        )
        return {"steps": agent.about["steps"], "return": agent.about["return"]}

    @staticmethod
    def say_learn(found: Found) -> str:
        last = "" if found["return"] is None else f", return {found['return']:.2f} over its last 100 episodes"
        return f"ppo, {found['steps']:,} imagined steps{last}"

    def evaluate(self) -> Found:
        """The agent and random play, in reality and in the dream, on the same seeds."""
        agent = load_agent(self.out / "agent")
        dream, real = Seat(None, {}, self.name, "features"), Seat(self.home.env_id, self.home.env_kwargs)
        common: dict[str, Any] = {"episodes": self.scale.evaluated, "progress": True}
        found: Found = {}
        for name, who, seats in (("random", "random", (real, dream)), ("agent", agent, (self.home, dream))):
            scores = [evaluate(who, seat, **common).to_json(episodes=False) for seat in seats]
            found[name] = dict(zip(("reality", "dream"), scores, strict=True))
        return found

    @staticmethod
    def say_evaluate(found: Found) -> str:
        agent, random = (found[name]["reality"] for name in ("agent", "random"))
        return f"return {agent['mean']:.2f}, random play {random['mean']:.2f}, {agent['n']:,} episodes each"

    def picture(self) -> Found:
        """The same agent in both, from the same beginnings, on the first boards of the evaluation."""
        agent = load_agent(self.out / "agent")
        path = self.out / "dream.gif"
        scenes = film(path, self.world, agent.model, self.scale.scenes)
        scores = [[take.scores[-1] for take in (scene.reality, scene.dream)] for scene in scenes]
        return {"scores": scores, "bytes": path.stat().st_size}

    def say_picture(self, found: Found) -> str:
        return f"{self.out / 'dream.gif'}, {found['bytes'] / 1e6:.1f} MB"

    def show(self) -> None:
        """The table, what was written and where to go next."""
        found, learned = self.kept["stages"]["evaluate"], self.kept["stages"]["learn"]
        table = Table(
            title=f"{self.home.env_id}: return, {found['random']['reality']['n']:,} episodes each (95 % of the mean)",
            caption="A dream begins some steps into a game, so its score counts fewer steps than reality's.",
        )
        for heading in ("agent", "in reality", "in the dream"):
            table.add_column(heading, justify="left" if heading == "agent" else "right")
        names = {"random": "random play", "agent": f"ppo, {learned['steps']:,} steps, all in the dream"}
        for name, title in names.items():
            cells = [f"{s['mean']:.2f}  ({s['low']:.2f} to {s['high']:.2f})" for s in found[name].values()]
            table.add_row(title, *cells)
        console = Console()
        if not console.is_terminal:
            console.width = 120  # a file or a pipe has no edge to wrap at
        console.print(table)
        stages = self.kept["stages"]
        total, busy = (sum(stage[key] for stage in stages.values()) for key in ("seconds", "cpu_seconds"))
        parts = ", ".join(f"{name} {stage['seconds']:,.0f}" for name, stage in stages.items())
        print(f"{total:,.0f} s, {busy:,.0f} s of them at work, {self.kept['threads']} threads: {parts}")
        print(f"wrote {self.path} and {self.out / 'dream.gif'}")
        zipped = self.out / "agent" / "agent.zip"
        print(f"next: worldsim play {self.name} --agent {zipped}   # watch it dream; Tab: you play")
        print(f"      worldsim train-agent --in {self.name} --steps 750000 --out runs/agent   # a better agent")
        print("      worldsim record YOUR_ENV --episodes 1000 --out recordings/mine   # your own game")

    @contextmanager
    def _stoppable(self, number: int) -> Iterator[None]:
        """Ctrl-C in a stage is one line that says what was kept."""
        try:
            yield
        except KeyboardInterrupt as stop:
            kept = f"the {number - 1} stages before are kept in {self.out}, the same command goes on from there"
            line = str(stop) if isinstance(stop, Stopped) and str(stop) else f"stopped; {kept}"
            raise Stopped(f"stage {number} of {len(self.stages)}: {line}") from None

    def _read(self, settings: Found) -> Found:
        """What an earlier call left, if it was asked for the same."""
        fresh = {"settings": settings, "worldsim": __version__, "threads": self.threads, "stages": {}}
        if not self.path.exists():
            return fresh
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            different = [name for name in settings if kept["settings"].get(name) != settings[name]]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadInput(f"{self.path} is damaged; remove {self.out} or choose another --out") from None
        if different:
            name = different[0]
            raise BadInput(
                f"{self.out} holds a demo with {name} {kept['settings'].get(name)}, not {settings[name]}; "
                "choose another --out or remove it"
            )
        return dict(kept)

    def _write(self) -> None:
        """Keep what is known, whole under another name first."""
        write_whole(self.path, json.dumps(self.kept, indent=2) + "\n")
