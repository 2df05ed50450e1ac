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
from obi_widgets.trading.entries_numpy import ENTERING, FLAT, LEAVING
from obi_widgets.trading.entries_numpy import HELD as HOLDING
from obi_widgets.trading.quotes import quotes, touch
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen, HasChosen

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.trading.entries_numba", entries_numpy)

EDGE = 1e-9
"""Bps: a price that lies on the slippage limit but for rounding is inside."""

HELD, GAP, OPEN, UNFILLED = "held", "gap", "open", "unfilled"
"""Why an entry ended: held to its time; the book was lost meanwhile; it has not ended yet; its
order was not filled."""


class Held(NamedTuple):
    """An entry that has not ended, as a scan goes on with it.

    Attributes
    ----------
    side : int
        +1 or −1.
    time, price : int, float
        Of the entry: nanoseconds UTC, quote currency; 0 and 0 while its order is on its way.
    arrival : int
        When the order that is on its way arrives, to enter or to leave; 0 without any.
    limit : float, optional
        The worst price of an order to enter; None for no limit.
    """

    side: int
    time: int
    price: float
    arrival: int = 0
    limit: float | None = None


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
        Whether the book was lost before the exit, or before the order arrived.
    missed : ndarray of bool
        Whether its order was not filled: the price was beyond the limit, or the levels did not hold
        the size. Entry time is that of the state that the order met, and the price NaN.
    fee_bps : float
        The fee of one side.
    held : Held, optional
        The position that is open at the end, or the order to enter that is on its way, which is no
        row yet.
    """

    side: NDArray[np.int8]
    entry_time: Ints
    entry_price: Floats
    exit_time: Ints
    exit_price: Floats
    lost: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    fee_bps: float
    held: Held | None = None

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

    @property
    def is_open(self) -> bool:
        """Whether the last row is a position that has not ended."""
        return self.held is not None and self.held.time > 0

    @property
    def net_bps(self) -> Floats:
        """``gross_bps`` less the fee of both sides."""
        return self.gross_bps - 2 * self.fee_bps


COLUMNS = (
    "side", "entry_time", "entry_price", "exit_time", "exit_price", "lost", "missed",
)  # fmt: skip


def _join(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([old, new]) if len(old) else new


@dataclass(frozen=True)
class Results:
    """What entries came to.

    ``mean_net_se`` is the standard error of the mean, NaN below two; ``missed`` counts the orders
    that were not filled, which are none of the entries.
    """

    entries: int
    won: float
    mean_gross_bps: float
    mean_net_bps: float
    mean_net_se: float
    missed: int = 0

    @classmethod
    def of(cls, trades: Trades) -> Results:
        """Sum up the trades that have an exit; NaN where there is none."""
        gross = trades.gross_bps[~np.isnan(trades.gross_bps)]
        net = trades.net_bps[~np.isnan(trades.net_bps)]
        count, missed = len(gross), int(np.count_nonzero(trades.missed))
        if not count:
            return cls(0, np.nan, np.nan, np.nan, np.nan, missed)
        error = float(net.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
        won = float(np.mean(gross > 0))
        return cls(count, won, float(gross.mean()), float(net.mean()), error, missed)


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
        All but the signal's are used.
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
    side, lost, missed = np.empty(most, np.int8), np.empty(most, bool), np.empty(most, bool)
    times, prices = np.empty((2, most), np.int64), np.empty((2, most))
    hold = round(parameters.hold_seconds * 1e9)
    phase, limit = _begin(held, hold)
    side[0] = 0
    if held is not None:
        side[0], times[0, 0], prices[0, 0] = held.side, held.time, held.price
    cap = np.inf if parameters.slippage_bps is None else (parameters.slippage_bps + EDGE) / 1e4
    latency, at_mid = round(parameters.latency_ms * 1e6), parameters.price == "mid"
    # Mid is computed where it is paid: this is called at every move of a slider.
    offered = touch(history) if at_mid else quotes(history, parameters, first)
    count = KERNELS.current().scan(
        history.time, history.bid, history.ask, *offered, signal, first,
        parameters.threshold, hold, latency, cap, at_mid,
        phase, limit, side, times, prices, lost, missed,
    )  # fmt: skip
    return Trades(
        side[:count], times[0, :count], prices[0, :count], times[1, :count], prices[1, :count],
        lost[:count], missed[:count], parameters.fee_bps,
        _end(phase.tolist(), float(limit[0]), times[0, :count], prices[0, :count]),
    )  # fmt: skip


def _begin(held: Held | None, hold: int) -> tuple[Ints, Floats]:
    """Return the phase and the limit that a scan goes on with."""
    if held is None:
        return np.array([FLAT, 0, 0], np.int64), np.zeros(1)
    limit = held.side * np.inf if held.limit is None else held.limit
    if not held.time:
        phase, when = ENTERING, held.arrival
    elif held.arrival:
        phase, when = LEAVING, held.arrival
    else:
        phase, when = HOLDING, held.time + hold
    return np.array([phase, when, held.side], np.int64), np.array([limit], float)


def _end(phase: list[int], limit: float, times: Ints, prices: Floats) -> Held | None:
    """Return what a later scan goes on with."""
    now, when, side = phase
    if now == FLAT:
        return None
    if now == ENTERING:
        return Held(side, 0, 0.0, when, limit if np.isfinite(limit) else None)
    return Held(side, int(times[-1]), float(prices[-1]), when if now == LEAVING else 0)


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
            np.empty(0, bool), parameters.fee_bps,
        )  # fmt: skip

    @property
    def _open(self) -> bool:
        return self._trades.is_open

    def extend(self, history: History, signal: Floats) -> None:
        """Decide on the states that came since; ``signal`` belongs to all of the history."""
        first = max(self._next - history.start, 0)
        self._next = history.start + len(history)
        old, was_open = self._trades, self._open
        decided = compared(history, signal, self.parameters, first)
        new = scan(history, decided, self.parameters, first, old.held)
        if new.held == old.held and len(new.side) == was_open:
            return  # nothing was decided, entered or left
        kept = slice(None, len(old.side) - was_open)
        joined: dict[str, Any] = {
            name: _join(getattr(old, name)[kept], getattr(new, name)) for name in COLUMNS
        }
        self._trades = replace(old, **joined, held=new.held)

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
        the result is not known; ``"open"``: not yet; ``"unfilled"``: the order met a price
        beyond its limit or too few levels, at ``entry_time``). NaT and NaN where there is none.
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
        "ended": np.select([done, trades.lost, trades.missed], [HELD, GAP, UNFILLED], OPEN),
    }
    return pd.DataFrame(columns)
