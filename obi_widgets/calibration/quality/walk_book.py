"""What an order of a size costs when it takes the book's levels one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import number
from obi_widgets.history.given import as_history
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST
from obi_widgets.signals.coverage import ROUNDING
from obi_widgets.trading.quotes import quotes_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

SINGLE = 1 - 1e-7
"""Sizes are kept as float32: a book that holds a size to within its rounding holds it."""


@dataclass(frozen=True)
class Walk:
    """The cost of a size in each state; arrays of shape (2, T), buying first.

    Attributes
    ----------
    bps : ndarray of float64
        1e4 · (VWAP of the levels taken − mid) / mid for buying, and the opposite for selling; above
        0. NaN without both sides, and where the book ends.
    ends : ndarray of bool
        Whether the kept levels end before the size is filled.
    inferred : ndarray of bool
        Whether the last level that it takes lies beyond the known range of the book.
    """

    bps: Floats
    ends: Flags
    inferred: Flags


def walk(history: History, size: float, depth: float) -> Walk:
    """Return the cost of a size in each state, with all sizes of the book times ``depth``."""
    # A part of each level is as a larger order in the whole of it.
    prices = quotes_of(history, size / depth * SINGLE)
    mid, both = history.mid, ~np.isnan(history.mid)
    last = np.stack([prices.buy_last, prices.sell_last])
    ends = np.isnan(last) & both
    with np.errstate(invalid="ignore"):
        away = 1e4 * np.abs(last - mid) / mid
        guessed = away > history.reach[::-1] * ROUNDING  # buying takes asks
        bps = 1e4 * np.stack([prices.buy - mid, mid - prices.sell]) / mid
    unknown = ends | ~both | (guessed & history.strict)
    return Walk(np.where(unknown, np.nan, bps), ends, guessed)


def checked_size(value: object, name: str = "size") -> float:
    """Return a size in base units, refused unless a book can hold it."""
    return number(name, value, SMALLEST, LARGEST, "base units")


def checked_depth(value: object) -> float:
    """Return the part of the book that is there, such as 0.5 for depth halved."""
    return number("depth", value, 0.01, 100, "times the depth that there was")


def walk_book(history: History, size: float, *, depth: float = 1.0) -> pd.DataFrame:
    """Return what buying and selling a size at once would cost in each state, beyond mid.

    The order takes level after level: its price is their mean, weighted by what it takes of each
    (VWAP). Where the kept levels end before the size is filled, the book ends here: there is no
    price, and none is extrapolated.

    Parameters
    ----------
    history : History
        T states.
    size : float
        Base units.
    depth : float
        What if each level had so many times its size: 0.5 is depth halved. 0.01 to 100. It changes
        no price, and does not say how other orders would answer.

    Returns
    -------
    DataFrame
        A row for each state, index ``time`` (UTC). Columns:

        - ``buy_bps``: 1e4 · (VWAP − mid) / mid; ``sell_bps``: 1e4 · (mid − VWAP) / mid. Bps of
          mid, before fees; half the spread for a size that the best level has, and more beyond.
          NaN where the book ends or has not both sides, in gaps, and where a strict history does
          not know a level that is taken.
        - ``buy_ends``, ``sell_ends``: whether the kept levels end before the size is filled. More
          may rest beyond them: load with more ``levels``.
        - ``buy_inferred``, ``sell_inferred``: whether the order reaches beyond the known range of
          the book, see `obi_widgets.inferred`: levels may be missing, and the cost may be less.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If the size or the depth is out of its range.

    Examples
    --------
    Three levels a side, of one unit each:

    >>> import obi_widgets as obi
    >>> history = obi.History.from_arrays(
    ...     [1_700_000_000_000_000_000],
    ...     bid_price=[[99.0, 98.0, 97.0]], bid_size=[[1.0, 1.0, 1.0]],
    ...     ask_price=[[101.0, 102.0, 103.0]], ask_size=[[1.0, 1.0, 1.0]],
    ... )
    >>> obi.walk_book(history, 2)["buy_bps"].round(3).tolist()
    [150.0]
    >>> obi.walk_book(history, 2, depth=0.5)["buy_ends"].tolist()
    [True]
    """
    import pandas as pd

    history = as_history(history)
    found = walk(history, checked_size(size), checked_depth(depth))
    index = pd.DatetimeIndex(
        pd.to_datetime(history.time.view("datetime64[ns]"), utc=True), name="time"
    )
    columns = {
        f"{side}_{name}": values[at]
        for name, values in (("bps", found.bps), ("ends", found.ends), ("inferred", found.inferred))
        for at, side in enumerate(("buy", "sell"))
    }
    return pd.DataFrame(columns, index=index)
