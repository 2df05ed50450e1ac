"""Hypothetical entries: what the threshold and the hold would have done, in event time.

At each state, first a position that is due is closed, then, when flat, the signal decides: above
the threshold long, below its negative short (of a quantile see `thresholds`). Where a side of the
book is empty nothing is entered or left. One position at a time. Nothing is ever sent anywhere:
these are the trades of a hindsight without look-ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.history.given import as_history
from obi_widgets.kernels.loader import Kernels
from obi_widgets.trading import entries_numpy
from obi_widgets.trading.declared import values_now
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen, HasChosen

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.trading.entries_numba", entries_numpy)

HELD, GAP, OPEN = "held", "gap", "open"
"""Why an entry ended: held to its time; the book was lost meanwhile; it has not ended yet."""


class Held(NamedTuple):
    """An entry that has not ended: +1 or −1; nanoseconds UTC; quote currency."""

    side: int
    time: int
    price: float


@dataclass(frozen=True)
class Trades:
    """Entries, a row each, in the order they were made.

    Attributes
    ----------
    side : ndarray of int8
        +1 long, −1 short.
    entry_time, exit_time : ndarray of int64
        Nanoseconds UTC; an exit of 0 has not come yet, or never will because of a gap.
    entry_price, exit_price : ndarray of float64
        Quote currency; NaN where there is no exit.
    lost : ndarray of bool
        Whether the book was lost before the exit.
    fee_bps : float
        The fee of one side.
    """

    side: NDArray[np.int8]
    entry_time: Ints
    entry_price: Floats
    exit_time: Ints
    exit_price: Floats
    lost: NDArray[np.bool_]
    fee_bps: float

    @cached_property
    def gross_bps(self) -> Floats:
        """Side · (exit − entry) / entry · 1e4."""
        return np.asarray(self.side * (self.exit_price / self.entry_price - 1) * 1e4)

    @cached_property
    def results(self) -> Results:
        """What they came to."""
        return Results.of(self)

    def since(self, first: int) -> Trades:
        """Return the trades from one on."""
        return replace(self, **{name: getattr(self, name)[first:] for name in COLUMNS})

    @cached_property
    def held(self) -> Held | None:
        """The last one, where it has not ended yet."""
        if not len(self.side) or self.exit_time[-1] or self.lost[-1]:
            return None
        time, price = int(self.entry_time[-1]), float(self.entry_price[-1])
        return Held(int(self.side[-1]), time, price)

    @property
    def net_bps(self) -> Floats:
        """``gross_bps`` less the fee of both sides."""
        return self.gross_bps - 2 * self.fee_bps


COLUMNS = tuple(name for name in Trades.__dataclass_fields__ if name != "fee_bps")


def _join(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([old, new]) if len(old) else new


@dataclass(frozen=True)
class Results:
    """What entries came to. ``mean_net_se`` is the standard error of the mean, NaN below two."""

    entries: int
    won: float
    mean_gross_bps: float
    mean_net_bps: float
    mean_net_se: float

    @classmethod
    def of(cls, trades: Trades) -> Results:
        """Sum up the trades that have an exit; NaN where there is none."""
        gross = trades.gross_bps[~np.isnan(trades.gross_bps)]
        net = trades.net_bps[~np.isnan(trades.net_bps)]
        count = len(gross)
        if not count:
            return cls(0, np.nan, np.nan, np.nan, np.nan)
        error = float(net.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
        return cls(count, float(np.mean(gross > 0)), float(gross.mean()), float(net.mean()), error)


def scan(
    history: History, signal: Floats, parameters: Chosen, first: int, held: Held | None
) -> Trades:
    """Return the entries that are decided from a state on.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        What the threshold is held against, of all of them; see `thresholds.compared`.
    parameters : Chosen
        ``threshold``, ``hold_seconds``, ``price`` and ``fee_bps`` are used.
    first : int
        The first state to decide on.
    held : Held, optional
        The entry that is open before it: it is the first one of the answer, as it stands then.

    Returns
    -------
    Trades
        The last one may be open.
    """
    most = len(history) - first + 1
    side, lost = np.empty(most, np.int8), np.empty(most, bool)
    times, prices = np.empty((2, most), np.int64), np.empty((2, most))
    side[0] = 0
    if held is not None:
        side[0], times[:, 0] = held.side, (held.time, 0)
        lost[0], prices[:, 0] = False, (held.price, np.nan)
    count = KERNELS.current().scan(
        history.time, history.bid, history.ask, signal, first,
        parameters.threshold, round(parameters.hold_seconds * 1e9), parameters.price == "mid",
        side, times, prices, lost,
    )  # fmt: skip
    return Trades(
        side[:count], times[0, :count], prices[0, :count], times[1, :count], prices[1, :count],
        lost[:count], parameters.fee_bps,
    )  # fmt: skip


def tally(signal: Floats, threshold: float) -> tuple[int, int]:
    """Return how many states have a signal, and how many of them are beyond the threshold.

    Of a quantile, give what `thresholds.compared` returns.
    """
    having, beyond = KERNELS.current().tally(signal, threshold)
    return having, beyond


class Scanner:
    """Decides entries over a history that grows, each state once."""

    def __init__(self, parameters: Chosen) -> None:
        self.parameters = parameters
        self._next = 0  # the first state not decided on, counted from the first state ever
        no_rows, no_prices = np.empty(0, np.int64), np.empty(0)
        self._trades = Trades(
            np.empty(0, np.int8), no_rows, no_prices, no_rows, no_prices, np.empty(0, bool),
            parameters.fee_bps,
        )  # fmt: skip

    @property
    def _open(self) -> bool:
        return self._trades.held is not None

    def extend(self, history: History, signal: Floats) -> None:
        """Decide on the states that came since; ``signal`` belongs to all of the history."""
        first = max(self._next - history.start, 0)
        self._next = history.start + len(history)
        old, was_open = self._trades, self._open
        decided = compared(history, signal, self.parameters, first)
        new = scan(history, decided, self.parameters, first, old.held)
        if len(new.side) == was_open and (not was_open or new.held):
            return  # nothing was entered, nothing left
        kept = slice(None, len(old.side) - was_open)
        joined: dict[str, Any] = {
            name: _join(getattr(old, name)[kept], getattr(new, name)) for name in COLUMNS
        }
        self._trades = replace(old, **joined)

    def trades(self, history: History) -> Trades:
        """Return the entries made at states that the history still holds, and the open one."""
        trades = self._trades
        oldest = int(history.time[0]) if len(history) else 0
        if not len(trades.side) or trades.entry_time[0] >= oldest:
            return trades
        dropped = int(np.searchsorted(trades.entry_time, oldest))
        dropped = min(dropped, len(trades.side) - self._open)
        if dropped:
            self._trades = trades = trades.since(dropped)
        return trades


def entries(history: History, settings: HasChosen | Chosen) -> pd.DataFrame:
    """Return the entries that the settings would have made.

    Parameters
    ----------
    history : History
        Book states.
    settings : Settings or Parameters
        All are used.

    Returns
    -------
    DataFrame
        A row an entry: ``side`` (+1 long, −1 short), ``entry_time``, ``exit_time`` (UTC),
        ``entry_price``, ``exit_price`` (quote currency), ``gross_bps``, ``net_bps`` (after the
        fees of both sides), ``ended`` (``"held"``; ``"gap"``: the book was lost meanwhile, and
        the result is not known; ``"open"``: not yet). NaT and NaN where there is no exit.
    """
    import pandas as pd

    history, parameters = as_history(history), values_now(settings)
    scanner = Scanner(parameters)
    scanner.extend(history, parameters.signal.compute(history, dict(parameters.values)))
    trades = scanner.trades(history)
    done = trades.exit_time > 0
    exit_time = trades.exit_time.view("datetime64[ns]").copy()
    exit_time[~done] = np.datetime64("NaT", "ns")
    columns: dict[str, Any] = {
        "side": trades.side.astype(np.int64),
        "entry_time": pd.to_datetime(trades.entry_time.view("datetime64[ns]"), utc=True),
        "entry_price": trades.entry_price,
        "exit_time": pd.to_datetime(exit_time, utc=True),
        "exit_price": trades.exit_price,
        "gross_bps": trades.gross_bps,
        "net_bps": trades.net_bps,
        "ended": np.where(done, HELD, np.where(trades.lost, GAP, OPEN)),
    }
    return pd.DataFrame(columns)
