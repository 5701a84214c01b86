"""Keys: which ones are pressed, and which ones command the player.

What they mean to a game: `worldsim.playing.controls`.

A key is its lower-case name as pygame spells it ("left", "space", "a", "."); nothing here imports pygame.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple


class Command(NamedTuple):
    """Something the player itself does, and the keys that ask for it."""

    name: str
    keys: tuple[str, ...]
    text: str
    needs: str = ""  # "dream" or "agent": shown only where it means something


COMMANDS = (
    Command("pause", ("p", "pause"), "pause, go on"),
    Command("step", (".", "e"), "one step, then pause"),
    Command("restart", ("r", "return"), "restart with a new seed"),
    Command("again", ("shift+r",), "restart with the same seed"),
    Command("next", ("o",), "next opening", "dream"),
    Command("previous", ("shift+o",), "previous opening", "dream"),
    Command("hotter", ("+", "="), "temperature up", "dream"),
    Command("cooler", ("-",), "temperature down", "dream"),
    Command("switch", ("tab", "m"), "person or agent plays", "agent"),
    Command("gif", ("g",), "write a gif of the last minute"),
    Command("screenshot", ("s", "f12"), "write a picture of the window"),
    Command("help", ("h", "f1"), "shows or hides the keys"),
    Command("quit", ("escape",), "quit"),
)
"""Every command. Where the game uses such a key itself, the game has it; with Ctrl held it is always the command."""


_BY_KEY = {key: command.name for command in COMMANDS for key in command.keys}


def command_for(key: str, shift: bool, ctrl: bool, taken: Container[str] = ()) -> str | None:
    """The name of the command that a key press means, or None; ``taken`` are the keys that the game listens to."""
    name = (_BY_KEY.get(f"shift+{key}") if shift else None) or _BY_KEY.get(key)
    return name if ctrl or key not in taken or name == "quit" else None


def command_table(taken: Container[str], dream: bool, agent: bool) -> list[tuple[str, str]]:
    """Rows of (keys, what they do) for the commands that mean something here."""
    rows = []
    for command in COMMANDS:
        if (command.needs == "dream" and not dream) or (command.needs == "agent" and not agent):
            continue
        free = [key for key in command.keys if key not in taken or command.name == "quit"]
        rows.append((" or ".join(spell(key) for key in free or [f"ctrl+{command.keys[0]}"]), command.text))
    return rows


def spell(key: str) -> str:
    """A key as a person reads it: "shift+r" becomes "Shift+R"."""
    return "+".join(part.capitalize() for part in key.split("+")) if len(key) > 1 else key.upper()


class Keyboard:
    """The keys held now, kept from events, and those pressed since the game last asked.

    A tap between two steps of the game waits for the next one, so it is never lost; of several taps the oldest
    is served first, and no more than three wait, so that the game does not lag behind the fingers.
    """

    def __init__(self, twins: Mapping[str, str] | None = None) -> None:
        """Begin with nothing pressed; ``twins`` are keys that count as another one."""
        self.twins = dict(twins or {})
        self.held: list[str] = []  # in the order in which they were pressed
        self.waiting: list[str] = []  # pressed and not yet part of an action, oldest first

    def press(self, key: str) -> None:
        """A key went down."""
        key = self.twins.get(key, key)
        self.release(key)
        self.held.append(key)
        self.waiting = [*(name for name in self.waiting if name != key), key][-3:]

    def release(self, key: str) -> None:
        """A key went up; if the game has not yet seen it, it still waits."""
        key = self.twins.get(key, key)
        if key in self.held:
            self.held.remove(key)

    def clear(self) -> None:
        """Forget everything (the window lost the focus, a new episode begins)."""
        self.held.clear()
        self.waiting.clear()

    def pressed(self) -> list[str]:
        """The keys that count for the next step."""
        return [*self.held, *(key for key in self.waiting if key not in self.held)]

    def serve(self, keys: Iterable[str]) -> None:
        """These keys have become an action: they wait no longer."""
        served = set(keys)
        self.waiting = [key for key in self.waiting if key not in served]
