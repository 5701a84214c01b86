"""The errors that a user meets: one line each, saying what was expected, what came and what to do."""

from __future__ import annotations


class BadInput(ValueError):
    """Something the user gave is not usable; the command line prints the message alone and exits with 2."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C during a long job, after the job saved itself; the message says what was kept and how to go on."""


class WorkerDied(RuntimeError):
    """A process that worked for this one went away; the message names it. The command line exits with 1."""
