"""The tables: on screen and as markdown, and everything as json."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from worldsim.metrics.copying import NAME as BASELINE
from worldsim.metrics.estimate import Estimate
from worldsim.metrics.suite import AGAIN, CHANCE, REAL, Found
from worldsim.whole_file import write_whole

TITLES = {
    "reader": "The reader's own error",
    "open-loop": "Open loop: real actions, imagined pictures",
    "latent": "The latent: reconstruction, and drift from what the encoder sees",
    "obedience": "Obedience",
    "census": "Census of own play",
    "home": "Come back home",
    "distance": "Distances from real play",
    "calibration": "Reward and ending",
}


def tables(found: Sequence[Found]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heading and lines of a table for each part, in the order in which they were measured."""
    out = []
    for part in dict.fromkeys(item.part for item in found):
        mine = [item for item in found if item.part == part]
        order = [REAL, AGAIN, CHANCE, BASELINE]
        sources = sorted(
            dict.fromkeys(i.source for i in mine), key=lambda s: order.index(s) if s in order else len(order)
        )
        cells = {(item.measure, item.source): item.estimate for item in mine}
        lines = []
        for measure in _by_name(dict.fromkeys(item.measure for item in mine)):
            row = [cells.get((measure, source)) for source in sources]
            if "on screen" in measure and all(e is None or not e.value > 0 for e in row):
                continue  # this game has none
            if all(e is None or e.n == 0 for e, source in zip(row, sources, strict=True) if source != BASELINE):
                continue  # nothing but the baseline, which never ends, got so far
            lines.append([measure, *map(cell, row), counts(row)])
        out.append((TITLES.get(part, part), ["", *sources, "n"], lines))
    return out


def _by_name(measures: Sequence[str] | dict[str, None]) -> list[str]:
    """The same thing at several steps stands together."""
    names = list(dict.fromkeys(measure.rsplit(", step", 1)[0] for measure in measures))
    return sorted(measures, key=lambda measure: names.index(measure.rsplit(", step", 1)[0]))


def cell(estimate: Estimate | None) -> str:
    """``value [low, high]``, or nothing."""
    if estimate is None or estimate.n == 0 or math.isnan(estimate.value):
        return ""
    if math.isnan(estimate.low):
        return number(estimate.value)
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def number(value: float) -> str:
    """Three decimals, or three digits of what is larger or very small."""
    if value == 0 or 1e-3 <= abs(value) < 100:
        return f"{value:.3f}"
    return f"{value:.3g}"


def counts(row: Sequence[Estimate | None]) -> str:
    """The smallest and the largest n of a line."""
    n = [estimate.n for estimate in row if estimate is not None and estimate.n]
    if not n:
        return "0"
    return f"{min(n):,}" if min(n) == max(n) else f"{min(n):,} to {max(n):,}"


def markdown(found: Sequence[Found], about: dict[str, Any]) -> str:
    """One page."""
    lines = [f"# {' and '.join(about['worlds'])} against {about['env_id']}", "", f"`{about['command']}`", ""]
    if about.get("left_out"):
        lines += [about["left_out"], ""]
    for title, heading, rows in tables(found):
        lines += [f"## {title}", "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
    lines += [
        "Value [95 % interval], over rows of play as independent units; n counts chances (cells, moves, frames, rows).",
        f"{about['seconds']:.0f} s on {about['machine']}, {about['date']}.",
    ]
    return "\n".join(lines) + "\n"


def save(folder: Path, found: Sequence[Found], about: dict[str, Any]) -> tuple[Path, Path]:
    """Write ``<game>.json`` and ``<game>.md``, each whole or not at all."""
    name = str(about["env_id"]).rsplit("/", 1)[-1]
    rows = [{"part": f.part, "measure": f.measure, "source": f.source, **f.estimate.to_json()} for f in found]
    data = json.dumps({"about": about, "found": rows}, indent=1, allow_nan=False) + "\n"
    paths = folder / f"{name}.json", folder / f"{name}.md"
    for path, text in zip(paths, (data, markdown(found, about)), strict=True):
        write_whole(path, text)
    return paths


def save_pictures(folder: Path, pictures: Mapping[str, NDArray[np.uint8]], about: dict[str, Any]) -> list[Path]:
    """Write ``<game>-<world>.png``."""
    game = str(about["env_id"]).rsplit("/", 1)[-1]
    paths = [folder / f"{game}-{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        partial = path.with_name("." + path.name)
        imageio.imwrite(partial, picture, extension=".png")
        os.replace(partial, path)
    return paths
