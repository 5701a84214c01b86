"""PlayerWindow: a pygame window with a crisp picture, a strip of numbers below it, and key events."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from worldsim.errors import BadInput

if TYPE_CHECKING:
    import pygame

STRIP = 76  # height of the strip in pixels at a window of BASE pixels; everything grows with the window
BASE = 672
NARROWEST = 480

Colour = tuple[int, int, int]
BACKGROUND: Colour = (15, 16, 21)
STRIP_COLOUR: Colour = (25, 27, 35)
LABEL: Colour = (128, 135, 152)
TEXT: Colour = (237, 239, 245)
LIT: Colour = (255, 203, 70)

_SPELLINGS = {"[+]": "+", "[-]": "-", "[.]": ".", "enter": "return"}  # the number pad means the same


@contextlib.contextmanager
def quiet_sdl(hidden: bool = False) -> Iterator[None]:
    """No greeting, no sound (play makes none, and ALSA complains without a card), and no display if ``hidden``.

    Around the environment too: many draw with pygame themselves. The variables are given back afterwards.
    """
    wanted = {"PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_AUDIODRIVER": os.environ.get("SDL_AUDIODRIVER", "dummy")}
    if hidden:
        wanted["SDL_VIDEODRIVER"] = "dummy"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class WindowEvent(NamedTuple):
    """Something that a person did to the window."""

    kind: Literal["press", "release", "blur", "close"]
    key: str = ""
    shift: bool = False
    ctrl: bool = False


class Cell(NamedTuple):
    """A number of the strip."""

    label: str
    value: str
    lit: bool = False


class Hud(NamedTuple):
    """All that is drawn beside the picture itself."""

    cells: Sequence[Cell]
    pill: str = ""  # a word in the picture's corner
    banner: Sequence[str] = ()  # lines in the middle, the first one large
    toast: str = ""  # a line at the picture's foot
    keys: Sequence[tuple[str, str]] = ()  # the table of keys, while it is asked for


class PlayerWindow:
    """Opens on construction, best inside `quiet_sdl`. pygame is imported only here.

    Args:
        title: of the window.
        shape: (H, W, ...) of the frames; decides the first size.
        size: about how many pixels the longer side of the picture gets.
    """

    def __init__(self, title: str, shape: Sequence[int], size: int = BASE) -> None:
        """Open it."""
        import pygame

        self._pygame = pygame
        scale = max(1, size // max(shape[:2]))
        width = max(shape[1] * scale, NARROWEST)
        try:
            pygame.display.init()
            pygame.font.init()
            check_display(pygame.display.get_driver())
            self.surface = pygame.display.set_mode((width, shape[0] * scale + _strip(width)), pygame.RESIZABLE)
        except pygame.error as error:
            raise BadInput(no_display(str(error))) from None
        pygame.display.set_caption(title)
        pygame.event.clear()
        self._texts: dict[tuple[str, int, Colour], pygame.Surface] = {}
        self._fonts: dict[int, pygame.font.Font] = {}

    def events(self) -> Iterator[WindowEvent]:
        """What happened since the last call."""
        pg = self._pygame
        for event in pg.event.get():
            if event.type == pg.QUIT:
                yield WindowEvent("close")
            elif event.type == pg.WINDOWFOCUSLOST:
                yield WindowEvent("blur")
            elif event.type in (pg.KEYDOWN, pg.KEYUP):
                name = pg.key.name(event.key).lower()
                kind: Literal["press", "release"] = "press" if event.type == pg.KEYDOWN else "release"
                mod = getattr(event, "mod", 0)
                yield WindowEvent(kind, _SPELLINGS.get(name, name), bool(mod & pg.KMOD_SHIFT), bool(mod & pg.KMOD_CTRL))

    def post(self, event: WindowEvent) -> None:
        """Put an event into the queue, as if a person had caused it (scripts and tests)."""
        pg = self._pygame
        if event.kind == "close":
            pg.event.post(pg.event.Event(pg.QUIT))
            return
        if event.kind == "blur":
            pg.event.post(pg.event.Event(pg.WINDOWFOCUSLOST))
            return
        mod = (pg.KMOD_LSHIFT if event.shift else 0) | (pg.KMOD_LCTRL if event.ctrl else 0)
        kind = pg.KEYDOWN if event.kind == "press" else pg.KEYUP
        pg.event.post(pg.event.Event(kind, key=self.key_code(event.key), mod=mod))

    def key_code(self, key: str) -> int:
        """The code of a key's name; `BadInput` if there is no such key."""
        try:
            return int(self._pygame.key.key_code(key))
        except ValueError:
            raise BadInput(f"no key is called {key!r}; expected names like right, space, a, 1, f1") from None

    def draw(self, frame: np.ndarray, hud: Hud) -> None:
        """Show a frame (H, W, 3) uint8 and the strip."""
        pg = self._pygame
        width, height = self.surface.get_size()
        strip = _strip(width)
        self.surface.fill(BACKGROUND)
        shown = self._draw_picture(frame, width, height - strip)
        if hud.pill:
            self._plate([hud.pill], 24, (shown.left + 12, shown.top + 12), "topleft", LIT)
        if hud.banner:
            self._plate(hud.banner, 32, (shown.centerx, shown.top + shown.height // 4), "center", LIT)
        if hud.keys:
            self._draw_keys(hud.keys, shown)
        if hud.toast:
            self._plate([hud.toast], 22, (shown.centerx, shown.bottom - 14), "midbottom", TEXT)
        self._draw_strip(hud.cells, width, height, strip)
        pg.display.flip()

    def save(self, path: Path) -> None:
        """Write what the window shows as a picture."""
        try:
            self._pygame.image.save(self.surface, str(path))
        except self._pygame.error as error:
            raise OSError(f"could not write {path}: {error}") from None

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()

    def _draw_picture(self, frame: np.ndarray, width: int, height: int) -> pygame.Rect:
        """The frame in the middle, blown up by a whole number: square, crisp pixels."""
        pg = self._pygame
        rows, columns = frame.shape[:2]
        scale: float = min(width / columns, height / rows)
        scale = max(int(scale), 1) if scale >= 1 else scale
        size = (max(1, int(columns * scale)), max(1, int(rows * scale)))
        image = pg.image.frombuffer(np.ascontiguousarray(frame), (columns, rows), "RGB")
        shown = pg.Rect((width - size[0]) // 2, (height - size[1]) // 2, *size)
        self.surface.blit(pg.transform.scale(image, size), shown)  # nearest neighbour
        return shown

    def _draw_strip(self, cells: Sequence[Cell], width: int, height: int, strip: int) -> None:
        pg = self._pygame
        pg.draw.rect(self.surface, STRIP_COLOUR, (0, height - strip, width, strip))
        pg.draw.line(self.surface, LIT, (0, height - strip), (width, height - strip))
        step = width / max(1, len(cells))
        for i, cell in enumerate(cells):
            x = round((i + 0.5) * step)
            label = self._text(cell.label.upper(), 16, LABEL)
            value = self._text(cell.value, 28, LIT if cell.lit else TEXT)
            self.surface.blit(label, label.get_rect(midbottom=(x, height - strip * 0.58)))
            self.surface.blit(value, value.get_rect(midtop=(x, height - strip * 0.52)))

    def _draw_keys(self, rows: Sequence[tuple[str, str]], shown: pygame.Rect) -> None:
        """The table of keys, two columns on a dark plate."""
        pairs = [(self._text(key, 22, LIT), self._text(text, 22, TEXT)) for key, text in rows]
        left = max(key.get_width() for key, _ in pairs)
        line = max(key.get_height() for key, _ in pairs) + self._unit(7)
        pad = self._unit(20)
        width = left + pad + max(text.get_width() for _, text in pairs)
        plate = self._shade((width + 2 * pad, line * len(pairs) + 2 * pad), shown.center, "center")
        for i, (key, text) in enumerate(pairs):
            y = plate.top + pad + i * line
            self.surface.blit(key, (plate.left + pad, y))
            self.surface.blit(text, (plate.left + 2 * pad + left, y))

    def _plate(self, lines: Sequence[str], size: int, where: tuple[int, int], anchor: str, colour: Colour) -> None:
        """Centred lines on a dark plate; the first has the size and the colour, the others are smaller."""
        texts = [self._text(line, size if i == 0 else 22, colour if i == 0 else TEXT) for i, line in enumerate(lines)]
        pad = self._unit(10 if len(lines) == 1 else 18)
        gap = self._unit(6)
        high = sum(text.get_height() + gap for text in texts) - gap
        plate = self._shade((max(text.get_width() for text in texts) + 2 * pad, high + 2 * pad), where, anchor)
        y = plate.top + pad
        for text in texts:
            self.surface.blit(text, text.get_rect(midtop=(plate.centerx, y)))
            y += text.get_height() + gap

    def _shade(self, size: tuple[int, int], where: tuple[int, int], anchor: str) -> pygame.Rect:
        pg = self._pygame
        plate = pg.Surface(size, pg.SRCALPHA)
        pg.draw.rect(plate, (*BACKGROUND, 222), plate.get_rect(), border_radius=self._unit(8))
        rect = plate.get_rect(**{anchor: where})
        self.surface.blit(plate, rect)
        return rect

    def _text(self, text: str, size: int, colour: Colour) -> pygame.Surface:
        """Rendered text, kept: most of it is the same in the next picture."""
        size = self._unit(size)
        kept = self._texts.get((text, size, colour))
        if kept is None:
            if len(self._texts) > 512:
                self._texts.clear()
            if size not in self._fonts:
                self._fonts[size] = self._pygame.font.Font(None, size)
            kept = self._texts[text, size, colour] = self._fonts[size].render(text, True, colour)
        return kept

    def _unit(self, pixels: int) -> int:
        """Pixels of the base design at this window's size."""
        return max(1, round(pixels * _zoom(self.surface.get_width())))


def _zoom(width: int) -> float:
    return min(max(width / BASE, 0.75), 3.0)


def _strip(width: int) -> int:
    return round(STRIP * _zoom(width))


def check_display(driver: str = "") -> None:
    """Refuse to go on without a display: SDL would draw into memory and say nothing.

    Without ``driver`` (what SDL chose) it is the quick look before anything is loaded.
    """
    asked = os.environ.get("SDL_VIDEODRIVER")
    if driver in ("dummy", "offscreen") and asked != driver:
        raise BadInput(no_display(f"SDL would draw into memory, driver {driver!r}"))
    servers = [os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")]
    if sys.platform.startswith("linux") and not asked and not any(servers):
        raise BadInput(no_display("neither DISPLAY nor WAYLAND_DISPLAY is set"))


def no_display(reason: str) -> str:
    """What to do on a machine without a display."""
    return (
        f"no display to open a window on ({reason}): play without one, "
        "worldsim play ... --headless 200 --gif play.gif, or log in with a display (ssh -X)"
    )
