"""What holds at a market now, besides its book: mark, funding, open interest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.context import NAMES

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

HOUR = 3_600 * 10**9


class MarketNow(NamedTuple):
    """The newest values; NaN where the venue has not told them.

    Attributes
    ----------
    time : int
        Of the newest state, ns; 0 without one.
    mid, mark : float
        Quote currency.
    funding_rate : float
        Fraction per funding interval; + if longs pay.
    funding_in : float
        Seconds until it is paid next.
    open_interest : float
        Base units.
    before : float
        Open interest an hour ago, or when it was first told.
    before_seconds : float
        How long ago that was.
    """

    time: int = 0
    mid: float = np.nan
    mark: float = np.nan
    funding_rate: float = np.nan
    funding_in: float = np.nan
    open_interest: float = np.nan
    before: float = np.nan
    before_seconds: float = np.nan

    @classmethod
    def of(cls, history: History) -> MarketNow:
        """Return what holds at the last state of a history."""
        if not len(history):
            return cls()
        newest, context = history[-1:], history.context
        time = int(newest.time[0])
        mark, rate, interest, paid = (
            float(context.at(newest, name)[0])
            for name in ("mark", "funding_rate", "open_interest", "next_funding")
        )
        told = np.flatnonzero(context.code == NAMES.index("open_interest"))
        before = before_seconds = np.nan
        if len(told) and not np.isnan(interest):
            # What held an hour ago; what was told first, if that is later.
            at = int(np.searchsorted(context.time[told], time - HOUR, "right")) - 1
            row = int(told[max(at, 0)])
            before, since = float(context.value[row]), max(int(context.time[row]), time - HOUR)
            before_seconds = (time - since) / 1e9
        return cls(
            time,
            float(newest.mid[0]),
            mark,
            rate,
            max(paid - time / 1e9, 0.0),
            interest,
            before,
            before_seconds,
        )
