"""What makes a history of arrays, tables and other histories, and what writes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from obi_widgets.checks import as_float, flag, instance
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history import frames, packing, parquet
from obi_widgets.history.instances import several_of
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike

    from obi_widgets.history.states import States

Unit = Literal["s", "ms", "us", "ns"]

MAX_INTERVAL = 86_400
"""Seconds."""

ARRAYS = "arrays given by the user"
"""`History.source` of states that came as arrays."""

Made = TypeVar("Made", bound="States")


class Conversions:
    """Methods of `History` that make one of other data, or other data of it."""

    if TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None: ...  # noqa: ANN401

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
    ) -> Self:
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
        return cls(**fields, interval=interval, source=ARRAYS)

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
    ) -> Self:
        """Make a history from a DataFrame: a row for each state, a column for each value.

        The name of a column has a side, a quantity and the number of a level, in any order and
        with any signs between them: ``bid_price_1``, ``bids[0].price``, ``ask_px_00``, ``b0p``.

        - Side: ``bid`` or ``ask``; also ``bids``, ``asks``, ``b``, ``a``.
        - Quantity: ``price`` (``px``, ``p``), or ``size`` (``sz``, ``s``, ``qty``, ``q``,
          ``quantity``, ``amount``, ``volume``, ``vol``, ``v``). Without one it is the price.
        - Number: that of the best level is 0 or 1, and none is left out. Without a number it is
          the best level, as `to_frame` names it: ``bid``, ``bid_size``, ``bid_price_2``. A name of
          single letters needs a number.

        Of the other columns only ``received`` is used: when each row was received, by the local
        clock. It is as the times are, but its numbers may count in another unit.

        Parameters
        ----------
        frame : DataFrame
            Prices, NaN where there is no level, in quote currency; sizes in base units. Levels
            best first. A row of NaN is a book not in sync.
        trades : DataFrame, optional
            A row for each trade: ``price`` (``px``), ``size`` (``qty``, ``quantity``, ``amount``,
            ``volume``), ``side`` (``taker_side``): +1 or ``"buy"`` if the taker bought, −1 or
            ``"sell"``. If there, ``id`` (``trade_id``), if all are whole numbers, and ``received``.
            Times as in ``frame``.
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
        return cls(**fields, interval=interval)

    @classmethod
    def concat(cls: type[Made], histories: Iterable[Made]) -> Made:
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
        parts = packing.in_order(several_of(cls, histories))
        return parts[0] if len(parts) == 1 else cls(**packing.concat(parts))

    def to_frame(
        self: States,
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

    def save(self: States, path: str | Path) -> Path:
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
