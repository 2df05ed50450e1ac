"""Columns of book states. Every signal, entry and statistic is computed from them.

A state is the best ``levels`` levels of both sides at one event time. Prices of levels are kept
as whole ticks from their own side's best, sizes as float32, in tiles of 1,024 states with time as
the innermost axis: a signal of depth N then reads N levels' bytes and nothing else.

A state in which the book was not in sync has a NaN bid and ask. Nothing that spans it has a value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from obi_widgets.errors import HistoryError, counted
from obi_widgets.history.column_checks import check_columns
from obi_widgets.history.context import Context
from obi_widgets.history.conversions import Conversions
from obi_widgets.history.depth import Depth
from obi_widgets.history.derived import DerivedColumns
from obi_widgets.history.flow import Flow
from obi_widgets.history.large_levels import LargeLevels
from obi_widgets.history.levels import BLOCK, Levels
from obi_widgets.history.silences import Silence, of_states
from obi_widgets.history.trades import Trades
from obi_widgets.history.unchecked import FilledLater, changed, may_be_filled_later
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]


@may_be_filled_later
@dataclass(frozen=True, eq=False)
class History(FilledLater, DerivedColumns, Conversions):
    """Book states in event time. Immutable: a live session hands out a new one when asked.

    Attributes
    ----------
    time, received : ndarray of int64, shape (T,)
        Nanoseconds UTC: the exchange's event time (never decreasing), and the local clock's.
    bid, ask : ndarray of float64, shape (T,)
        Best prices; NaN where the side is empty or the book was not in sync.
    blocks : tuple of Levels
        Levels of the states; row ``r`` is in block ``(r + offset) // BLOCK``.
    levels : int
        Levels a side that are kept.
    tick_size : float
        Step of the price grid, quote currency.
    instrument : Instrument
        Venue, symbol and contract.
    start : int
        Number of older states that were dropped to bound the memory.
    reach : ndarray of float32, shape (2, T)
        Distance from mid up to which each side is known, bps, bids first. Infinite where the
        whole side is known, below half the spread where even the best price is uncertain, NaN
        without a mid.
    strict : bool
        Whether a signal that uses levels beyond the known range is NaN; see
        `obi_widgets.inferred`.
    interval : float
        Seconds between kept states: of each interval the last state is kept. 0 if every state is
        kept, or if the interval is unknown.
    notes : tuple of str
        Sentences for the user about these data.
    flow : Flow, optional
        Order-flow imbalance and number of events since the previous state, summed over every raw
        event. None if only the states are known.
    trades : Trades
        Trades received before the last state. A trade belongs to the first state received after
        it.
    context : Context
        Mark price, index price, funding rate and so on, as received before the last state.
    trade_ends : ndarray of int64, shape (T,)
        Number of trades received before each state, counted as ``trades.start`` is.
    depth : Depth
        Depth by price bin, once a second, as far as the book was known.
    large_levels : LargeLevels
        Levels that are large for their distance from mid, from their begin to their end.
    silences : tuple of Silence
        States in which the stream of trades seems to have stopped, by ``first`` and ``last``
        number, counted like ``start``. See `trades_known`.
    source : str
        Where the states came from, if neither from a venue nor from a recording of one, such as
        ``"a DataFrame given by the user"``; empty otherwise.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.History.from_arrays(
    ...     [1_700_000_000_000_000_000, 1_700_000_001_000_000_000],
    ...     bid_price=[99.0, 98.5], bid_size=[1.0, 3.0],
    ...     ask_price=[100.0, 99.5], ask_size=[1.0, 1.0],
    ... )
    >>> history.mid
    array([99.5, 99. ])
    """

    time: Ints
    received: Ints
    bid: Floats
    ask: Floats
    blocks: tuple[Levels, ...]
    levels: int
    tick_size: float
    instrument: Instrument = field(default_factory=lambda: Instrument("", ""))
    start: int = 0
    offset: int = 0
    reach: Singles = field(default=cast("Singles", None))  # infinite if omitted
    strict: bool = False
    notes: tuple[str, ...] = ()
    interval: float = 0.0
    flow: Flow | None = None
    trades: Trades = field(default_factory=Trades.none)
    context: Context = field(default_factory=Context.none)
    trade_ends: Ints = field(default=cast("Ints", None))  # 0 if omitted
    depth: Depth = field(default_factory=Depth.none)
    large_levels: LargeLevels = field(default_factory=LargeLevels.none)
    silences: tuple[Silence, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.reach is None and isinstance(self.time, np.ndarray):
            known = np.broadcast_to(
                np.float32(np.inf), (2, len(self.time))
            )  # without memory of its own
            object.__setattr__(self, "reach", known)
        if self.trade_ends is None and isinstance(self.time, np.ndarray):
            no_trades = np.broadcast_to(np.int64(0), len(self.time))
            object.__setattr__(self, "trade_ends", no_trades)
        check_columns(self)
        for column in (self.time, self.received, self.bid, self.ask, self.reach, self.trade_ends):
            column.flags.writeable = False  # shared with a session and its widgets
        if self.flow is not None:
            self.flow.freeze()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)  # from another process
        self.__post_init__()

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice) -> History:
        """Return the states of a slice, sharing memory."""
        if not isinstance(rows, slice):
            raise HistoryError("A history takes slices only.", "For one state, give history[5:6].")
        first, last, step = rows.indices(len(self))
        if step != 1:
            raise HistoryError("A history is sliced without a step.", "Leave the step out.")
        last = max(first, last)
        blocks = slice((first + self.offset) // BLOCK, -(-(last + self.offset) // BLOCK))
        before = int(self.trade_ends[first - 1]) if first else self.trades.start
        until = int(self.trade_ends[last - 1]) if last > first else before
        numbers = self.start + first, self.start + last
        return changed(
            self,
            time=self.time[first:last],
            received=self.received[first:last],
            bid=self.bid[first:last],
            ask=self.ask[first:last],
            reach=self.reach[:, first:last],
            blocks=self.blocks[blocks],
            flow=None if self.flow is None else self.flow.rows(slice(first, last)),
            start=self.start + first,
            offset=(first + self.offset) % BLOCK,
            trades=self.trades[before - self.trades.start : until - self.trades.start],
            context=self.context.received_before(
                int(self.received[last - 1]) if last > first else 0
            ),
            trade_ends=self.trade_ends[first:last],
            depth=self.depth.of_states(*numbers),
            large_levels=self.large_levels.of_states(*numbers),
            silences=of_states(self.silences, *numbers),
        )

    def __repr__(self) -> str:
        name = f"{self.instrument.venue}:{self.instrument.symbol} " if self.instrument.venue else ""
        if not len(self):
            return f"<History {name}empty>"
        first, last = self.time[[0, -1]].view("datetime64[ns]")
        return (
            f"<History {name}{counted(len(self), 'state')} × {counted(self.levels, 'level')}, "
            f"{str(first)[:19]} to {str(last)[:19]} UTC, {counted(self.gaps, 'gap')}>"
        )
