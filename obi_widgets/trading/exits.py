"""What ends a position before its hold is over: the signal, or the price.

By the signal, at each state, for a position of either side:

- *flip*: the signal is beyond the threshold of the other side;
- *fade*: the signal, with the position's sign, is below a share of the threshold;
- *deceleration*: it has fallen by more than a share of the threshold within some seconds.

By the price at which the position could be left in that state, before fees: it is worse than the
entry's by *stop* bps, or better by *target* bps.

An exit is decided at a state after the entry's that has both sides of the book. Its order then
takes its time as that of a hold that is over. Where several hold, the first of stop, target, flip,
fade, deceleration is told. A state without a value ends no position by the signal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.trading.declared import STRENGTH, leaves_early
from obi_widgets.trading.sizing import weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int8]

HOLD, FADE, FLIP, DECELERATION, STOP, TARGET = range(6)
"""Why a position was left, as the arrays have it; see `WORDS`."""

WORDS = ("held", "fade", "flip", "deceleration", "stop", "target")

EDGE = 1e-9
"""Tolerance of stop and target in bps, so that rounding does not exclude a price on them."""


class Exits(NamedTuple):
    """What ends positions early.

    Attributes
    ----------
    long, short : ndarray of int8, shape (T,)
        By state: why the signal ends a position of that side, 0 if it does not. Without any early
        exit, also by the price, both have the shape (0,).
    stops : ndarray of float64, shape (1,) or (11,)
        Fractions of the entry price, infinite for none: one for all entries, or one for each grade;
        see `sizing`.
    target : float
        Fraction of the entry price, infinite for none.
    """

    long: Codes
    short: Codes
    stops: Floats
    target: float

    def rows(self, rows: slice) -> Exits:
        """Return those of some states."""
        return self._replace(long=self.long[rows], short=self.short[rows])


NONE = Exits(np.empty(0, np.int8), np.empty(0, np.int8), np.array([np.inf]), np.inf)
"""Positions are held to their time."""


def exits_of(history: History, values: Floats, parameters: Chosen, first: int = 0) -> Exits:
    """Return what ends positions early, at the states from one on.

    Parameters
    ----------
    history : History
        T states.
    values : ndarray of float64, shape (T,)
        What is compared with the threshold, from `first_compared` on.
    parameters : Chosen
        All settings.
    first : int
        First state that is needed.
    """
    if not leaves_early(parameters):
        return NONE
    codes = np.zeros((2, len(history)), np.int8)
    begin, past = first_compared(history, parameters, first), values[:0]
    if parameters.exit_deceleration is not None:
        past = _past(history[begin:], values[begin:], parameters)[first - begin :]
    for of_side, side in zip(codes, (+1, -1), strict=True):
        now, code = side * values[first:], of_side[first:]
        # A comparison with NaN is false.
        if parameters.exit_deceleration is not None:
            fall = parameters.exit_deceleration * parameters.threshold
            code[side * past - now > fall] = DECELERATION
        if parameters.exit_fade is not None:
            code[now < parameters.exit_fade * parameters.threshold] = FADE
        if parameters.exit_flip == "on":
            code[now < -parameters.threshold] = FLIP
    return Exits(codes[0], codes[1], *bounds(parameters))


def bounds(parameters: Chosen) -> tuple[Floats, float]:
    """Return stops and target as fractions of the entry's price; infinite for none.

    There is one stop for all entries, or one for each grade.
    """
    stop, share = parameters.stop_bps, np.ones(1)
    if stop is None:
        return np.array([np.inf]), _fraction(parameters.target_bps)
    if parameters.stop_by == STRENGTH:
        share = weights(parameters)
    return (stop * share - EDGE) / 1e4, _fraction(parameters.target_bps)


def first_compared(history: History, parameters: Chosen, first: int) -> int:
    """Return the first state whose value is needed to decide exits from a state on."""
    if parameters.exit_deceleration is None or first >= len(history):
        return first
    since = history.time[first] - round(parameters.deceleration_seconds * 1e9)
    return max(min(first, int(np.searchsorted(history.time, since, "right")) - 1), 0)


def _past(history: History, values: Floats, parameters: Chosen) -> Floats:
    """Return the value of the newest state that is as old as a deceleration takes.

    NaN where the book was lost since, or these states do not reach back.
    """
    time = history.time
    window = round(parameters.deceleration_seconds * 1e9)
    at = np.searchsorted(time, time - window, "right") - 1
    lost = np.maximum.accumulate(np.where(history.lost, np.arange(len(time)), -1))
    return np.where((at >= 0) & (at > lost), values[at], np.nan)


def _fraction(bps: float | None) -> float:
    return np.inf if bps is None else (bps - EDGE) / 1e4


def reason(exits: Exits, row: int, side: int, entry: float, price: float, grade: int) -> int:
    """Return why a position is left at a state; 0 if it is not.

    ``price`` is the one at which it could be left there.
    """
    if side * price <= side * (entry * (1 - side * of_grade(exits.stops, grade))):
        return STOP
    if side * price >= side * (entry * (1 + side * exits.target)):
        return TARGET
    return int((exits.long if side > 0 else exits.short)[row])


def of_grade(values: Floats, grade: int) -> float:
    """Return the value of a grade, where one alone stands for all."""
    return float(values[min(grade, len(values) - 1)])


def first_left(
    exits: Exits, rows: range, side: int, entry: float, prices: Floats, grade: int
) -> int:
    """Return the first of some states at which a position is left; -1 if there is none.

    ``prices`` of these states are NaN where the book is not whole.
    """
    code = (exits.long if side > 0 else exits.short)[rows.start : rows.stop]
    stopped = side * prices <= side * (entry * (1 - side * of_grade(exits.stops, grade)))
    reached = side * prices >= side * (entry * (1 + side * exits.target))
    left = (stopped | reached | (code != 0)) & ~np.isnan(prices)
    at = int(np.argmax(left)) if len(left) else 0
    return rows.start + at if len(left) and left[at] else -1
