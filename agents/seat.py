"""Seat: where an agent sits, a dream or reality, and what it sees there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from worldsim.bundled import bundled
from worldsim.errors import BadInput

if TYPE_CHECKING:
    from worldsim.checkpoint import World

Observation = Literal["own", "pixels", "features"]
NATIVE_ROWS, SINGLE_ROWS = 250, 16
"""Rows by default: where all rows step together, and where single environments are stepped in turn."""
DREAM_HORIZON = 1000
"""Steps after which a dream is truncated if neither the caller nor the world's provenance ("horizon") says more."""


@dataclass(frozen=True)
class Seat:
    """Where an agent sits. `open` gives the vector environment.

    - in a dream: ``env_id`` is None, ``world`` dreams, ``observation`` is features or pixels;
    - in reality with the environment's own observations: no ``world``, ``observation`` is own;
    - in reality, seeing ``world``'s features of it, or the frames (pixels) that ``world`` learned from.
    """

    env_id: str | None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    world: str | None = None  # bundled name or folder
    observation: Observation = "own"

    @property
    def dreamed(self) -> bool:
        """Whether nothing here is real."""
        return self.env_id is None

    def __str__(self) -> str:
        """For tables: the environment, and what is dreamed or seen through what."""
        world = Path(self.world).name if self.world else ""
        if self.dreamed:
            return f"dream of {world}"
        return f"{self.env_id} through {world}" if self.observation == "features" else str(self.env_id)

    @property
    def rows(self) -> int:
        """A good number of rows for playing episodes here."""
        return NATIVE_ROWS if self.env_id is None or _native(self.env_id) else SINGLE_ROWS

    @property
    def shows_images(self) -> bool:
        """Whether its observations are images (a look at one row where only the environment knows)."""
        if self.observation != "own":
            return self.observation == "pixels"
        venv = self.open(1)
        venv.close()
        return is_image(venv.single_observation_space)

    def resolved(self) -> Seat:
        """The same with its world's folder written out, to compare."""
        folder = self.world and Path(self.world)
        return replace(self, world=str(folder.resolve())) if folder and folder.is_dir() else self

    def open(self, num_envs: int, device: str = "cpu") -> VectorEnv:
        """``num_envs`` rows of it, with same-step autoreset; a world computes on ``device``."""
        if self.env_id is not None and self.observation == "own":
            return make_vector(self.env_id, num_envs, **self.env_kwargs)
        assert self.world is not None
        world = open_world(self.world, device)
        if self.env_id is None:
            from worldsim.envs.dream import DreamVectorEnv

            options = {"horizon": world.provenance.get("horizon") or DREAM_HORIZON, "device": device, **self.env_kwargs}
            return _made(
                str(self), lambda: DreamVectorEnv(num_envs, self.world or "", observation=self.observation, **options)
            )
        frames = make_frames(self.env_id, num_envs, world.openings.shard.about.frames_from, **self.env_kwargs)
        if self.observation == "pixels":
            return frames
        from worldsim.envs.through_model import ThroughModel

        return ThroughModel(frames, world, device)

    def look(self, env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
        """A single real environment (drawing "rgb_array") as an agent in this seat sees it."""
        if self.world is None or self.observation == "own":
            return env
        world = open_world(self.world)
        if world.openings.shard.about.frames_from == "render":
            env = gym.wrappers.AddRenderObservation(env)
        if self.observation == "pixels":
            return env
        from worldsim.envs.through_model import ThroughModelEnv

        return ThroughModelEnv(env, world)

    def in_reality(self, env_id: str | None = None, env_kwargs: dict[str, Any] | None = None) -> Seat:
        """The same eyes in the real environment: the one given, else the one that the world was recorded from."""
        if self.env_id is not None:
            known, known_kwargs = self.env_id, self.env_kwargs
        else:
            assert self.world is not None
            about = open_world(self.world).openings.shard.about
            known, known_kwargs = about.env_id, about.env_kwargs
        kept = known_kwargs if env_id in (None, known) else {}
        return replace(self, env_id=env_id or known, env_kwargs={**kept, **(env_kwargs or {})})

    def in_dream(self) -> Seat | None:
        """The same eyes in the dream, or None for an agent that knows no world."""
        return None if self.world is None else self if self.dreamed else Seat(None, {}, self.world, self.observation)


def find_seat(
    inside: str | Path,
    observation: str | None = None,
    through: str | Path | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> Seat:
    """The seat that a user's words mean.

    Args:
        inside: a dream's id, a real environment's id, a bundled world's name or a world folder (then its dream).
        observation: features (the default in a dream or through a world), pixels, or own.
        through: a world: sit in the real environment and see that world's features of it.
        env_kwargs: for the environment; ``temperature``, ``horizon``, ``device`` for a dream.
    """
    name, kwargs = str(inside), dict(env_kwargs or {})
    spec = _spec(name)
    if spec is not None and not _is_dream(spec):
        if through is None and observation not in (None, "own"):
            raise BadInput(f"{observation} in the real {name} need a world: give through (--through WORLD) as well")
        chosen = observation or ("own" if through is None else "features")
        return Seat(name, kwargs, None if through is None else str(through), _observation(chosen))
    if through is not None:
        raise BadInput(f"through is for real environments, {name!r} is a dream; leave it out")
    world = name
    if spec is not None:
        kwargs = {**spec.kwargs, **kwargs}
        if spec.max_episode_steps is not None:
            kwargs.setdefault("horizon", spec.max_episode_steps)
        world = str(kwargs.pop("model", ""))
        if not world:
            raise BadInput(f"{name} needs a world: give the world's name or folder itself instead of {name}")
    observation = observation or str(kwargs.pop("observation", "features"))
    if observation == "own":
        raise BadInput("an agent in a dream sees features or pixels, got observation own")
    open_world(world)  # now, so that a missing or damaged world is said before anything begins
    return Seat(None, kwargs, world, _observation(observation))


def _observation(name: str) -> Observation:
    if name not in ("own", "pixels", "features"):
        raise BadInput(f"expected observation features, pixels or own, got {name!r}")
    return cast(Observation, name)


def open_world(world: str, device: str = "cpu") -> World:
    """A world, loaded once a process."""
    from worldsim.envs.dream import open_world as cached

    return cached(world, device)


def fingerprint(world: str) -> str:
    """The first half of the SHA-256 of a world's weights: whether a world is the one that an agent knows."""
    weights = open_world(world).openings.shard.path.parent / "model.safetensors"
    if not weights.is_file():
        raise BadInput(f"the world {world} was removed: no {weights}")
    return digest(weights.read_bytes())


def digest(content: bytes) -> str:
    """Which world or player it is: the first half of the SHA-256 of its file or parameters."""
    return hashlib.sha256(content).hexdigest()[:32]


def make_vector(env_id: str, num_envs: int, **kwargs: Any) -> VectorEnv:
    """Rows of a registered environment with same-step autoreset: the native vector environment where it resets so.

    The environment's other vector form (next-step autoreset, or other observations) is never taken; then the rows are
    single environments, one after another in this process.
    """
    if _native(env_id):
        return _made(env_id, lambda: gym.make_vec(env_id, num_envs, **kwargs))
    return _made(env_id, lambda: _one_by_one(env_id, num_envs, [], kwargs))


def _native(env_id: str) -> bool:
    """Whether an environment has a vector form of its own that resets in the same step."""
    spec = _spec(env_id)
    if spec is None:
        raise BadInput(f"expected the id of an environment, got the world {env_id!r}")
    entry = spec.vector_entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    return getattr(creator, "metadata", {}).get("autoreset_mode") == AutoresetMode.SAME_STEP


def make_frames(env_id: str, num_envs: int, frames_from: str, **kwargs: Any) -> VectorEnv:
    """Rows that show the frames a recording of this environment holds: its observations, or its rendered pictures."""
    if frames_from == "observation":
        return make_vector(env_id, num_envs, **kwargs)
    wrappers = [gym.wrappers.AddRenderObservation]
    return _made(env_id, lambda: _one_by_one(env_id, num_envs, wrappers, {**kwargs, "render_mode": "rgb_array"}))


def _one_by_one(env_id: str, num_envs: int, wrappers: list[Any], kwargs: dict[str, Any]) -> VectorEnv:
    def make() -> gym.Env[Any, Any]:
        env = gym.make(env_id, disable_env_checker=True, **kwargs)
        for wrapper in wrappers:
            env = wrapper(env)
        return env

    return SyncVectorEnv([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


def _made(name: str, make: Callable[[], VectorEnv]) -> VectorEnv:
    """What ``make`` makes; arguments that the environment does not have are the caller's mistake."""
    try:
        return make()
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise BadInput(f"{name} takes no such argument: {error}") from None


def _spec(name: str) -> EnvSpec | None:
    """The registered environment of this id (``module:id`` imports the module first), or None for a world's name."""
    if name not in gym.registry and (name.startswith("hf:") or Path(name).exists() or name in bundled()):
        return None
    module, _, id = name.rpartition(":")
    try:
        if module:
            import_module(module)
        return gym.spec(id)
    except gym.error.Error as error:
        raise BadInput(f"no environment or world {name!r} ({error}); worldsim list shows what is here") from None
    except ModuleNotFoundError as error:
        raise BadInput(f"no environment or world {name!r} ({error}); install what it needs") from None


def is_image(space: gym.Space[Any]) -> bool:
    """Whether observations of this space are pictures: uint8 up to 255 with three axes."""
    if not isinstance(space, gym.spaces.Box) or space.dtype != "uint8" or len(space.shape) != 3:
        return False
    return bool((space.high == 255).all())


def _is_dream(spec: EnvSpec) -> bool:
    return isinstance(spec.entry_point, str) and spec.entry_point.startswith("worldsim.envs.dream:")
