"""World: a model with its configuration, weights, openings and history, in a folder that loads without a network.

A folder holds ``config.json`` (kind, configuration, provenance), ``model.safetensors``, ``openings.h5`` (short
stretches of real play, the same format as a recording's shards) and ``README.md`` (the model card). Nothing in it can
run code.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from worldsim.bundled import bundled, bundled_folder
from worldsim.card import card
from worldsim.errors import BadInput
from worldsim.openings import Openings

KINDS = {
    "gamegan": "worldsim.gamegan.world:GameGANWorld",
    "spatial": "worldsim.spatial.world:SpatialWorld",
    "vision-memory": "worldsim.vision_memory.world:VisionMemoryWorld",
    "graph": "worldsim.gnn.world:GraphWorld",
}
"""Every kind of world model and where its class lives: the one line that a new kind adds."""

BOARDS = {"graph": "worldsim.gnn.boards:on_board"}
"""Kinds whose worlds play on any board, and the function (world, **board) that gives a world another one."""

_FORMAT = 1


@dataclasses.dataclass
class World:
    """A trained world model and all that it takes to dream with it."""

    kind: str
    model: Any  # a worldsim.protocol.WorldModel that is an nn.Module, with a dataclass at .config
    openings: Openings
    provenance: dict[str, Any]
    name: str = "world"

    def save(self, folder: str | Path, half: bool = False) -> Path:
        """Write the folder; each file is written whole under another name first.

        Args:
            folder: where to.
            half: store numbers with 16 bits (half the size; loaded, they are float32 again, rounded to 11 bits).
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "format": _FORMAT,
            "kind": self.kind,
            "config": dataclasses.asdict(self.model.config),
            "provenance": self.provenance,
        }
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        if half:
            tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        (folder / "model.safetensors.tmp").write_bytes(save(tensors))  # save_file would keep others from reading it
        self.openings.save(folder / "openings.h5")
        (folder / "config.json.tmp").write_text(json.dumps(config, indent=2) + "\n")
        (folder / "README.md.tmp").write_text(card(self.name, self.kind, self.provenance))
        for name in ("model.safetensors", "README.md", "config.json"):
            os.replace(folder / f"{name}.tmp", folder / name)
        return folder

    def on_board(self, **board: Any) -> World:
        """This world on another board.

        Args:
            board: what the kind's function in `BOARDS` takes: for graph worlds see `worldsim.gnn.boards.on_board`.

        Raises:
            BadInput: an argument that it does not take, or a kind that keeps to the board that it learned.
        """
        movers = {kind: _imported(path) for kind, path in BOARDS.items()}
        known = [name for mover in movers.values() for name in list(signature(mover).parameters)[1:]]
        if unknown := sorted(set(board) - set(known)):
            raise BadInput(f"unknown argument {unknown[0]!r} of a dream; of a board it takes {', '.join(known)}")
        if self.kind not in movers:
            kinds = ", ".join(movers)
            raise BadInput(f"only {kinds} worlds can change their board, {self.name!r} is of kind {self.kind!r}")
        moved: World = movers[self.kind](self, **board)
        return moved


def new_model(kind: str, config: Any) -> Any:
    """An untrained model of a kind; ``config`` is the kind's dataclass or a dictionary of its fields."""
    if kind not in KINDS:
        raise BadInput(
            f"expected one of the kinds {', '.join(KINDS)}, got {kind!r}; is this worldsim older than the world?"
        )
    cls = _imported(KINDS[kind])
    return cls(_build(cls.Config, config, kind) if isinstance(config, dict) else config)


def load(name_or_folder: str | Path, device: str | torch.device = "cpu") -> World:
    """Load a world: a bundled name, a folder, or ``hf:owner/name`` (needs huggingface_hub, and a network once).

    Raises:
        BadInput: no such world, or something in its folder is missing, damaged or not a world; one line says what.
    """
    folder = _find(str(name_or_folder))
    config = read_config(folder)
    model: nn.Module = new_model(config["kind"], config["config"])
    weights = _weights(folder / "model.safetensors")
    expected = model.state_dict()
    wrong = sorted(set(expected) ^ set(weights)) or [n for n in expected if expected[n].shape != weights[n].shape]
    if wrong:
        raise BadInput(
            f"{folder}: weights and config.json do not belong together (first difference: {wrong[0]}); "
            "copy the folder again, or train it anew if another version of worldsim wrote it"
        )
    model.load_state_dict(weights)
    model.to(device).eval().requires_grad_(False)
    openings = Openings(folder / "openings.h5")
    return World(config["kind"], model, openings, config["provenance"], folder.resolve().name)


def read_config(folder: Path) -> dict[str, Any]:
    """A world folder's config.json, checked."""
    path = folder / "config.json"
    if not path.is_file():
        raise BadInput(f"expected a world folder with config.json, got {folder}; train one with: worldsim train")
    try:
        config = json.loads(path.read_text())
        missing = {"format", "kind", "config", "provenance"} - set(config)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path} is damaged ({error}); copy the folder again") from None
    if missing or config["format"] != _FORMAT:
        raise BadInput(
            f"{path} is not a worldsim world of format {_FORMAT} (missing: {', '.join(sorted(missing)) or 'none'}); "
            "train it again or upgrade worldsim"
        )
    return dict(config)


def _imported(path: str) -> Any:
    """What ``"module:name"`` names."""
    module, name = path.split(":")
    return getattr(import_module(module), name)


def _find(name: str) -> Path:
    if name.startswith("hf:"):
        from worldsim.hub import download

        return download(name[3:])
    path = Path(name)
    if path.is_dir():
        return path
    if path.is_file():
        raise BadInput(
            f"expected a world folder, got the file {name}; worldsim loads folders with "
            "model.safetensors and never unpickles"
        )
    if name in bundled():
        return bundled_folder(name)
    raise BadInput(
        f"no world named {name!r}: expected a folder, hf:owner/name, or one of "
        f"{', '.join(bundled()) or '(none bundled)'}"
    )


def _weights(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        pickled = sorted(p.name for p in path.parent.iterdir() if p.suffix in {".pt", ".pth", ".bin", ".pkl", ".ckpt"})
        hint = f" (found {pickled[0]}: pickles are never loaded)" if pickled else ""
        raise BadInput(f"{path.parent} has no model.safetensors{hint}; copy the folder again")
    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, OSError) as error:
        raise BadInput(f"{path} is damaged or not a safetensors file ({error}); copy the folder again") from None


def _build(cls: type, data: dict[str, Any], where: str) -> Any:
    """A (nested) frozen dataclass from JSON; unknown keys are an error that lists the known ones."""
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    if unknown := sorted(set(data) - set(known)):
        raise BadInput(f"unknown key {unknown[0]!r} in the configuration of {where}; known: {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, value in data.items():
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, dict):
            values[name] = _build(typing.cast(type, hints[name]), value, f"{where}.{name}")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**values)
    except TypeError as error:
        raise BadInput(f"the configuration of {where} is incomplete ({error}); copy the folder again") from None
