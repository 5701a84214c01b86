"""Write the tables of README.md and of the pages in docs from what was measured.

    python scripts/tables.py                                                # from docs/measured, which the tables name
    python scripts/tables.py --take runs/transfer/rows.jsonl results/*.json # first take newer measurements there

A table stands between the comments ``<!-- table:NAME -->`` and ``<!-- end:NAME -->``; what is written around it stays.
``transfer`` is of rows.jsonl (scripts/pacman_transfer.py), ``screen-GAME`` and, with intervals, ``closely-GAME`` of
GAME.json (worldsim evaluate-world), ``bench`` of bench.json (worldsim bench), ``aims`` of its rows that have an aim,
``bench-gamegan`` of bench-gamegan.json (worldsim bench --only gamegan), ``worlds`` of the bundled worlds' own
config.json, ``table1`` of gamegan_rows.jsonl (scripts/gamegan_table1.py), ``parts`` of gamegan_parts.jsonl
(scripts/gamegan_parts.py), ``takecover``, ``carracing`` and their kin of rows.jsonl of scripts/takecover.py and
scripts/carracing.py, under the names in TRIALS, ``held-out`` of takecover-held-out.jsonl (lines of a memory.jsonl of
worldsim train vision-memory --held-out), ``sweep`` of takecover-sweep-*.json (scripts/takecover_sweep.py) and
``iterating`` of iterate.json (rows.json of scripts/iterate.py). The scores on the cards of the bundled worlds are
written, too.
"""

from __future__ import annotations

import json
import math
import re
import runpy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from worldsim.agents.transfer import markdown, read, summary
from worldsim.agents.trial import markdown as trials
from worldsim.bench.report import rounded
from worldsim.bundled import bundled, bundled_folder
from worldsim.card import card
from worldsim.errors import BadInput
from worldsim.metrics.estimate import Estimate
from worldsim.metrics.report import cell, counts, number

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "docs" / "measured"
PAGES = ("README.md", "docs/results.md", "docs/gamegan.md", "docs/world_models.md", "docs/takecover.md")
KINDS = {
    "spatial": "codes on a grid, ours",
    "vision-memory": "VAE + MDN-RNN, published",
    "gamegan": "GameGAN on a grid",
    "graph": "message passing, ours",
}
BASELINES = {"no-memory": "GameGAN-M (`small-m`)", "reconstruction": "Action-LSTM (`small-lstm`)"}
"""Headings of worlds that scripts/gamegan_parts.py trains, by variant."""
TRIALS = {
    "takecover": "takecover_rows.jsonl",
    "takecover-small": "takecover_small.jsonl",
    "takecover-ppo": "takecover_ppo.jsonl",
    "takecover-fourth": "takecover_fourth.jsonl",
    "takecover-fifth": "takecover_fifth.jsonl",
    "takecover-fresh": "takecover_fresh.jsonl",
    "takecover-seventh": "takecover_seventh.jsonl",
    "takecover-deadly": "takecover_deadly.jsonl",
    "carracing": "carracing_rows.jsonl",
    "carracing-fresh": "carracing_fresh.jsonl",
}
"""Tables by the rows.jsonl of scripts/takecover.py and scripts/carracing.py."""
SCREEN = (  # part, measure of worldsim evaluate-world
    ("obedience", "free moves obeyed, steps 1-15"),
    ("obedience", "blocked moves obeyed, steps 1-15"),
    ("census", "walls kept, steps 1-15"),
    ("census", "walls on screen, steps 1-15"),
    ("census", "food on screen, steps 1-15"),
    ("census", "flags on screen, steps 1-15"),
    ("census", "ghosts on screen, steps 1-15"),
    ("census", "ghosts on screen, steps 16-50"),
    ("census", "a ghost still there within a cell, steps 1-15"),
    ("census", "frames with a ghost twice, steps 1-15"),
    ("census", "ghosts on walls, steps 1-15"),
    ("open-loop", "pixel error where it moved, step 5"),
    ("open-loop", "food that returns, step 5"),
    ("open-loop", "ghosts lost, step 5"),
    ("open-loop", "score off by, step 15"),
    ("home", "walls not as they were, 4 moves and back"),
    ("home", "walls not as they were, 8 moves and back"),
    ("distance", "Frechet distance of transitions"),
    ("calibration", "Brier score of endings, one step"),
)
CLOSELY = (  # with intervals
    *(
        ("open-loop", f"{what}, step {step}")
        for what in (
            "pixel error where it moved",
            "walls wrong where it has looked",
            "food lost",
            "food that returns",
            "ghosts lost",
            "score off by",
        )
        for step in (1, 5, 15, 30)
    ),
    *(
        ("obedience", f"{what} moves obeyed, steps {steps}")
        for what in ("free", "blocked")
        for steps in ("1-15", "16-50", "51-200")
    ),
    *(("obedience", f"inverse model agrees, steps {steps}") for steps in ("1-15", "16-50")),
    ("obedience", "another action, same noise: cells that should differ and do"),
    ("obedience", "another action, same noise: cells that should not and do"),
    *(("census", f"walls kept, steps {steps}") for steps in ("1-15", "16-50", "51-200")),
    *(("census", f"ghosts on screen, steps {steps}") for steps in ("1-15", "16-50")),
    *(("census", f"food on screen, steps {steps}") for steps in ("1-15", "16-50")),
    *(("census", f"{what} on screen, steps 1-15") for what in ("walls", "flags")),
    *(("census", f"{what} in what comes into view, steps 1-15") for what in ("walls", "food", "ghosts")),
    ("census", "a ghost still there within a cell, steps 1-15"),
    ("census", "frames with a ghost twice, steps 1-15"),
    ("census", "ghosts on walls, steps 1-15"),
    *(("home", f"walls not as they were, {moves} moves and back") for moves in (2, 4, 8, 16)),
    ("home", "walls of two random frames of one episode"),
    *(("distance", f"{what} distance of {of}") for what in ("Frechet", "kernel") for of in ("pictures", "transitions")),
    ("distance", "real local configurations that occur"),
    ("distance", "local configurations that reality did not show"),
    *(("calibration", f"reward up to step {step}") for step in (1, 5, 15, 30)),
    *(("calibration", f"still running after step {step}") for step in (1, 5, 15, 30)),
    ("calibration", "Brier score of endings, one step"),
    ("calibration", "calibration error of endings (ECE), one step"),
)


@dataclass(frozen=True)
class Args:
    """Which measurements."""

    take: tuple[Path, ...] = ()
    """Files to copy to docs/measured first: rows.jsonl, bench.json, and what worldsim evaluate-world wrote."""


def table(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    rows = [heading, ["---"] * len(heading), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def transfer() -> str:
    """Agents trained here, scored in reality."""
    return markdown(summary(read(MEASURED / "rows.jsonl")))


def screen(game: str) -> str:
    """A world beside its game: the lines that say most."""
    measured = json.loads((MEASURED / f"{game}.json").read_text(encoding="utf-8"))
    about, found = measured["about"], {(f["part"], f["measure"], f["source"]): f for f in measured["found"]}
    sources = ["real", "real, other seeds", "real, other chance", "copy last frame", *about["worlds"]]
    lines = []
    for part, measure in SCREEN:
        cells = [_value(found.get((part, measure, source))) for source in sources]
        if any(cells[4:]):
            lines.append([measure, *cells])
    used = [i for i in range(len(sources)) if any(line[1 + i] for line in lines)]
    names = [_heading(name) if name in about["worlds"] else name for name in sources]
    whole = table(["", *(names[i] for i in used)], [[line[0], *(line[1 + i] for i in used)] for line in lines])
    settings = f"{about['settings']['rows']} games side by side"
    return f"{whole}\n\n`{about['command']}`: {settings}, {about['machine'].split(';')[0]}, {about['date']}."


def closely(game: str) -> str:
    """Worlds beside their game, with intervals; "real" is the game with other chance, or seeds, where that is known."""
    measured = json.loads((MEASURED / f"{game}.json").read_text(encoding="utf-8"))
    about, found = measured["about"], {}
    for f in measured["found"]:
        value, low, high = (math.nan if f[key] is None else f[key] for key in ("value", "low", "high"))
        found[f["part"], f["measure"], f["source"]] = Estimate(value, low, high, f["n"])
    lines = []
    for part, measure in CLOSELY:
        same = (found.get((part, measure, source)) for source in ("real, other chance", "real", "real, other seeds"))
        real = next((estimate for estimate in same if estimate is not None), None)
        row = [real, *(found.get((part, measure, world)) for world in about["worlds"])]
        if any(estimate is not None and estimate.n and estimate.value != 0 for estimate in row):
            lines.append([measure, *map(cell, row), counts(row)])
    names = [_heading(name) for name in about["worlds"]]
    return f"{table(['', 'real', *names, 'n'], lines)}\n\n`{about['command']}`, {about['date']}."


def of_script(script: str, function: str, rows: str) -> str:
    """The table that another script makes of its rows."""
    made = runpy.run_path(str(ROOT / "scripts" / f"{script}.py"))
    text: str = made[function](read(MEASURED / rows))
    return text


def of_trials(rows: str) -> str:
    """Controllers of the experiments of World Models."""
    return trials(read(MEASURED / rows))


def iterating() -> str:
    """Rounds, with and without curiosity, beside one round."""
    rows = json.loads((MEASURED / "iterate.json").read_text(encoding="utf-8"))
    made: str = runpy.run_path(str(ROOT / "scripts" / "iterate.py"))["markdown"](rows)
    return made


def held_out(lines: Sequence[dict[str, Any]]) -> str:
    """What M pays for games that it trains on and for those it does not."""
    parts = ("seen_done_nats", "held_out_done_nats", "seen_nats_per_dim", "held_out_nats_per_dim")
    heads = ("an ending, trained on", "held out", "a dimension of z, trained on", "held out")
    return table(
        ["update", *heads], [[f"{line['step']:,}", *(f"{line[part]:.4f}" for part in parts)] for line in lines]
    )


def sweep() -> str:
    """TakeCover without looking."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(MEASURED.glob("takecover-sweep-*.json"))]
    made: str = runpy.run_path(str(ROOT / "scripts" / "takecover_sweep.py"))["table"](files)
    return made


def _heading(world: str) -> str:
    variant, _, seed = world.rpartition("-")
    for row in read(MEASURED / "gamegan_parts.jsonl"):
        if variant in BASELINES and (row["variant"], str(row["seed"])) == (variant, seed):
            return f"{BASELINES[variant]}, {row['minutes']:g} minutes"
    return f"`{world}`"


def _value(found: dict[str, Any] | None) -> str:
    return "" if found is None or found["value"] is None or not found["n"] else number(found["value"])


def worlds() -> str:
    """What ships."""
    lines = []
    for name in bundled():
        folder = bundled_folder(name)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        made = config["provenance"]
        seconds = sum(made.get(key, 0) for key in ("vision_seconds", "seconds"))
        lines.append(
            [
                f"`{name}`",
                KINDS.get(config["kind"], config["kind"]),
                f"{made['frames']:,} frames of `{made['env_id']}`",
                f"{made['steps']:,}",
                f"{seconds / 60:.0f}",
                f"{size / 1e6:.1f}",
            ]
        )
    return table(["world", "kind", "learned from", "updates", "minutes", "MB"], lines)


def bench(name: str = "bench", aims: bool = False) -> str:
    """Every row, or those with an aim, with its ratio to what it is compared with."""
    measured = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    lines = []
    for row in measured["rows"]:
        if aims and row["aim"] is None:
            continue
        rate = "" if row["rate"] is None else f"{rounded(row['rate'])} {row['unit']}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f} x {row['against']}"
        aim = "" if row["aim"] is None else f"{row['aim']:g}"
        lines.append([row["what"], row["settings"], rate, ratio, aim, row["note"]])
    machine = measured["machine"]
    features = ", ".join(machine["features"])
    return table(["what", "settings", "rate", "ratio", "aim", ""], lines) + (
        f"\n\n{machine['cpu']} ({features}), threads: {machine['threads']}, torch {machine['torch']}."
    )


def scored(name: str, provenance: dict[str, Any]) -> dict[str, Any]:
    """What a world's card says, with the agents that were trained in it first and what they compare with."""
    lines = summary(read(MEASURED / "rows.jsonl"))
    own = [line for line in lines if line.condition == f"dream ({name})"]
    others = [line for line in lines if not line.condition.startswith("dream (")]
    rows = []
    for line in sorted(own, key=lambda line: -line.steps) + others if own else []:
        row: dict[str, Any] = {"agent": "PPO in this dream" if line in own else line.condition, "steps": line.steps}
        row["real return"] = f"{line.mean:.2f}" + ("" if line.sd is None else f" ± {line.sd:.2f}")
        row["share of reality's gain"] = "" if line.share is None else round(line.share, 2)
        rows.append({**row, "seeds": line.seeds, "real episodes a seed": line.n})
    return {**provenance, "scores": rows} if rows else provenance


def filled(page: str) -> str:
    """A page with its tables as they are measured now."""

    def write(match: re.Match[str]) -> str:
        name = match["name"]
        if name.startswith("screen-"):
            text = screen(name.removeprefix("screen-"))
        elif name.startswith("closely-"):
            text = closely(name.removeprefix("closely-"))
        else:
            tables: dict[str, Callable[[], str]] = {
                "transfer": transfer,
                "worlds": worlds,
                "bench": bench,
                "bench-gamegan": partial(bench, "bench-gamegan"),
                "aims": partial(bench, aims=True),
                "table1": partial(of_script, "gamegan_table1", "table_of", "gamegan_rows.jsonl"),
                "parts": partial(of_script, "gamegan_parts", "table", "gamegan_parts.jsonl"),
                "sweep": sweep,
                "held-out": lambda: held_out(read(MEASURED / "takecover-held-out.jsonl")),
                "iterating": iterating,
                **{name: partial(of_trials, rows) for name, rows in TRIALS.items()},
            }
            if name not in tables:
                raise BadInput(
                    f"a page asks for table {name}; there are {', '.join(tables)}, screen-GAME, closely-GAME"
                )
            text = tables[name]()
        return f"<!-- table:{name} -->\n{text}\n<!-- end:{name} -->"

    return re.sub(r"<!-- table:(?P<name>\S+) -->\n.*?<!-- end:(?P=name) -->", write, page, flags=re.DOTALL)


def main(args: Args) -> None:
    """Take, then write."""
    MEASURED.mkdir(exist_ok=True)
    for path in args.take:
        if not path.is_file():
            raise BadInput(f"expected a measurement at {path}, found no such file")
        shutil.copy(path, MEASURED / path.name)
    for name in PAGES:
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {name}")
    for name in bundled():
        path = bundled_folder(name) / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["provenance"] = scored(name, config["provenance"])
        path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        page = card(name, config["kind"], config["provenance"])
        path.with_name("README.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(tyro.cli(Args, description=__doc__))
    except BadInput as error:
        raise SystemExit(f"tables: {error}") from None
