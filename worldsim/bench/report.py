"""The table on screen and the file on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from worldsim.bench.contest import Row
from worldsim.bench.machine import Machine
from worldsim.whole_file import write_whole


def show(rows: Sequence[tuple[str, Row]], machine: Machine) -> None:
    """Print one table; wide enough for every column where the output is not a terminal."""
    console = Console(width=None if os.isatty(1) else 180)
    console.print(str(machine), highlight=False, soft_wrap=True)
    table = Table("what", "settings", "rate", "unit", "ratio", "aim", "note")
    for name in ("rate", "ratio", "aim"):
        next(c for c in table.columns if c.header == name).justify = "right"
    part = None
    for section, row in rows:
        if part not in (None, section):
            table.add_section()
        part = section
        table.add_row(
            row.what,
            row.settings,
            "-" if row.rate is None else rounded(row.rate),
            row.unit,
            _ratio(row),
            _aim(row),
            row.note,
        )
    console.print(table, highlight=False)


def save(path: Path, rows: Sequence[tuple[str, Row]], machine: Machine, settings: dict[str, object]) -> None:
    """Write the same as JSON, whole or not at all."""
    found = {
        "machine": asdict(machine),
        "settings": settings,
        "rows": [{"part": part, **asdict(row)} for part, row in rows],
    }
    write_whole(path, json.dumps(found, indent=2) + "\n")


def rounded(rate: float) -> str:
    """Three digits or more."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f} x {row.against}"


def _aim(row: Row) -> str:
    if row.aim is None or row.ratio is None:
        return ""
    return f"{row.aim:g}: {'met' if row.ratio >= row.aim else 'missed'}"
