"""When a recording goes on in a new file: by the clock, and by the size of the file."""

from __future__ import annotations

import re
from typing import NamedTuple

from obi_widgets.checks import number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.market_data.venues.replies import FOREVER, SECOND

SHORTEST, LONGEST = 5.0, 86_400.0
"""Bounds of the time that a file covers, seconds. A file of a day at most: then a day can be loaded
without the others."""

SMALLEST, LARGEST = 1e5, 1e12
"""Bounds of the size of a file, bytes."""

USUAL = "1h"

_TIMES = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


class Rotation(NamedTuple):
    """When a new file begins.

    Attributes
    ----------
    period : int
        A new file begins at each multiple of it since 1970 UTC, ns: for an hour, at full hours.
    size : int
        A new file begins when one has as many bytes.
    """

    period: int
    size: int = FOREVER

    def due(self, begun: int, now: int, size: int) -> bool:
        """Return whether a file that began at ``begun``, ns UTC, is followed by a new one now."""
        # Another period may be an earlier one: the clock was set back.
        return size >= self.size or now // self.period != begun // self.period


def rotation(rotate: object, max_size: object) -> Rotation:
    """Return when a new file begins.

    Parameters
    ----------
    rotate : float or str
        Seconds, or text such as ``"15min"``, ``"1h"`` or ``"1d"``.
    max_size : float, str or None
        Bytes, or text such as ``"100MB"``; None for no limit.

    Raises
    ------
    SettingsError
        If one of them is something else, or out of its bounds.
    """
    seconds = number(
        "rotate",
        _amount("rotate", rotate, _TIMES, "seconds, or a time such as '15min', '1h' or '1d'"),
        SHORTEST,
        LONGEST,
        "seconds",
    )
    period = round(seconds * SECOND)
    if max_size is None:
        return Rotation(period)
    size = number(
        "max_size",
        _amount("max_size", max_size, _SIZES, "bytes, or a size such as '100MB'"),
        SMALLEST,
        LARGEST,
        "bytes",
    )
    return Rotation(period, round(size))


def _amount(name: str, value: object, units: dict[str, float], what: str) -> object:
    """Return an amount in the smallest unit; a number as it is."""
    if not isinstance(value, str):
        return value
    found = _AMOUNT.fullmatch(value)
    if found is None or found[2].lower() not in units:
        raise SettingsError(f"{name} = {quoted(value)} is not possible.", f"Give {what}.")
    return float(found[1]) * units[found[2].lower()]
