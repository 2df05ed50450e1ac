"""The table of hypothetical trades, the position that is open, and the results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.trading.exits import WORDS
from obi_widgets.trading.hourly_cap import NO_CAP

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GAP, OPEN, UNFILLED = "gap", "open", "unfilled"
"""How an entry ended without a result: the book was lost, not ended yet, order not filled. Those
that were left have one of `exits.WORDS`."""


class StateKey(NamedTuple):
    """A state that is found again in another history of the same market, as after a restart.

    Attributes
    ----------
    time : int
        Nanoseconds UTC.
    states : int
        Number of states up to it with the same time, itself included.
    """

    time: int
    states: int

    @classmethod
    def of(cls, history: History, row: int) -> StateKey:
        """Return the key of one row of a history, which holds all earlier states of that time."""
        time = int(history.time[row])
        return cls(time, row + 1 - int(np.searchsorted(history.time, time, side="left")))

    def row_in(self, history: History) -> int:
        """Return its row in a history; -1 if it is not there."""
        row = int(np.searchsorted(history.time, self.time, side="left")) + self.states - 1
        return row if row < len(history) and history.time[row] == self.time else -1


class Held(NamedTuple):
    """An entry that has not ended: what a later scan needs to continue it.

    Attributes
    ----------
    side : int
        +1 or −1.
    time, price : int, float
        Entry time, ns UTC, and price, quote currency; both 0 until the order is filled.
    arrival : int
        Arrival of the order in flight, an entry or an exit, ns UTC; 0 without one.
    limit : float, optional
        Worst price of an entry order; None for no limit.
    decision_time : int
        When the entry was decided, ns UTC; 0 if that is the entry time.
    decided : StateKey, optional
        The state that decided the post-only order in flight, an entry or an exit.
    reason : int
        Why it is being left, if an order to leave is in flight; see `exits`.
    grade : int
        How strong the signal was that decided it; see `sizing`.
    """

    side: int
    time: int
    price: float
    arrival: int = 0
    limit: float | None = None
    decision_time: int = 0
    decided: StateKey | None = None
    reason: int = 0
    grade: int = 0


@dataclass(frozen=True)
class Trades:
    """Entries in order, a row each.

    Attributes
    ----------
    side : ndarray of int8
        +1 long, −1 short.
    entry_time, exit_time : ndarray of int64
        Nanoseconds UTC. An exit time of 0 means not yet, or never, because of a gap.
    entry_price, exit_price : ndarray of float64
        Quote currency; NaN without an exit.
    lost : ndarray of bool
        Whether the book was lost before the exit, or before the order arrived.
    missed : ndarray of bool
        Whether its order was not filled. The entry time is then when it was refused or cancelled,
        and the price is NaN.
    decision_time : ndarray of int64
        Time of the state that decided the entry, ns UTC.
    fees_bps : ndarray of float64
        Fees of both sides together, bps.
    maker_exit : ndarray of bool
        Whether a resting order left the position; False for a taker's exit, and without one.
    reason : ndarray of int8
        Why it was left, see `exits`; 0 if it was held to its time, or has not been left.
    weight : ndarray of float64
        Its size as a share of the whole size, see `sizing`: what it counts for in means.
    held : Held, optional
        The position that is open at the end, or an entry order in flight, which has no row yet.
    recent : ndarray of int64, shape (most_per_hour,) or (0,)
        Times of the newest entries, of which a cap allows no more; see `hourly_cap`.
    """

    side: NDArray[np.int8]
    entry_time: Ints
    entry_price: Floats
    exit_time: Ints
    exit_price: Floats
    lost: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    decision_time: Ints
    fees_bps: Floats
    maker_exit: NDArray[np.bool_]
    reason: NDArray[np.int8]
    weight: Floats
    held: Held | None = None
    recent: Ints = field(default_factory=lambda: NO_CAP)

    @cached_property
    def gross_bps(self) -> Floats:
        """Side · (exit − entry) / entry · 1e4."""
        return np.asarray(self.side * (self.exit_price / self.entry_price - 1) * 1e4)

    @cached_property
    def results(self) -> Results:
        """Number of trades and their mean gains."""
        return Results.of(self)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row for each trade; see `obi_widgets.entries`."""
        import pandas as pd

        columns: dict[str, Any] = {
            "side": self.side.astype(np.int64),
            "entry_time": utc_of(self.entry_time),
            "entry_price": self.entry_price,
            "exit_time": utc_of(self.exit_time),
            "exit_price": self.exit_price,
            "gross_bps": self.gross_bps,
            "net_bps": self.net_bps,
            "weight": self.weight,
            "ended": np.select(
                [self.exit_time > 0, self.lost, self.missed],
                [np.array(WORDS)[self.reason], GAP, UNFILLED],
                OPEN,
            ),
        }
        return pd.DataFrame(columns)

    def since(self, first: int) -> Trades:
        """Return the trades from row ``first`` on."""
        return replace(self, **{name: getattr(self, name)[first:] for name in COLUMNS})

    @property
    def is_open(self) -> bool:
        """Whether the last row is a position that has not ended."""
        return self.held is not None and self.held.time > 0

    @property
    def net_bps(self) -> Floats:
        """``gross_bps`` less the fees of both sides."""
        return self.gross_bps - self.fees_bps


COLUMNS = (
    "side", "entry_time", "entry_price", "exit_time", "exit_price", "lost", "missed",
    "decision_time", "fees_bps", "maker_exit", "reason", "weight",
)  # fmt: skip


@dataclass(frozen=True)
class Results:
    """Number of entries and their mean gains, Σ weight · gain / Σ weight.

    ``won`` is the fraction with a gross gain above 0; ``mean_net_se`` the standard error of
    ``mean_net_bps``, NaN below two entries; ``missed`` counts orders that were not filled, which
    are not entries.
    """

    entries: int
    won: float
    mean_gross_bps: float
    mean_net_bps: float
    mean_net_se: float
    missed: int = 0

    @classmethod
    def of(cls, trades: Trades) -> Results:
        """Average the trades that have an exit; NaN without any."""
        closed = ~np.isnan(trades.gross_bps)
        gross, weight = trades.gross_bps[closed], trades.weight[closed]
        count, missed = len(gross), int(np.count_nonzero(trades.missed))
        if not count:
            return cls(0, np.nan, np.nan, np.nan, np.nan, missed)
        net, error = weighted_mean(trades.net_bps[closed], weight)
        won = float(np.mean(gross > 0))
        return cls(count, won, weighted_mean(gross, weight)[0], net, error, missed)


def weighted_mean(values: Floats, weight: Floats) -> tuple[float, float]:
    """Return Σ weight · value / Σ weight, and its standard error if the values are independent.

    The error is NaN below two values, and of equal weights that of a plain mean.
    """
    if not len(values):
        return np.nan, np.nan
    total, count = float(weight.sum()), len(values)
    mean = float((weight * values).sum()) / total
    squares = float(((weight * (values - mean)) ** 2).sum())
    error = np.sqrt(squares * count / (count - 1)) / total if count > 1 else np.nan
    return mean, float(error)


def utc_of(times: Ints) -> pd.DatetimeIndex:
    """Return times in nanoseconds UTC as pandas has them; 0 is none."""
    import pandas as pd

    stamps = times.view("datetime64[ns]").copy()
    stamps[times == 0] = np.datetime64("NaT", "ns")
    return pd.to_datetime(stamps, utc=True)
