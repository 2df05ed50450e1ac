"""The table of trades, the state that each trade belongs to, and takers' volume per state.

Prices and sizes are integers of decimal steps, so that sums are exact. A trade belongs to the first
kept state that was received *after* it. A trade received in the same nanosecond as a state belongs
to the next state, because it may not have been known yet.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.history.unchecked import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Whole = NDArray[np.signedinteger[Any]]

LARGEST = 2**62
"""Largest sum formed in 64 bits; larger sums use Python's integers."""


@dataclass(frozen=True, eq=False)
class Trades:
    """The trades of a history, in order of receipt. Immutable.

    Attributes
    ----------
    stamps : ndarray of int64, shape (3, N)
        Event time and receive time, ns UTC; the venue's trade id.
    amounts : ndarray of int32 or int64, shape (2, N)
        Price in steps of ``10 ** -price_decimals``; size in lots of ``10 ** -size_decimals`` base
        units, below 0 where the taker sold.
    price_decimals, size_decimals : int
        Decimals of a step.
    start : int
        Number of trades before the first of these.
    streamed : bool
        Whether the source sends trades. If False, as for arrays of books, the table is empty
        because trades are unknown, not because nobody traded.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> trades = history.trades
    >>> bool((trades.size > 0).all()), set(trades.side.tolist()) <= {-1, 1}
    (True, True)
    """

    stamps: Ints
    amounts: Whole
    price_decimals: int = 0
    size_decimals: int = 0
    start: int = 0
    streamed: bool = True

    def __post_init__(self) -> None:
        for column in (self.stamps, self.amounts):
            column.flags.writeable = False  # shared with a session

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)  # from another process
        self.__post_init__()

    @classmethod
    def none(cls, *, streamed: bool = False) -> Trades:
        """Return a table without trades."""
        return cls(np.empty((3, 0), np.int64), np.empty((2, 0), np.int32), streamed=streamed)

    def __len__(self) -> int:
        return int(self.stamps.shape[1])

    def __getitem__(self, rows: slice) -> Trades:
        """Return the trades of a slice, sharing memory."""
        if not isinstance(rows, slice):
            raise HistoryError(
                "A table of trades takes slices only.", "For one trade, give trades[5:6]."
            )
        first, last, step = rows.indices(len(self))
        if step != 1:
            raise HistoryError("Trades are sliced without a step.", "Leave the step out.")
        rows = slice(first, max(first, last))
        return changed(
            self,
            stamps=self.stamps[:, rows], amounts=self.amounts[:, rows], start=self.start + first,
        )  # fmt: skip

    def __repr__(self) -> str:
        if not self.streamed:
            return "<Trades none: the source sends none>"
        if not len(self):
            return "<Trades none>"
        first, last = self.time[[0, -1]].view("datetime64[ns]")
        return f"<Trades {len(self):,}, {str(first)[:19]} to {str(last)[:19]} UTC>"

    # -- columns ---------------------------------------------------------------------------

    @property
    def time(self) -> Ints:
        """The exchange's time, ns UTC, shape (N,)."""
        return np.asarray(self.stamps[0])

    @property
    def received(self) -> Ints:
        """The local clock's time, ns UTC, never decreasing.

        After the local clock was set back, it stays constant until the clock has caught up.
        """
        return np.asarray(self.stamps[1])

    @property
    def id(self) -> Ints:
        """The venue's trade ids, shape (N,); of aggregate trades where it sends these."""
        return np.asarray(self.stamps[2])

    @property
    def price(self) -> Floats:
        """Prices, quote currency, shape (N,); equal to the parsed decimal text."""
        return np.asarray(self.amounts[0] / 10.0**self.price_decimals)

    @property
    def size(self) -> Floats:
        """Sizes, base units, shape (N,)."""
        return np.asarray(abs(self.amounts[1]) / 10.0**self.size_decimals)

    @property
    def side(self) -> NDArray[np.int8]:
        """The taker's side, shape (N,): +1 bought, −1 sold."""
        return np.asarray(np.sign(self.amounts[1]), np.int8)

    # -- out -------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each trade.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC); ``price`` (quote currency), ``size`` (base units), ``side`` (+1:
            the taker bought), ``id``, ``received`` (UTC, the local clock).
        """
        import pandas as pd

        time, received = (
            pd.to_datetime(one.view("datetime64[ns]"), utc=True)
            for one in (self.time, self.received)
        )
        columns = {"price": self.price, "size": self.size, "side": self.side, "id": self.id}
        index = pd.DatetimeIndex(time, name="time")
        return pd.DataFrame({**columns, "received": received}, index=index)

    def sha256(self) -> str:
        """Return a hash of the trades: event times, prices, sizes, sides and ids.

        It does not depend on storage or on receive times.
        """
        digest = hashlib.sha256()
        for column in (self.time, self.price, self.size, self.side, self.id):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def finer(self, price_decimals: int, size_decimals: int) -> Whole:
        """Return the amounts on a grid of more decimals."""
        factors = (price_decimals - self.price_decimals, size_decimals - self.size_decimals)
        if not any(factors):
            return self.amounts
        return narrowed(self.amounts * 10 ** np.array(factors, np.int64)[:, None])


def narrowed(amounts: Whole) -> Whole:
    """Return integers as int32 if they fit, else as int64."""
    fits = not amounts.size or bool(abs(amounts).max() < 2**31)
    return amounts.astype(np.int32 if fits else np.int64, copy=False)


def joined(parts: Sequence[Trades]) -> Trades:
    """Return several tables joined, one after the other."""
    price_decimals = max(one.price_decimals for one in parts)
    size_decimals = max(one.size_decimals for one in parts)
    return Trades(
        np.concatenate([one.stamps for one in parts], axis=1),
        np.concatenate([one.finer(price_decimals, size_decimals) for one in parts], axis=1),
        price_decimals,
        size_decimals,
        streamed=any(one.streamed for one in parts),
    )


# -- per state ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Taken:
    """Takers' volume between each kept state and the previous one, over every trade.

    Attributes
    ----------
    bought_lots, sold_lots : ndarray of int64, shape (T,)
        Volume in lots of ``10 ** -size_decimals`` base units.
    bought_steps, sold_steps : ndarray of int64, shape (T,)
        Price times size, in ``10 ** -(price_decimals + size_decimals)`` units of quote currency.
    count : ndarray of int64, shape (T,)
        Number of trades.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> taken = history.taken
    >>> int(taken.count.sum()) == len(history.trades)
    True
    """

    bought_lots: Ints
    sold_lots: Ints
    bought_steps: Ints
    sold_steps: Ints
    count: Ints
    price_decimals: int
    size_decimals: int

    @property
    def bought(self) -> Floats:
        """Volume that takers bought, base units, shape (T,)."""
        return np.asarray(self.bought_lots / 10.0**self.size_decimals, np.float64)

    @property
    def sold(self) -> Floats:
        """Volume that takers sold, base units, shape (T,)."""
        return np.asarray(self.sold_lots / 10.0**self.size_decimals, np.float64)

    @property
    def bought_value(self) -> Floats:
        """Value that takers bought, quote currency, shape (T,)."""
        return self._value(self.bought_steps)

    @property
    def sold_value(self) -> Floats:
        """Value that takers sold, quote currency, shape (T,)."""
        return self._value(self.sold_steps)

    def _value(self, steps: Ints) -> Floats:
        return np.asarray(steps / 10.0 ** (self.price_decimals + self.size_decimals), np.float64)


class HasTrades(Protocol):
    """What `sums` and `rows` need of a history."""

    @property
    def trades(self) -> Trades:
        """The table of trades."""

    @property
    def trade_ends(self) -> Ints:
        """Number of trades before each state; see `History`."""


def sums(history: HasTrades) -> Taken:
    """Return takers' volume per state; see `Taken`. The sums are of integers, so exact.

    Parameters
    ----------
    history : History
        T states.
    """
    trades = history.trades
    ends = np.concatenate([[trades.start], history.trade_ends]) - trades.start
    price, size = trades.amounts
    lots = abs(size)
    bound = max(len(trades), 1) * float(lots.max(initial=0)) * float(price.max(initial=1))
    # Usual sums fit 64 bits; larger ones are formed of Python's integers.
    dtype = np.int64 if bound < LARGEST else object
    lots = lots.astype(dtype)
    steps = price.astype(dtype) * lots
    return Taken(
        _between(np.where(size > 0, lots, 0), ends),
        _between(np.where(size < 0, lots, 0), ends),
        _between(np.where(size > 0, steps, 0), ends),
        _between(np.where(size < 0, steps, 0), ends),
        np.diff(ends),
        trades.price_decimals,
        trades.size_decimals,
    )


def _between(values: NDArray[Any], ends: Ints) -> Ints:
    """Return the sum of the values between each two ends."""
    return np.asarray(np.diff(np.append(values[:0].sum(), np.cumsum(values))[ends]))


def rows(history: HasTrades) -> Ints:
    """Return the row of the state that each trade belongs to, shape (N,)."""
    numbers = history.trades.start + np.arange(len(history.trades))
    return np.searchsorted(history.trade_ends, numbers, "right")
