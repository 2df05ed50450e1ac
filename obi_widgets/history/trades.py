"""Trades as a table, which of a history's states each belongs to, and what takers did per state.

Prices and sizes are whole numbers of decimal steps, so that sums are exact. A trade belongs to the
first state that was received *after* it: one received at the same nanosecond as a state belongs to
the next, since it may not have been known yet. Where only the last state of each interval is kept,
it belongs to the first *kept* one.
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
"""What sums of 64 bits may come to; beyond, they are formed of Python's integers."""


@dataclass(frozen=True, eq=False)
class Trades:
    """The trades of a history's states, in the order they were received. Immutable.

    Attributes
    ----------
    stamps : ndarray of int64, shape (3, N)
        Event time and receive time, ns UTC; the venue's number of the trade.
    amounts : ndarray of int32 or int64, shape (2, N)
        Price in steps of ``10 ** -price_decimals``; size in lots of ``10 ** -size_decimals`` base
        units, below 0 where the taker sold.
    price_decimals, size_decimals : int
        Of the steps.
    start : int
        How many trades had come before the first of these.
    streamed : bool
        Whether the source tells of trades at all. False of arrays and tables of books: then the
        table is empty because nothing is known, not because nobody traded.
    """

    stamps: Ints
    amounts: Whole
    price_decimals: int = 0
    size_decimals: int = 0
    start: int = 0
    streamed: bool = True

    def __post_init__(self) -> None:
        for column in (self.stamps, self.amounts):
            column.flags.writeable = False  # they are shared with a session

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
            raise HistoryError("A table of trades is sliced.", "For one trade, give trades[5:6].")
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
            return "<Trades none: the source does not tell of them>"
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

        Where the local clock was set back, it stands still until that has caught up.
        """
        return np.asarray(self.stamps[1])

    @property
    def id(self) -> Ints:
        """The venue's numbers, shape (N,): of aggregates where it sends those."""
        return np.asarray(self.stamps[2])

    @property
    def price(self) -> Floats:
        """Prices, quote currency, shape (N,): as the venue's decimal text is read."""
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
        """Return a DataFrame, a row a trade.

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
        """Return a hash of the trades: times, prices, sizes, sides and numbers.

        It does not depend on how they are stored, nor on the receive times.
        """
        digest = hashlib.sha256()
        for column in (self.time, self.price, self.size, self.side, self.id):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def finer(self, price_decimals: int, size_decimals: int) -> Whole:
        """Return the amounts in steps of more decimals."""
        factors = (price_decimals - self.price_decimals, size_decimals - self.size_decimals)
        if not any(factors):
            return self.amounts
        return narrowed(self.amounts * 10 ** np.array(factors, np.int64)[:, None])


def narrowed(amounts: Whole) -> Whole:
    """Return whole numbers in 32 bits where they fit."""
    fits = not amounts.size or bool(abs(amounts).max() < 2**31)
    return amounts.astype(np.int32 if fits else np.int64, copy=False)


def joined(parts: Sequence[Trades]) -> Trades:
    """Return the trades of several tables, one after the other."""
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
    """What takers did between each kept state and the one before it, over every trade.

    Attributes
    ----------
    bought_lots, sold_lots : ndarray of int64, shape (T,)
        Lots of ``10 ** -size_decimals`` base units.
    bought_steps, sold_steps : ndarray of int64, shape (T,)
        Price times size, in ``10 ** -(price_decimals + size_decimals)`` of quote currency.
    count : ndarray of int64, shape (T,)
        How many trades.
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
        """What takers bought, base units, shape (T,)."""
        return np.asarray(self.bought_lots / 10.0**self.size_decimals, np.float64)

    @property
    def sold(self) -> Floats:
        """What takers sold, base units, shape (T,)."""
        return np.asarray(self.sold_lots / 10.0**self.size_decimals, np.float64)

    @property
    def bought_value(self) -> Floats:
        """What takers paid, quote currency, shape (T,)."""
        return self._value(self.bought_steps)

    @property
    def sold_value(self) -> Floats:
        """What takers were paid, quote currency, shape (T,)."""
        return self._value(self.sold_steps)

    def _value(self, steps: Ints) -> Floats:
        return np.asarray(steps / 10.0 ** (self.price_decimals + self.size_decimals), np.float64)


class HasTrades(Protocol):
    """A history, as far as its trades go."""

    @property
    def trades(self) -> Trades:
        """The table."""

    @property
    def trade_ends(self) -> Ints:
        """How many trades had come before each state; see `History`."""


def sums(history: HasTrades) -> Taken:
    """Return what takers did per state; see `Taken`. Exact: sums of whole numbers.

    Parameters
    ----------
    history : History
        T states.
    """
    trades = history.trades
    ends = np.concatenate([[trades.start], history.trade_ends]) - trades.start
    price, size = trades.amounts
    lots = abs(size)
    most = max(len(trades), 1) * float(lots.max(initial=0)) * float(price.max(initial=1))
    # The usual sums fit 64 bits; those that may not are formed of Python's integers.
    exact = np.int64 if most < LARGEST else object
    lots = lots.astype(exact)
    steps = price.astype(exact) * lots
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
    """Return the sums of the values between each end and the next."""
    return np.asarray(np.diff(np.append(values[:0].sum(), np.cumsum(values))[ends]))


def rows(history: HasTrades) -> Ints:
    """Return the row of the state that each trade belongs to, shape (N,)."""
    numbers = history.trades.start + np.arange(len(history.trades))
    return np.searchsorted(history.trade_ends, numbers, "right")
