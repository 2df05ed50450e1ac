"""Checks of books and trades that a user's code gives. Nothing about them is trusted."""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.errors import HistoryError, ObiError, quoted
from obi_widgets.history.incoming import AHEAD, EARLIEST, UNITS, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGEST = 1e18
"""Prices and sizes are below it, as those of venues."""

SMALLEST = 1e-18
"""Sizes are above it: a smaller one is 0 as a float32."""

MOST_LEVELS = 20_000
"""Levels a side that a book may have."""

_CHECK_CLOCK_EVERY = 1024
_WHOLE_BOOKS = "Give whole books, not changes: leave levels out where nothing rests."
_PAIRS = "Give a list of (price, size), or an array of shape (levels, 2)."


class BadBookError(HistoryError):
    """A book or a trade that cannot be used.

    Attributes
    ----------
    kind : str
        The kind of fault in a word or two; refused books are counted by it.
    """

    def __init__(self, kind: str, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.kind = kind


class Sides(NamedTuple):
    """Both sides of a book that is possible, each of shape (N, 2). ``limit`` as in `Snapshot`."""

    bids: Floats
    asks: Floats
    limit: int


def both_sides(bids: object, asks: object) -> Sides:
    """Return the levels of both sides.

    Parameters
    ----------
    bids, asks : array_like of float, shape (N, 2)
        Prices and sizes, in any order. One side may be empty.

    Raises
    ------
    BadBookError
        If values are not numbers, a price or a size is not finite and above 0, a price is there
        twice, the book is crossed, or both sides are empty.
    """
    bids, best_bid = _side(bids, "bids", max)
    asks, best_ask = _side(asks, "asks", min)
    counts = len(bids), len(asks)
    if not any(counts):
        raise BadBookError(
            "empty", "The book is empty.", "Give levels; nothing is known until the next book."
        )
    if all(counts) and best_bid >= best_ask:
        raise BadBookError(
            "crossed",
            f"The best bid {best_bid:.12g} is not below the best ask {best_ask:.12g}.",
            "Check which side is which, and that both are of one moment.",
        )
    # Beyond the last level of a given book nothing is known.
    return Sides(bids, asks, min(counts) or max(counts))


def _side(
    levels: object, name: str, best: Callable[[Iterable[float]], float]
) -> tuple[Floats, float]:
    """Return the levels of a side, shape (N, 2), and its best price; NaN if it is empty.

    It checks by Python's own functions, which for the few levels of most books are faster.
    """
    try:
        side = np.array(levels, np.float64)
    except (TypeError, ValueError):
        raise BadBookError("no numbers", f"{name} = {quoted(levels)}.", _PAIRS) from None
    if not side.size and side.ndim in (1, 2):
        return side.reshape(0, 2), float("nan")
    if side.ndim != 2 or side.shape[1] != 2:
        raise BadBookError("no pairs", f"{name} has shape {side.shape}.", _PAIRS)
    if len(side) > MOST_LEVELS:
        raise BadBookError(
            "too many levels",
            f"{name} has {len(side):,} levels.",
            f"Give the best {MOST_LEVELS:,} or fewer.",
        )
    prices, sizes = side.T.tolist()
    # The sum is NaN if a value is: a comparison with NaN is false, and may hide it.
    if not (min(prices) > 0 and max(prices) < LARGEST and sum(prices) > 0):
        _refuse(side[:, 0], name, "price", 0.0, "Prices are finite and above 0.")
    if not (min(sizes) >= SMALLEST and max(sizes) < LARGEST and sum(sizes) > 0):
        _refuse(side[:, 1], name, "size", SMALLEST, _WHOLE_BOOKS)
    if len(set(prices)) < len(prices):
        twice = next(price for price in prices if prices.count(price) > 1)
        raise BadBookError(
            "price twice",
            f"{name} has the price {twice:.12g} twice.",
            "Give each price once, with all that rests there.",
        )
    return side, best(prices)


def _refuse(values: Floats, name: str, what: str, least: float, advice: str) -> None:
    """Raise an error that names the first value that is not possible."""
    fine = (values >= least) & (values > 0) & (values < LARGEST)
    at = int(np.argmin(fine))
    kind = f"{what} that is no number" if np.isnan(values[at]) else f"{what} out of range"
    raise BadBookError(kind, f"Level {at} of {name} has {what} {values[at]:g}.", advice)


class TimeCheck:
    """Checks times; it reads the clock now and then only, since books come by the thousand."""

    def __init__(self) -> None:
        self._latest = 0
        self._left = 0

    def __call__(self, time: object, name: str = "time") -> int:
        """Return a time as nanoseconds UTC.

        Raises
        ------
        BadBookError
            If it is no time between 1980 and now; the error says which unit would fit.
        """
        if type(time) is int and EARLIEST <= time <= self._latest and self._left:
            self._left -= 1
            return time
        self._latest, self._left = clock.time_ns() + AHEAD, _CHECK_CLOCK_EVERY
        try:
            return moment(name, time)
        except ObiError as error:
            raise BadBookError("no time", error.what, _fitting(time) or error.advice) from None


def _fitting(time: object) -> str:
    """Return the advice for a number in another unit; empty if no unit fits."""
    if isinstance(time, bool) or not isinstance(time, int | float | np.number):
        return ""
    latest = clock.time_ns() + AHEAD
    for unit, factor in UNITS.items():
        if EARLIEST <= float(time) * factor <= latest:
            return (
                f"It fits {unit}: give int({unit} * {factor:,})."
                if factor > 1
                else ("Give it as an int.")
            )
    return ""


def positive(name: str, value: object) -> float:
    """Return a price or a size of a trade.

    Raises
    ------
    BadBookError
        If it is not a finite number above 0.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number < LARGEST:
        raise BadBookError(
            f"{name} of a trade",
            f"The {name} of a trade is {quoted(value)}.",
            "Give a finite number above 0.",
        )
    return number


SIDES = {"buy": 1, "b": 1, "sell": -1, "s": -1}


def taker_side(side: object) -> int:
    """Return +1 if the taker bought, −1 if it sold.

    Raises
    ------
    BadBookError
        If it is neither a number of ±1 nor a word for it.
    """
    if isinstance(side, str) and side.lower() in SIDES:
        return SIDES[side.lower()]
    if isinstance(side, int | float | np.number) and not isinstance(side, bool) and abs(side) == 1:
        return int(side)
    raise BadBookError(
        "side of a trade",
        f"The side of a trade is {quoted(side)}.",
        "Give the taker's side: +1 or 'buy', -1 or 'sell'.",
    )


def trade_id(number: object) -> int:
    """Return the number of a trade.

    Raises
    ------
    BadBookError
        If it is not a whole number of 64 bits.
    """
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or not 0 <= number < 2**62:  # type: ignore[operator]
        raise BadBookError(
            "id of a trade", f"The id of a trade is {quoted(number)}.", "Give a whole number."
        )
    return int(number)  # type: ignore[call-overload, no-any-return]
