"""Columns of book states. Every signal, entry and statistic is computed from them.

A state is the best ``levels`` levels of both sides at one event time. Prices of levels are kept
as whole ticks from their own side's best, sizes as float32, in tiles of 1,024 states with time as
the innermost axis: a signal of depth N then reads N levels' bytes and nothing else.

A state in which the book was not in sync has a NaN bid and ask. Nothing that spans it has a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from obi_widgets.checks import as_float, flag, instance
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history import frames, packing, parquet
from obi_widgets.history.column_checks import check_columns
from obi_widgets.history.context import Context
from obi_widgets.history.depth import Depth
from obi_widgets.history.derived import DerivedColumns
from obi_widgets.history.flow import Flow
from obi_widgets.history.instances import several_of
from obi_widgets.history.large_levels import LargeLevels
from obi_widgets.history.levels import BLOCK, Levels
from obi_widgets.history.silences import Silence, of_states
from obi_widgets.history.trades import Trades
from obi_widgets.history.unchecked import FilledLater, changed, may_be_filled_later
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

Unit = Literal["s", "ms", "us", "ns"]

MAX_INTERVAL = 86_400
"""Seconds."""

ARRAYS = "arrays given by the user"
"""`History.source` of states that came as arrays."""


@may_be_filled_later
@dataclass(frozen=True, eq=False)
class History(FilledLater, DerivedColumns):
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
            f"<History {name}{len(self):,} states × {self.levels} levels, "
            f"{str(first)[:19]} to {str(last)[:19]} UTC, {self.gaps} gaps>"
        )

    # -- in and out ------------------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls,
        time_ns: ArrayLike,
        bid_price: ArrayLike,
        bid_size: ArrayLike,
        ask_price: ArrayLike,
        ask_size: ArrayLike,
        *,
        tick_size: float | None = None,
        received_ns: ArrayLike | None = None,
        instrument: Instrument | None = None,
        interval: float | None = None,
        unit: Unit | None = None,
        every_event: bool = False,
    ) -> History:
        """Make a history from arrays of books.

        Parameters
        ----------
        time_ns : array_like of int64 or datetime64, shape (T,)
            Event times, never decreasing, from 1980 to now. Numbers are nanoseconds, unless
            ``unit`` says otherwise. Times without a zone are UTC.
        bid_price, ask_price : array_like of float, shape (T, L)
            Best first, NaN where there is no level. A row of NaN is a book not in sync. Prices that
            were rounded to float32 are moved onto the tick grid; ``notes`` says the largest change.
            The index of a DataFrame must equal ``time_ns``.
        bid_size, ask_size : array_like of float, shape (T, L)
            Base units. Ignored where the price is NaN.
        tick_size : float, optional
            Step of the price grid, quote currency. If omitted, inferred from the prices.
        received_ns : array_like of int64, optional
            Local receive times. If omitted, the event times.
        instrument : Instrument, optional
            Venue, symbol and contract, for labels and provenance.
        interval : float, optional
            Seconds between states, if only the last state of each interval was kept. Reports then
            leave out horizons shorter than ten intervals, because they would end too early. If
            omitted, 0: every state is there.
        unit : {"s", "ms", "us", "ns"}, optional
            Unit of numeric ``time_ns`` and ``received_ns``. If omitted, "ns".
        every_event : bool
            Whether the arrays have a row for each event of the book. Only then ``flow``, the order
            flow between rows, is computed; otherwise it is None, because changes between the rows
            are unknown.

        Returns
        -------
        History

        Raises
        ------
        HistoryError
            Different shapes, text, times that decrease or lie before 1980 or in the future, sizes
            that are not above 0, levels out of order or off the grid, or a crossed book. The
            message names the first such row.
        SettingsError
            An unknown unit, or a unit of times that are not numbers; ``every_event`` together with
            an interval.
        """
        interval = _interval(interval, every_event=every_event)
        instance("instrument", instrument, (Instrument, type(None)), "Give an Instrument, or none.")
        fields = packing.pack(
            time_ns,
            (bid_price, ask_price),
            (bid_size, ask_size),
            tick_size=tick_size,
            received_ns=received_ns,
            instrument=instrument or Instrument("", ""),
            unit=unit,
            every_event=every_event,
        )
        return History(**fields, interval=interval, source=ARRAYS)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        trades: pd.DataFrame | None = None,
        time: str | None = None,
        unit: Unit | None = None,
        tz: str | None = None,
        tick_size: float | None = None,
        instrument: Instrument | None = None,
        interval: float | None = None,
        every_event: bool = False,
    ) -> History:
        """Make a history from a DataFrame: a row for each state, a column for each value.

        The name of a column has a side, a quantity and the number of a level, in any order and
        with any signs between them: ``bid_price_1``, ``bids[0].price``, ``ask_px_00``, ``b0p``.

        - Side: ``bid`` or ``ask``; also ``bids``, ``asks``, ``b``, ``a``.
        - Quantity: ``price`` (``px``, ``p``), or ``size`` (``sz``, ``s``, ``qty``, ``q``,
          ``quantity``, ``amount``, ``volume``, ``vol``, ``v``). Without one it is the price.
        - Number: that of the best level is 0 or 1, and none is left out. Without a number it is
          the best level, as `to_frame` names it: ``bid``, ``bid_size``, ``bid_price_2``. A name of
          single letters needs a number.

        Other columns are not used, but for ``received``, of times.

        Parameters
        ----------
        frame : DataFrame
            Prices, NaN where there is no level, in quote currency; sizes in base units. Levels
            best first. A row of NaN is a book not in sync.
        trades : DataFrame, optional
            A row for each trade: ``price`` (``px``), ``size`` (``qty``, ``quantity``, ``amount``,
            ``volume``), ``side`` (``taker_side``): +1 or ``"buy"`` if the taker bought, −1 or
            ``"sell"``. If there, ``id`` (``trade_id``) and ``received``. Times as in ``frame``.
        time : str, optional
            Column of the times. If left out: the index, if it holds times; else the column
            ``time`` or ``timestamp``. Text is read as ISO 8601.
        unit : {"s", "ms", "us", "ns"}, optional
            Unit of times that are numbers; nanoseconds if left out.
        tz : str, optional
            Zone of times that have none, such as ``"Europe/Berlin"``; UTC if left out.
        tick_size, instrument, interval, every_event
            As in `from_arrays`.

        Returns
        -------
        History

        Raises
        ------
        HistoryError
            If a column or the times are missing, or values are not those of a book, as in
            `from_arrays`. The message names the first such row and its column.
        SettingsError
            If the unit or the zone does not fit the times.

        Examples
        --------
        >>> import pandas as pd
        >>> import obi_widgets as obi
        >>> frame = pd.DataFrame(
        ...     {"b0p": [99.0, 98.5], "b0q": [1.0, 3.0], "a0p": [100.0, 99.5], "a0q": [1.0, 1.0]},
        ...     index=pd.to_datetime(["2024-01-01 12:00:00", "2024-01-01 12:00:01"]),
        ... )
        >>> obi.History.from_frame(frame).mid
        array([99.5, 99. ])
        """
        interval = _interval(interval, every_event=every_event)
        instance("instrument", instrument, (Instrument, type(None)), "Give an Instrument, or none.")
        fields = frames.fields_of(
            frame,
            trades=trades,
            time=time,
            unit=unit,
            tz=tz,
            tick_size=tick_size,
            instrument=instrument or Instrument("", ""),
            every_event=every_event,
        )
        return History(**fields, interval=interval)

    @classmethod
    def concat(cls, histories: Iterable[History]) -> History:
        """Join histories of one market, with a gap between each two.

        Parameters
        ----------
        histories : iterable of History
            In any order, without overlap in time. Empty ones are skipped.

        Returns
        -------
        History
            A copy. No signal, entry or label spans a gap.

        Raises
        ------
        HistoryError
            No states, different markets or numbers of levels, or overlapping times.
        """
        parts = packing.in_order(several_of(History, histories))
        return parts[0] if len(parts) == 1 else History(**packing.concat(parts))

    def to_frame(
        self,
        columns: Mapping[str, ArrayLike] | None = None,
        *,
        levels: int = 1,
        flow: bool = False,
    ) -> pd.DataFrame:
        """Return a DataFrame with a row for each state.

        Parameters
        ----------
        columns : mapping of str to array_like of shape (T,), optional
            Further columns by name, such as a signal: ``{"imbalance": obi.imbalance(history)}``.
        levels : int
            Levels a side to include: ``bid_size`` and ``ask_size`` for 1; ``bid_price_2``,
            ``bid_size_2`` and so on for more.
        flow : bool
            Whether to include the flow since the previous state: ``order_flow_1`` to
            ``order_flow_10`` (base units), and ``events``, the number of events.

        Returns
        -------
        DataFrame
            Index ``time`` (UTC); ``bid, ask, mid, spread`` (quote currency), ``spread_bps``,
            ``bid_size, ask_size`` (base units), ``received`` (UTC, local clock), and the columns
            asked for. NaN where the book was not in sync.

        Raises
        ------
        SettingsError
            ``columns`` is not a mapping.
        HistoryError
            A column of another length, or with the name of one of the book's; or more levels
            than are kept.

        Notes
        -----
        Spreadsheets have no time zones. Remove them before you write one::

            frame = history.to_frame().tz_localize(None)
            frame["received"] = frame["received"].dt.tz_localize(None)
            frame.to_excel("book.xlsx")  # at most 1,048,575 states; pandas needs openpyxl
        """
        advice = 'Give columns by name: {"imbalance": obi.imbalance(history, settings)}.'
        instance("columns", columns, (Mapping, type(None)), advice)
        return packing.unpack(self, columns or {}, levels, flow=flow)

    def save(self, path: str | Path) -> Path:
        """Write the history to a Parquet file, which `obi_widgets.load` reads.

        Parameters
        ----------
        path : str or Path
            Ends in ``.parquet``. An existing file is replaced once the new one is complete.

        Returns
        -------
        Path
            The file, with states, levels, the other tables, instrument, interval, notes and
            hashes. Any Parquet reader shows its columns: a row for each state, levels as ticks
            from the best, trades as a list in the row of their state.

        Raises
        ------
        HistoryError
            Another file ending, a place that cannot be written to, or a missing pyarrow.
        """
        return parquet.save(self, path)


def _interval(interval: float | None, *, every_event: bool) -> float:
    """Return the interval between states that were given; 0 if every state was."""
    if interval is not None and not 0 <= as_float(interval) <= MAX_INTERVAL:
        raise HistoryError(
            f"interval = {quoted(interval)} is not possible.", "Give seconds, or none."
        )
    if flag("every_event", every_event) and interval:
        raise SettingsError(
            f"interval = {interval:g} means that not every event has a row.",
            "Leave every_event or the interval out.",
        )
    return float(interval or 0.0)
