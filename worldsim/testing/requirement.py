"""require: an assertion that `python -O` does not remove."""

from __future__ import annotations


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with ``message`` unless ``condition`` holds."""
    if not condition:
        raise AssertionError(message)
