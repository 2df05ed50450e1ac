"""Parts of frames that venues have in common: numbers and times, and unreadable frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Meta

from obi_widgets.market_data.events import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

# The bounds also refuse NaN and infinity, which would break the order of a book's levels.
WirePrice: TypeAlias = Annotated[float, Meta(gt=0, lt=1e18)]
WireTime: TypeAlias = Annotated[int, Meta(ge=0, lt=8_000_000_000_000)]
"""Milliseconds since 1970; until the year 2223."""

WireSize: TypeAlias = Annotated[float, Meta(ge=0, lt=1e18)]
WireLevel: TypeAlias = tuple[WirePrice, WireSize]

WireStep: TypeAlias = Annotated[float, Meta(ge=1e-12, le=1e9)]
"""A tick size, or a contract size."""

WireId: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""Number of an update or of a trade."""

SMALLEST = 1e-18
"""Smallest size above zero in a frame. Times a contract size, a smaller one is 0 as a float32."""

PAST_TRADE = "trade of before the subscription"
"""By this name a `Refused` is told: the trade is of no state that is known, nor of the flow."""


def step(number: str | float) -> float:
    """Return a tick size of one instrument in a list of many, whose own may be odd.

    Raises
    ------
    ValueError
        If it is not possible.
    """
    return msgspec.convert(number, WireStep, strict=False)


WireMoment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A time as text, such as ``2026-10-06T17:35:55.440295Z``. Digits beyond microseconds are lost."""


def nanoseconds(moment: datetime) -> int:
    """Return a time as nanoseconds since 1970, UTC.

    Raises
    ------
    ValueError
        If it is before 1970 or after 2222.
    """
    if not 1970 <= moment.year < 2223:
        raise ValueError(f"the year {moment.year} is not possible")
    return (moment - _BEGIN) // _MICROSECOND * 1000


_BEGIN, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def sound(levels: Iterable[tuple[float, float]]) -> bool:
    """Return whether every size is zero or large enough to be stored."""
    return not any(0 < size < SMALLEST for _, size in levels)


def text(frame: str | bytes, limit: int = 80) -> str:
    """Return the beginning of a frame, for a message."""
    frame = frame[: 8 * limit]
    if isinstance(frame, bytes):
        frame = frame.decode("utf-8", "replace")
    elif not frame.isascii():  # JSON may contain a lone surrogate
        frame = frame.encode("utf-8", "replace").decode()
    frame = " ".join(frame.split())
    return frame if len(frame) <= limit else frame[: limit - 1] + "…"


def refused(frame: str | bytes, now: int, why: str) -> Refused:
    """Return the event of a frame that could not be read."""
    return Refused(now, why, text(frame))


DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
"""What msgspec raises for bytes that are not the expected JSON: also if they are nested too deeply,
are not UTF-8, or contain numbers of thousands of digits."""
