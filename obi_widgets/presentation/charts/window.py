"""The part of time that a chart shows, in columns of pixels."""

from __future__ import annotations

from typing import NamedTuple

PIXELS = 600
"""Pixel columns of a window."""


class Window(NamedTuple):
    """The part of time that a chart shows, and the width of a column; nanoseconds."""

    start: int
    end: int
    column: int

    @classmethod
    def ending(cls, newest: int, seconds: float) -> Window:
        """Return the window of a length in seconds that ends with the newest state's column."""
        column = max(1, round(seconds * 1e9 / PIXELS))
        end = (newest // column + 1) * column
        return cls(end - PIXELS * column, end, column)
