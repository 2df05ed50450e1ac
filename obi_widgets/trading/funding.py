"""Funding: what a perpetual's position pays or gets at each funding time that it is held over.

At a funding time F the long side pays the short side the rate of the value of its position at the
mark price; with a negative rate it gets it. A position pays that was entered before F and is left
at F or later. In basis points of the entry price, + for what is received::

    funding = −side · 1e4 · Σ rate(F) · mark(F) / entry price

Of inverse contracts, whose value in quote currency does not move, it is −side · 1e4 · Σ rate(F).

The rate is the last one told before F, since venues fix it then; the mark price is the last one
told up to F. F is a funding time only if it was still told to be the next one just before: a venue
may change its interval. Some venues charge within a few seconds of F by their own rules, which are
not modelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.context import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LATE = 90 * 10**9
"""How long after an entry, or after funding, the next funding time may be told, ns. It is noted
once a minute, and as soon as it changes."""

NOT_KNOWN = (
    "Funding is not known: the history has no funding times. A recording of a perpetual has them "
    "where the venue sends them."
)


def told(history: History, name: str) -> tuple[Ints, Floats]:
    """Return times and values of one kind of context, in order of the exchange's time.

    A value that is NaN, as a context of other data may have it, tells nothing.
    """
    context = history.context
    rows = np.flatnonzero((context.code == NAMES.index(name)) & ~np.isnan(context.value))
    rows = rows[np.argsort(context.time[rows], kind="stable")]
    return context.time[rows], context.value[rows]


def last(times: Ints, values: Floats, at: Ints, side: str) -> Floats:
    """Return the last value told before each time (``"left"``), or up to it (``"right"``)."""
    return np.append(values, np.nan)[np.searchsorted(times, at, side=side) - 1]  # type: ignore[call-overload]


def fundings(history: History) -> tuple[Ints, Floats]:
    """Return the funding times of a history, ns, and what a long pays, in quote currency a unit.

    Of inverse contracts it is the rate. NaN where the rate is not known.
    """
    times, values = told(history, "next_funding")
    due = np.unique(np.round(values * 1e9).astype(np.int64))
    due = due[
        np.round(np.nan_to_num(last(times, values, due, "left")) * 1e9).astype(np.int64) == due
    ]
    paid = last(*told(history, "funding_rate"), due, "left")
    if not history.instrument.inverse:
        mark = last(*told(history, "mark"), due, "right")
        rows = np.searchsorted(history.time, due, side="right") - 1
        mid = np.append(history.mid, np.nan)[rows]
        paid = paid * np.where(np.isnan(mark), mid, mark)
    return due, paid


def funding_bps(history: History, trades: Trades) -> Floats:
    """Return what each position got by funding, bps of its entry price; see the module.

    Parameters
    ----------
    history : History
        Its context has funding rates and the times of the next funding.
    trades : Trades
        N positions.

    Returns
    -------
    ndarray of float64, shape (N,)
        + for what is received, 0 if no funding time was within the hold. NaN where it is not known:
        without funding times or a rate, and of what has not been left.
    """
    times, values = told(history, "next_funding")
    entered, left = trades.entry_time, trades.exit_time
    if not len(times):
        return np.full(len(entered), np.nan)
    due, paid = fundings(history)
    sums = np.append(0.0, np.cumsum(paid))
    first, end = (np.searchsorted(due, one, side="right") for one in (entered, left))
    # NaN stays in all sums behind it, so each hold is added up by itself where one is unknown.
    total = sums[np.maximum(end, first)] - sums[first]
    for n in np.flatnonzero(np.isnan(total)):
        total[n] = paid[first[n] : end[n]].sum()
    next_after = last(times, values, left + LATE, "right") * 1e9
    known = (left > 0) & (times[0] <= entered + LATE) & (next_after >= left)
    scale = 1.0 if history.instrument.inverse else trades.entry_price
    with np.errstate(invalid="ignore"):
        # Adding 0 keeps what pays nothing from being minus zero.
        return np.where(known, -1e4 * trades.side * total / scale, np.nan) + 0.0
