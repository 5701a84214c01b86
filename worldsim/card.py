"""The model card of a world: what it learned from, how, and how good it is."""

from __future__ import annotations

from typing import Any


def card(name: str, kind: str, provenance: dict[str, Any]) -> str:
    """README.md of a world folder: front matter that model hubs read, then the provenance as a table.

    Known keys are given a heading; everything else in ``provenance`` follows in the order it was written.
    """
    lines = ["---", "library_name: worldsim", "license: mit", "tags:", "- world-model", "- reinforcement-learning"]
    lines += [f"- {kind}", "---", "", f"# {name}", ""]
    lines += [
        str(provenance.get("summary", f"A learned simulator of {provenance.get('env_id', 'an environment')}.")),
        "",
    ]
    lines += [
        "```python",
        "import gymnasium as gym, worldsim",
        "",
        f'env = gym.make("WorldSim/Dream-v0", model="{name}")',
        "```",
        "",
    ]
    rows = {key: value for key, value in provenance.items() if key not in {"summary", "scores", "notes"}}
    lines += ["| | |", "|---|---|"]
    lines += [f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in rows.items()]
    if scores := provenance.get("scores"):
        lines += ["", "## Scores", "", *_table(scores)]
    if notes := provenance.get("notes"):
        lines += ["", "## Notes", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    head = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    return head + ["| " + " | ".join(_cell(row.get(key, "")) for key in keys) + " |" for row in rows]
