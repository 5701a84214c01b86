"""The tables of graph worlds: from what was measured to markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worldsim.gnn.measure import ROLLOUTS

Rows = list[dict[str, Any]]
CHANNELS = (
    *("player", "heading", "food", "pellets", "ghost", "ghost_heading", "ghost_mode"),
    *("counters", "reward", "ending"),
)


def wilson(share: float, n: float) -> str:
    """A share in per cent with its 95 % interval; steps are taken as independent."""
    if n < 1:
        return ""
    z = 1.96
    middle, half = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return f"{100 * share:.2f} ({100 * low:.2f} to {100 * high:.2f})"


def shape_name(shape: tuple[int, int]) -> str:
    """As in tables."""
    return f"{shape[0]} x {shape[1]}"


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """One table with its heading."""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""])


def exact_tables(rows: Rows) -> list[str]:
    """One step, channels, roll-outs and nats."""
    steps, shares, rolled, nats = [], [], [], []
    for r in rows:
        at = [r["task"], r["board"]]
        first = [wilson(r["first"], r["first_n"]), int(r["first_n"])] if "first_n" in r else ["", ""]
        steps.append([*at, wilson(r["exact"], r["n"]), f"{100 * r['exact_all']:.2f}", int(r["n"]), *first])
        shares.append([*at, *(f"{100 * r[name]:.2f}" for name in CHANNELS)])
        if "rollouts" in r:
            rolled.append([r["board"], *(_rolled(r, k, counted=True) for k in ROLLOUTS)])
        found = r["nats"]
        four = [f"{found[k]:.4f}" for k in ("model", "rules", "entropy", "all_else")]
        nats.append([*at, *four, int(found["n"])])
    first_head = ["first step after a spawn, %", "n"]
    return [
        table("One step", ["task", "board", "exact, % (95 %)", "everything, %", "n", *first_head], steps),
        table("By channel, %", ["task", "board", *(name.replace("_", " ") for name in CHANNELS)], shares),
        table("Exact roll-outs, % of the games still running (n)", ["board", *map(_steps, ROLLOUTS)], rolled),
        table(
            "Nats a step",
            ["task", "board", "ghosts' moves: world", "rules, same moves", "entropy of the rules"]
            + ["world, all else", "n"],
            nats,
        ),
    ]


def baseline_table(rows: Rows, exact: Rows, boards: Sequence[str]) -> str:
    """Plain networks, and the world on the same boards."""
    head = ["model", "parameters", "CPU seconds"]
    for board in boards:
        head += [f"{board}: exact, %", "5 steps", "25 steps"]
    body = []
    world = {r["board"]: r for r in exact if r["task"] == "arcade"}
    for r in [*rows, {"model": "graph world", "parameters": 0, "training_seconds": "", **world}]:
        cells: list[Any] = [r["model"], f"{r['parameters']:,}" if r["parameters"] else "", r["training_seconds"]]
        for board in boards:
            cell = r.get(board)
            cells += [f"{100 * cell['exact']:.2f}", _rolled(cell, 5), _rolled(cell, 25)] if cell else ["", "", ""]
        body.append(cells)
    return table("Against plain networks", head, body)


def curve_table(rows: Rows, boards: Sequence[str]) -> str:
    """Worlds that saw fewer boards."""
    head = ["boards", "steps of play", "episodes begin", "share of first steps", "CPU seconds"]
    for board in boards:
        head += [f"{board}: exact, %", "first steps", "25 steps"]
    body = []
    for r in rows:
        cells = [r["boards"], f"{r['steps']:,}", r["episodes_begin"], r["first_share"], r["training_seconds"]]
        for board in boards:
            cell = r[board]
            cells += [f"{100 * cell['exact']:.2f}", f"{100 * cell['first']:.2f}", _rolled(cell, 25)]
        body.append(cells)
    return table("How many boards it takes", head, body)


def markdown(found: dict[str, Rows], boards: Sequence[str]) -> str:
    """All tables that can be written."""
    parts = exact_tables(found["exact"]) if "exact" in found else []
    if "baselines" in found:
        parts.append(baseline_table(found["baselines"], found.get("exact", []), boards))
    if "curve" in found:
        parts.append(curve_table(found["curve"], boards[1:3]))
    if "speed" in found:
        body = [[r["board"], r["games"], f"{r['world']:,.0f}", f"{r['rules']:,.0f}"] for r in found["speed"]]
        parts.append(table("Steps a second", ["board", "games at once", "world", "rules"], body))
    if "plan" in found:
        body = [
            [r["player"], f"{r['mean']:.0f} ± {r['half_width']:.0f}", f"{r['length']:.0f}", r["n"]]
            for r in found["plan"]
        ]
        parts.append(table("Planning", ["player", "score (95 %)", "steps survived", "games"], body))
    return "\n".join(parts)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _rolled(cell: dict[str, Any], at: int, counted: bool = False) -> str:
    """A share of exact roll-outs in per cent; empty where no game was left."""
    found = cell["rollouts"].get(at, cell["rollouts"].get(str(at)))
    if not found or not found[1]:
        return ""
    return f"{100 * found[0]:.1f}" + (f" ({found[1]})" if counted else "")
