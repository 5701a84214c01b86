"""The command line as a user meets it: in a process of its own, by its text and exit status."""

from __future__ import annotations

import ast
import errno
import inspect
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import gymnasium as gym
import pytest

from worldsim import __version__
from worldsim.cli import COMMANDS, condense, explain
from worldsim.errors import BadInput, Stopped

ROOT = Path(__file__).resolve().parents[1]
Shell = Callable[..., subprocess.CompletedProcess[str]]  # the fixture of tests/conftest.py


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)])
def test_overview_names_every_command(shell: Shell, args: tuple[str, ...]) -> None:
    done = shell(*args)
    assert done.returncode == 0
    assert done.stderr == ""
    for name, entry in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert entry.summary in done.stdout


def test_version(shell: Shell) -> None:
    assert shell("--version").stdout == f"worldsim {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name: str) -> None:
    """It needs no torch but for ``train``, whose options are the configurations of the models."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from worldsim.cli import main;"
        f"status = main([{name!r}, '--help']); sys.exit(7 if 'torch' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == (7 if name == "train" else 0), done.stderr
    assert done.stderr == ""
    assert f"usage: worldsim {name}" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    """A field without a docstring below it would be an option without help."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    for command in flat(getattr(import_module(module), attribute)):
        assert callable(command.run)
        body = ast.parse(inspect.getsource(command)).body[0]
        assert isinstance(body, ast.ClassDef)
        assert ast.get_docstring(body)
        for field, after in itertools.pairwise([*body.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign) and "Suppress" not in ast.unparse(field.annotation):
                explained = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert explained, f"worldsim {name}: {ast.unparse(field.target)} has no docstring"


def flat(command: Any) -> list[Any]:
    """The classes of a command: itself, or those of its subcommands (a union of annotated classes)."""
    if inspect.isclass(command):
        return [command]
    parts = get_args(command)
    return flat(parts[0]) if get_origin(command) is Annotated else [each for part in parts for each in flat(part)]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("recrod", "no command named 'recrod'; did you mean 'record'?"),
        ("train_agent", "no command named 'train_agent'; did you mean 'train-agent'?"),
        ("--verison", "no option named '--verison'; did you mean '--version'?"),
        ("xyzzy", "no command named 'xyzzy'; one of: "),
    ],
)
def test_unknown_command_gets_one_line(shell: Shell, typed: str, hint: str) -> None:
    done = shell(typed)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"worldsim: {hint}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("args", [("list", "--jsn"), ("list", "surplus"), ("list", "--json", "maybe")])
def test_bad_arguments_get_one_line(shell: Shell, args: tuple[str, ...]) -> None:
    done = shell(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert args[-1] in done.stderr
    assert done.stderr.endswith("(worldsim list --help lists the options)\n")
    assert done.stderr.count("\n") == 1


def test_an_unknown_kind_of_world_gets_one_line(shell: Shell) -> None:
    done = shell("train", "gamgan", "recordings/pong", "--out", "runs/pong")
    assert done.returncode == 2
    assert done.stderr == "worldsim: worldsim train knows no 'gamgan'; did you mean 'gamegan'?\n"


def test_list_is_for_people_and_for_programs(shell: Shell) -> None:
    page, data = shell("list").stdout, json.loads(shell("list", "--json").stdout)
    for id in [*data["real"], *(row["id"] for row in data["dreamed"])]:
        assert id in gym.registry
        assert id in page
    for world in data["worlds"]:
        assert world["name"] in page
        assert world["megabytes"] <= 15
    for extra in data["extras"]:
        assert extra["installed"] or extra["install"] in page


def test_a_reader_that_leaves_is_no_error() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "worldsim", "list", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.wait(60) == 141
    assert writer.stderr.read() == b""
    writer.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_gets_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "worldsim", "list"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("worldsim: the disk is full")
    assert done.stderr.count("\n") == 1


def test_errors_that_a_user_can_mend_have_a_status_and_a_line() -> None:
    unknown = pytest.raises(gym.error.Error, gym.make, "WorldSim/PacMen-v0").value
    assert explain(unknown) == (2, str(unknown))
    assert explain(BadInput("expected a folder,\n got a file")) == (2, "expected a folder, got a file")
    assert explain(gym.error.DependencyNotInstalled("run pip")) == (2, "run pip")
    assert explain(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.h5")) == (
        1,
        "No such file or directory: a.h5",
    )
    assert explain(MemoryError("2 TB")) == (1, "out of memory; fewer streams or a smaller batch need less (2 TB)")
    assert explain(KeyboardInterrupt()) == (130, "stopped by Ctrl-C")
    assert explain(Stopped("12 episodes kept; run it again")) == (130, "12 episodes kept; run it again")
    assert explain(ModuleNotFoundError("No module named 'mine'")) == (2, "No module named 'mine'")
    full = explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "shard.tmp"))
    assert full is not None
    assert full[0] == 1
    assert full[1].startswith("the disk is full at shard.tmp;")
    assert explain(RuntimeError("HDF5: errno = 28, error message = 'No space left on device'")) is not None


def test_a_bug_of_ours_keeps_its_traceback() -> None:
    assert explain(AssertionError("never")) is None
    assert explain(ValueError("a bug")) is None


def test_traceback_on_request() -> None:
    code = "import worldsim.cli as c\nc._dispatch = lambda args: (_ for _ in ()).throw(c.BadInput('no'))\nc.main([])"
    for wanted, traceback in (("", False), ("1", True)):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
            env={**os.environ, "WORLDSIM_TRACEBACK": wanted},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ("Traceback" in done.stderr) is traceback
        assert "no\n" in done.stderr


def test_a_framed_complaint_becomes_a_line() -> None:
    framed = """
╭─ Parsing error ─╮
│ \x1b[1mbad value\x1b[0m       │
│ for --steps     │
│ ─────────────── │
│ see --help      │
╰─────────────────╯
"""
    assert condense(framed) == "bad value for --steps"
    assert condense("") == "the arguments could not be read"
    assert condense("ENV An id. (required)\n--out PATH A folder. (required)") == "ENV An id.; --out PATH A folder."
