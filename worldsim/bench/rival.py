"""The nearest rival, in an interpreter of its own: it wants torchvision, which worldsim never brings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from worldsim.bench.contest import Timer
from worldsim.errors import BadInput

VERSION = "1.1.0"
_INSTALL = (
    f"python -m venv RIVAL; RIVAL/bin/pip install simulusion=={VERSION}; worldsim bench --rival-python RIVAL/bin/python"
)


class Rival:
    """simulusion's VAE + MDN-RNN of CarRacing size; ``close()`` ends its process.

    Args:
        python: an interpreter that can import it; None takes this one if it can.
        threads: of its torch.
    """

    def __init__(self, python: str | None, threads: int) -> None:
        self.name, self.note = f"simulusion {VERSION} MDN-RNN", ""
        self._process: subprocess.Popen[str] | None = None
        if python is None and find_spec("simulusion") is None:
            self.note = f"not installed: {_INSTALL}"
            return
        if shutil.which(python or sys.executable) is None:
            raise BadInput(f"--rival-python: expected an interpreter with simulusion, found no program {python}")
        many = str(threads)
        self._process = subprocess.Popen(
            [python or sys.executable, str(Path(__file__).with_name("rival_process.py")), many],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": many, "MKL_NUM_THREADS": many, "PYTHONPATH": ""},
        )
        about = self._read()
        self.name = f"simulusion {about['version']} MDN-RNN"
        self.note = f"torch {about['torch']}"

    def steps(self, rows: int) -> Timer | None:
        """Its steps of ``rows`` streams."""
        return self._timer("steps", rows)

    def frames(self, rows: int) -> Timer | None:
        """Pictures that it decodes from ``rows`` latent vectors at once."""
        return self._timer("frames", rows)

    def close(self) -> None:
        """End its process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(10)

    def _timer(self, what: str, rows: int) -> Timer | None:
        if self._process is None:
            return None
        return lambda pace: float(self._ask({"what": what, "rows": rows, **asdict(pace)})["rate"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            program = cast(list[str], self._process.args)[0]
            raise BadInput(f"--rival-python {program} cannot run simulusion; {_INSTALL}")
        return dict(json.loads(line))
