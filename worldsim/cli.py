"""The shell program ``worldsim``: one line per command, and one line per mistake.

Only the module of the command that was asked for is imported, so ``worldsim --help`` needs neither torch nor tyro.
A command is ``worldsim/commands/<name>.py`` with one frozen dataclass: its fields are the options (tyro writes the
help from their docstrings) and ``run()`` does the work.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, get_args

from gymnasium.error import Error as GymnasiumError

from worldsim import __version__
from worldsim.errors import BadInput, Stopped, WorkerDied
from worldsim.heap import keep_freed_memory
from worldsim.sigterm import end_like_ctrl_c


class Entry(NamedTuple):
    """Where a command lives, and the line that says what it does."""

    target: str  # "module:Class"
    summary: str


COMMANDS: dict[str, Entry] = {
    "demo": Entry(
        "worldsim.commands.demo:Demo", "Five minutes: record, train, dream, learn in the dream, play for real"
    ),
    "list": Entry("worldsim.commands.list:List", "Environments, dreams, bundled worlds and extras that are here"),
    "record": Entry("worldsim.commands.record:Record", "Play any Gymnasium environment and keep the episodes"),
    "minari": Entry(
        "worldsim.commands.minari:Minari", "Turn a Minari data set into a recording, or the other way round"
    ),
    "train": Entry("worldsim.commands.train:Train", "Train a world on a recording"),
    "train-agent": Entry("worldsim.commands.train_agent:TrainAgent", "Train an agent in a dream or in reality"),
    "evaluate": Entry("worldsim.commands.evaluate:Evaluate", "Score an agent in reality: mean, spread, 95 % interval"),
    "evaluate-world": Entry(
        "worldsim.commands.evaluate_world:EvaluateWorld", "Measure worlds against the real game they dream of"
    ),
    "iterate": Entry(
        "worldsim.commands.iterate:Iterate",
        "Record, train, learn in the dream, explore with that agent, and round again",
    ),
    "play": Entry("worldsim.commands.play:Play", "Play a dream or a real environment in a window"),
    "bench": Entry("worldsim.commands.bench:Bench", "Measure speed: games, recordings, dreams, training"),
}
"""Every command, in the order of the line record -> train -> dream -> agent -> evaluate -> play."""

FLAGS = ("--help", "--version")
BROKEN_PIPE = 141  # 128 + SIGPIPE, as a shell reports a program whose reader went away
INTERRUPTED = 130  # 128 + SIGINT


class Command(Protocol):
    """What tyro builds from the arguments."""

    def run(self) -> None:
        """Do the work."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 done, 1 the machine's fault, 2 the caller's, 130 Ctrl-C."""
    args = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        end_like_ctrl_c()
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    if not sys.warnoptions:  # what libraries say to programmers is noise here; python -W brings it back
        warnings.showwarning = lambda *_, **__: None
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for worker processes
    try:
        status = _dispatch(args)
        sys.stdout.flush()  # a reader that went away must be noticed here, not at interpreter exit
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        explained = explain(error)
        if explained is None or os.environ.get("WORLDSIM_TRACEBACK"):
            raise
        status, line = explained
        return _say(line, status)


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        print(overview())
        return 0
    if args[0] in ("-V", "--version"):
        print(f"worldsim {__version__}")
        return 0
    name = args[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name.replace("_", "-"), [*COMMANDS, *FLAGS], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(COMMANDS)}"
        what = "option" if name.startswith("-") else "command"
        return _say(f"no {what} named {name!r}; {hint}", 2)
    command = parse(name, args[1:])
    if isinstance(command, int):
        return command
    keep_freed_memory()
    command.run()
    return 0


def overview() -> str:
    """The page of ``worldsim --help``."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            "usage: worldsim COMMAND [OPTIONS]",
            "",
            "Learned simulators as Gymnasium environments: record -> train -> dream -> agent -> evaluate -> play.",
            "",
            *(f"  {name:<{width}}  {entry.summary}" for name, entry in COMMANDS.items()),
            "",
            "worldsim COMMAND --help says everything about a command. --version prints the version.",
        ]
    )


def parse(name: str, args: Sequence[str]) -> Command | int:
    """The command that the arguments describe, or the exit status where tyro already answered (help, a mistake)."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    command: type[Command] = getattr(import_module(module), attribute)  # or a union of classes: subcommands
    import tyro

    named = getattr(tyro.conf, "PositionalMetavarFromFieldName", None)  # newer than the oldest tyro that will do
    config = (tyro.conf.HelptextFromCommentsOff, *([named] if named else []))
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(command, prog=f"worldsim {name}", args=list(args), config=config)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 2
        if status != 0:
            if (kinds := subcommands(command)) and args and not args[0].startswith("-") and args[0] not in kinds:
                near = difflib.get_close_matches(args[0], kinds, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(kinds)}"
                return _say(f"worldsim {name} knows no {args[0]!r}; {hint}", status)
            asked = f"{name} {args[0]}" if get_args(command) and args and not args[0].startswith("-") else name
            return _say(f"{condense(complaint.getvalue())} (worldsim {asked} --help lists the options)", status)
        return status


def subcommands(command: Any) -> list[str]:
    """Their names, if the command is a union of classes."""
    return [part.__metadata__[0].name for part in get_args(command) if hasattr(part, "__metadata__")]


def condense(boxed: str) -> str:
    """Tyro's framed complaint as one line: what is above its first rule, without frame and colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    lines = [line.strip(" │|") for line in plain.splitlines()]
    body = []
    for line in lines:
        if line.startswith(("╭", "╰")):
            continue
        if line and set(line) <= set("─-├┤"):
            break
        body.append(line)
    said = re.sub(r" \(required\)(?: |$)", "; ", " ".join(" ".join(body).split())).removesuffix("; ")
    return said or "the arguments could not be read"


def explain(error: BaseException) -> tuple[int, str] | None:
    """Exit status and the one line for an error that a user can do something about; None for a bug of ours."""
    message = " ".join(str(error).split())
    if "No space left on device" in message:  # h5py and safetensors wrap ENOSPC in errors of their own
        where = f" at {error.filename}" if isinstance(error, OSError) and error.filename else ""
        return 1, f"the disk is full{where}; what was finished is kept: free some space and run the same command again"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # the latter is torch's, for GPUs
        return 1, f"out of memory; fewer streams or a smaller batch need less ({message or 'no details'})"
    if isinstance(error, Stopped):
        return INTERRUPTED, message or "stopped"
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "stopped by Ctrl-C"
    if isinstance(error, BadInput | GymnasiumError):
        return 2, message or type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        return 2, message
    if isinstance(error, WorkerDied):
        return 1, message
    if isinstance(error, OSError):
        if error.filename is not None and error.strerror:
            message = f"{error.strerror}: {error.filename}"
        return 1, message or type(error).__name__
    return None


def _say(line: str, status: int) -> int:
    print(f"worldsim: {line}", file=sys.stderr)
    return status
