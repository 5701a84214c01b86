"""Agent: a trained model and its history in a folder, so that it can be seated again, in its dream or in reality.

The folder holds ``agent.zip`` (Stable-Baselines3's format, or that of a `LinearController`) and ``agent.json``.
Stable-Baselines3's files contain pickles: open only those that you trust.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldsim.agents.seat import Seat, fingerprint
from worldsim.bundled import bundled, bundled_folder
from worldsim.errors import BadInput

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

FORMAT = 1
LINEAR = ("cma", "linear")
"""What ``algo`` of agent.json says of a `LinearController`: evolved, or an actor that was taken over (`actor_of`)."""


@dataclass
class Agent:
    """A trained agent and where it learned."""

    model: BaseAlgorithm | Any  # a model of Stable-Baselines3, or a LinearController
    algo: str
    seat: Seat | None  # None: it learned in an environment that only its trainer knows
    name: str
    about: dict[str, Any] = field(default_factory=dict)  # steps, seed, hyperparameters, versions, ...
    file: Path | None = None  # the zip it was loaded from

    def save(self, folder: Path) -> Path:
        """Write agent.zip and agent.json, each whole under another name first."""
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, folder / "agent.zip")
        seat = None if self.seat is None else asdict(self.seat)
        if seat is not None and seat["world"] is not None:
            seat["world_fingerprint"] = fingerprint(seat["world"])
            seat["world"] = _portable(seat["world"], folder)
        text = json.dumps({"format": FORMAT, "algo": self.algo, "seat": seat, **self.about}, indent=2, default=str)
        (folder / "agent.json.tmp").write_text(text + "\n", encoding="utf-8")
        (folder / "agent.json.tmp").replace(folder / "agent.json")
        return folder


def save_model(model: BaseAlgorithm | Any, path: Path) -> None:
    """Write a model's zip whole under another name, then rename it: a killed process leaves the old one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:  # an open file, because SB3 would add a suffix to a path
        model.save(file)
    temporary.replace(path)


def load_agent(path: str | Path, device: str = "cpu") -> Agent:
    """An agent's folder, a world that has an agent beside its weights, or a bare zip of Stable-Baselines3.

    Raises:
        BadInput: nothing there, or something in it is missing, damaged or not an agent; one line says what.
    """
    folder = agent_folder(path)
    zipped = folder if folder.is_file() else folder / "agent.zip"
    about: dict[str, Any] = {}
    if folder.is_dir():
        about = read_about(folder)
    seat = _seat(about.pop("seat", None), folder)
    model, algo = load_model(zipped, about.pop("algo", None), device)
    in_world = (folder.parent / "config.json").is_file()
    name = folder.resolve().parent.name if in_world else folder.resolve().name
    return Agent(model, algo, seat, name, about, zipped)


def read_about(folder: Path) -> dict[str, Any]:
    """An agent folder's agent.json, checked."""
    path = folder / "agent.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        fits = about["format"] == FORMAT and isinstance(about["algo"], str)
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{path} is damaged ({error!r}); train the agent again or copy its folder again") from None
    if not fits:
        raise BadInput(f"{path} has format {about['format']}, this worldsim reads {FORMAT}; train the agent again")
    return dict(about)


def load_model(path: Path, algo: str | None = None, device: str = "cpu", **kwargs: Any) -> tuple[Any, str]:
    """The model in a zip of Stable-Baselines3 and its algorithm, which the file itself tells if nobody does."""
    from worldsim.data.sb3_policy import load_sb3

    if algo in LINEAR:
        from worldsim.agents.linear import LinearController

        return LinearController.load(path), algo
    if not path.is_file():
        raise BadInput(f"expected an agent at {path}, found no such file; train one with: worldsim train-agent")
    try:
        if algo is None:
            model: BaseAlgorithm = load_sb3(path)
            return model, type(model).__name__.lower()
        return algorithm(algo).load(path, device=device, **kwargs), algo
    except (zipfile.BadZipFile, AssertionError, EOFError, KeyError, RuntimeError, AttributeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        line = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInput(f"{path} is damaged or no agent of Stable-Baselines3 ({line}); train it again") from None


def algorithm(name: str) -> type[BaseAlgorithm]:
    """The class of an algorithm, of stable_baselines3 or, where that is installed, sb3_contrib.

    Raises:
        BadInput: there is none of that name; lists those that there are.
    """
    found = algorithms()
    if name.lower() not in found:
        raise BadInput(f"no algorithm {name!r}; there are {', '.join(sorted(found))} (sb3-contrib brings more)")
    return found[name.lower()]


def algorithms() -> dict[str, type[BaseAlgorithm]]:
    """Every algorithm that is installed, by lower-case name."""
    from stable_baselines3.common.base_class import BaseAlgorithm

    found: dict[str, type[BaseAlgorithm]] = {}
    for module in ("sb3_contrib", "stable_baselines3"):
        with contextlib.suppress(ModuleNotFoundError):
            library = import_module(module)
            for name in library.__all__:
                value = getattr(library, name)
                if isinstance(value, type) and issubclass(value, BaseAlgorithm):
                    found[name.lower()] = value
    return found


def place_of(path: str | Path) -> Path:
    """A path, or where the bundled world of that name lies if nothing is there."""
    named = str(path) in bundled() and not Path(path).exists()
    return bundled_folder(str(path)) if named else Path(path)


def agent_folder(path: str | Path) -> Path:
    """Where an agent lies: its folder, or a bare zip; ``path`` may be a bundled name or a world that has an agent."""
    place = place_of(path)
    if not place.exists() and (zipped := place.with_name(place.name + ".zip")).is_file():
        place = zipped
    if not place.exists():
        raise BadInput(f"no agent at {path}; train one with: worldsim train-agent --in WORLD --out {path}")
    if place.name == "agent.zip" and (place.parent / "agent.json").is_file():
        return place.parent
    if place.is_file() or (place / "agent.json").is_file():
        return place
    if (place / "agent" / "agent.json").is_file():
        return place / "agent"
    raise BadInput(f"{path} holds no agent.json; train an agent with: worldsim train-agent --in WORLD --out {path}")


def _portable(world: str, folder: Path) -> str:
    """How agent.json names a world: relative if the agent lies in the world's folder, else where it is now."""
    place = Path(world)
    if not place.is_dir():
        return world
    if place.resolve() in folder.resolve().parents:
        return str(Path(*[".."] * (len(folder.resolve().relative_to(place.resolve()).parts))))
    return str(place.resolve())


def _seat(seat: dict[str, Any] | None, folder: Path) -> Seat | None:
    """The seat in agent.json; its world must be the very one that the agent knows."""
    if seat is None:
        return None
    seat = dict(seat)
    known = seat.pop("world_fingerprint", None)
    if seat["world"] is not None:
        if seat["world"].startswith(".."):
            seat["world"] = str((folder / seat["world"]).resolve())
        if fingerprint(seat["world"]) != known:
            raise BadInput(
                f"the world at {seat['world']} is not the one that the agent in {folder} knows (its weights changed); "
                "train the agent again"
            )
    try:
        return Seat(**seat)
    except TypeError as error:
        raise BadInput(f"{folder / 'agent.json'} is damaged ({error}); copy the folder again") from None
