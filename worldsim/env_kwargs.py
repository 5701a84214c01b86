"""An environment's arguments as a command line has them."""

from __future__ import annotations

import json
from typing import Any

from worldsim.errors import BadInput


def parse_kwargs(text: str) -> dict[str, Any]:
    """Arguments for an environment from JSON."""
    try:
        kwargs = json.loads(text)
    except ValueError as error:
        raise BadInput(f"--env-kwargs must be JSON such as '{{\"ghosts\": 2}}', got {text!r} ({error})") from None
    if not isinstance(kwargs, dict):
        raise BadInput(f"--env-kwargs must be a JSON object such as '{{\"ghosts\": 2}}', got {text!r}")
    return kwargs
