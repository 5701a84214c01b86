"""RaceTrack: Gymnasium's CarRacing, drawing only what is on the picture. Needs Box2D."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pygame
from gymnasium.envs.box2d import car_racing
from numpy.typing import NDArray
from pygame import gfxdraw

_GRASS = car_racing.GRASS_DIM * np.array(
    [[(x + 1, y), (x, y), (x, y + 1), (x + 1, y + 1)] for x in range(-20, 20, 2) for y in range(-20, 20, 2)],
    np.float64,
)  # (400, 4, 2): the lighter squares of the meadow
_WINDOW = np.array([car_racing.WINDOW_W, car_racing.WINDOW_H])
_CORNERS = _WINDOW * np.array([(0, 0), (1, 0), (0, 1), (1, 1)])


class RaceTrack(car_racing.CarRacing):
    """``CarRacing-v3`` whose steps take less than half the time (``worldsim bench --only games``): the same pixels.

    Gymnasium turns and draws each of some 700 polygons in Python, on screen or not, and loads a font for the bar of
    indicators, at every step. Here numpy turns those near by at once, those off the screen are left out, and
    observations have no bar: rows 84 to 95 are what lies under it. ``render()`` shows the bar.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._track: list[Any] | None = None
        self._corners = self._middles = self._radii = _GRASS
        self._canvas = pygame.Surface((car_racing.WINDOW_W, car_racing.WINDOW_H))

    def _render(self, mode: str) -> Any:
        if mode != "state_pixels" or "t" not in self.__dict__:
            return super()._render(mode)
        game: Any = self  # its class has no types
        self.surf: Any = self._canvas
        angle = -game.car.hull.angle
        # In the first second the camera comes closer.
        zoom = 0.1 * car_racing.SCALE * max(1 - self.t, 0) + car_racing.ZOOM * car_racing.SCALE * min(self.t, 1)
        x, y = (-c * zoom for c in game.car.hull.position)
        cos, sin = math.cos(angle), math.sin(angle)
        shift = (car_racing.WINDOW_W / 2 + x * cos - y * sin, car_racing.WINDOW_H / 4 + x * sin + y * cos)
        self._render_road(zoom, shift, angle)
        game.car.draw(self.surf, zoom, shift, angle, False)
        self.surf = pygame.transform.flip(self.surf, False, True)
        return game._create_image_array(self.surf, (car_racing.STATE_W, car_racing.STATE_H))

    def _render_road(self, zoom: float, translation: tuple[float, float], angle: float) -> None:
        if self._track is not self.road_poly:  # a new one at each reset
            self._track = self.road_poly
            self._corners = np.concatenate([_GRASS, np.array([corners for corners, _ in self.road_poly], np.float64)])
            self._middles = self._corners.mean(1)
            self._radii = np.linalg.norm(self._corners - self._middles[:, None], axis=2).max(1)
        game: Any = self
        end = car_racing.PLAYFIELD
        if self._surrounded(zoom, translation, angle):
            self.surf.fill(self.bg_color)
        else:  # black lies beyond the field
            self.surf.fill(0)
            field = [(end, end), (end, -end), (-end, -end), (-end, end)]
            game._draw_colored_polygon(self.surf, field, self.bg_color, zoom, translation, angle, clip=False)
        # Those near the middle of the window first, of which most are on it: to turn all takes longer.
        reach = np.linalg.norm(_WINDOW) / 2 / zoom + self._radii + 1
        middle = self._back(_WINDOW / 2, zoom, translation, angle)
        near = np.flatnonzero(((self._middles - middle) ** 2).sum(1) < reach**2)
        shown = self._turned(self._corners[near], zoom, translation, angle)  # (n, 4, 2)
        on_screen = ((shown.max(1) >= -1) & (shown.min(1) <= _WINDOW + 1)).all(1)
        for i, points in zip(near[on_screen].tolist(), shown[on_screen].tolist(), strict=True):
            colour = self.grass_color if i < len(_GRASS) else [int(c) for c in self.road_poly[i - len(_GRASS)][1]]
            gfxdraw.aapolygon(self.surf, points, colour)
            gfxdraw.filled_polygon(self.surf, points, colour)

    def _surrounded(self, zoom: float, translation: tuple[float, float], angle: float) -> bool:
        """Whether nothing but the playing field is in view: the window's corners lie on it."""
        return bool(np.abs(self._back(_CORNERS, zoom, translation, angle)).max() < car_racing.PLAYFIELD - 1)

    @staticmethod
    def _turned(
        places: NDArray[np.float64], zoom: float, translation: tuple[float, float], angle: float
    ) -> NDArray[np.float64]:
        """Where places of the world (..., 2) are on the window."""
        x, y = places[..., 0], places[..., 1]
        cos, sin = math.cos(angle), math.sin(angle)
        return np.stack([x * cos - y * sin, x * sin + y * cos], -1) * zoom + np.asarray(translation)

    @staticmethod
    def _back(
        pixels: NDArray[np.float64], zoom: float, translation: tuple[float, float], angle: float
    ) -> NDArray[np.float64]:
        """Where pixels of the window (..., 2) are in the world."""
        x, y = np.moveaxis((pixels - np.asarray(translation)) / zoom, -1, 0)
        cos, sin = math.cos(angle), math.sin(angle)
        return np.stack([x * cos + y * sin, y * cos - x * sin], -1)
