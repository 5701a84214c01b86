"""Pac-Man as numpy code: the real game that the worlds learn."""
