"""What stands on the wire: numbers within their bounds, and frames that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Meta

from obi_widgets.market_data.events import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

# A text of "nan" or "inf" is a float too: in a book it would spoil the order of the levels.
WirePrice: TypeAlias = Annotated[float, Meta(gt=0, lt=1e18)]
WireTime: TypeAlias = Annotated[int, Meta(ge=0, lt=8_000_000_000_000)]
"""Milliseconds, until the year 2223."""

WireSize: TypeAlias = Annotated[float, Meta(ge=0, lt=1e18)]
WireLevel: TypeAlias = tuple[WirePrice, WireSize]

WireStep: TypeAlias = Annotated[float, Meta(ge=1e-12, le=1e9)]
"""A tick size, or a contract size."""

WireId: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""Of an update, in a sequence or of a trade."""

SMALLEST = 1e-18
"""A size on the wire below it is none: times a contract size, a float32 would make it zero."""


def sound(levels: Iterable[tuple[float, float]]) -> bool:
    """Return whether every size is zero, or one that can be held."""
    return not any(0 < size < SMALLEST for _, size in levels)


def text(frame: str | bytes, limit: int = 80) -> str:
    """Return the beginning of a frame, for a message."""
    frame = frame[: 8 * limit]
    if isinstance(frame, bytes):
        frame = frame.decode("utf-8", "replace")
    elif not frame.isascii():  # JSON may hold half a character
        frame = frame.encode("utf-8", "replace").decode()
    frame = " ".join(frame.split())
    return frame if len(frame) <= limit else frame[: limit - 1] + "…"


def refused(frame: str | bytes, now: int, why: str) -> Refused:
    """Return that a frame could not be read."""
    return Refused(now, why, text(frame))


DECODE_ERRORS = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)
"""What msgspec raises for bytes that are not the JSON that was expected: also for what is nested
too deeply, for text that is none, and for numbers of thousands of digits."""
