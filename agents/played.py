"""Played: real games of one player, a line of json each, so that a test that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worldsim.agents.transfer import append, read


class Played:
    """Games by their seeds, ``[return, steps]``, of a player and a place; those of others in the file are dropped.

    Args:
        path: of the file; None keeps nothing.
        about: who plays and where; it is the first line.
    """

    def __init__(self, path: Path | None, about: Mapping[str, Any]) -> None:
        self.path, self.games = path, dict[int, list[float]]()
        if path is None:
            return
        about = json.loads(json.dumps(about))
        lines = read(path)
        if lines[:1] == [about]:
            self.games = {line["seed"]: [line["return"], line["steps"]] for line in lines[1:]}
        else:
            path.unlink(missing_ok=True)
            append(path, about)

    def add(self, seed: int, total: float, steps: int) -> None:
        """One more."""
        self.games[seed] = [total, steps]
        if self.path is not None:
            append(self.path, {"seed": seed, "return": total, "steps": steps})
