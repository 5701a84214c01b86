"""trainer_of: the training command of a kind of world from its options by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from worldsim.errors import BadInput
from worldsim.training.command import TrainCommand

TRAINERS = {
    "spatial": "worldsim.spatial.train:TrainSpatial",
    "vision-memory": "worldsim.vision_memory.train:TrainVisionMemory",
    "gamegan": "worldsim.gamegan.train:TrainGameGAN",
}
"""Every kind that ``worldsim train`` trains."""


def trainer_of(kind: str, recording: Path, out: Path, options: Mapping[str, Any], **more: Any) -> TrainCommand:
    """The command of ``worldsim train KIND``.

    Args:
        kind: of `TRAINERS`.
        recording: what it trains on.
        out: the world's folder.
        options: its other fields by name; ``transition.hidden`` is the field "hidden" of the field "transition".
        more: fields that ``options`` may not set.

    Raises:
        BadInput: no such kind, no such option, or a value of another type; one line says what there is.
    """
    if kind not in TRAINERS:
        raise BadInput(f"a world is of kind {', '.join(TRAINERS)}, got {kind!r}")
    module, _, name = TRAINERS[kind].partition(":")
    command: type[TrainCommand] = getattr(import_module(module), name)
    hints = get_type_hints(command)
    known = [f.name for f in fields(command) if f.name not in {"recording", "out", *more}]
    own = {option: value for option, value in options.items() if "." not in option}
    _check(own, known, hints, kind)
    made = command(recording=recording, out=out, **{**own, **more})
    for option in sorted(set(options) - set(own)):
        name, _, inner = option.partition(".")
        part = getattr(made, name, None) if name in known else None
        if not is_dataclass(part) or isinstance(part, type):
            raise BadInput(f"worldsim train {kind} has no option {option!r} to set here; it has {', '.join(known)}")
        _check({inner: options[option]}, [f.name for f in fields(part)], get_type_hints(type(part)), f"{kind}, {name}")
        changed: dict[str, Any] = {name: replace(part, **{inner: options[option]})}
        made = replace(made, **changed)
    return made


def _check(options: Mapping[str, Any], known: Sequence[str], hints: Mapping[str, Any], kind: str) -> None:
    for option, value in options.items():
        if option not in known:
            raise BadInput(f"worldsim train {kind} has no option {option!r} to set here; it has {', '.join(known)}")
        if not _fits(value, hints[option]):
            raise BadInput(
                f"{option} of worldsim train {kind} does not take {value!r}; see worldsim train {kind} --help"
            )


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a plain type, of one of several, or one of those that are named."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if args := get_args(hint):
        return any(_fits(value, arg) for arg in args)
    if hint in (None, NoneType):
        return value is None
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, (int, float) if hint is float else hint)
