"""Making a history of a DataFrame: a row for each state, a column for each price and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import instance, text
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history import packing
from obi_widgets.history.frame_names import find
from obi_widgets.history.frame_trades import belonging, trades_of
from obi_widgets.history.incoming import fitting, floats, single, times
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from obi_widgets.history.frame_names import Level
    from obi_widgets.market_data.events import Instrument

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TIMES = ("time", "timestamp")
"""Columns that hold the times, in this order, if the index does not and none was named."""

RECEIVED = "received"
"""The column of receive times."""

FRAME = "a DataFrame given by the user"
"""`History.source` of states that came so."""


def fields_of(
    frame: pd.DataFrame,
    *,
    trades: pd.DataFrame | None,
    time: str | None,
    unit: str | None,
    tz: str | None,
    tick_size: float | None,
    instrument: Instrument,
    every_event: bool,
) -> dict[str, Any]:
    """Return the fields of a `History`; see `History.from_frame`."""
    import pandas as pd

    advice = "Give a pandas.DataFrame with a row for each state of the book."
    if hasattr(frame, "to_pandas"):
        advice = "Give frame.to_pandas()."
    instance("frame", frame, pd.DataFrame, advice)
    if time is not None:
        text("time", time, "Give the name of a column.")
    instance("trades", trades, (pd.DataFrame, type(None)), "Give a pandas.DataFrame, or none.")
    columns = find(frame.columns)
    stamps = times_of(frame, "frame", time=time, unit=unit, tz=tz)
    received = received_of(frame, "frame", unit=unit, tz=tz)
    levels = max(map(len, columns))
    sides = [[_matrix(frame, side, kind, levels) for side in columns] for kind in ("price", "size")]
    try:
        fields = packing.pack(
            stamps,
            (sides[0][0], sides[0][1]),
            (sides[1][0], sides[1][1]),
            tick_size=tick_size,
            received_ns=received,
            instrument=instrument,
            every_event=every_event,
        )
    except HistoryError:
        _refuse(frame, columns, stamps, sides)
        raise
    fields["source"] = FRAME
    if trades is not None:
        executed = times_of(trades, "trades", time=time, unit=unit, tz=tz)
        table = trades_of(trades, executed, received_of(trades, "trades", unit=unit, tz=tz))
        fields["trades"], fields["trade_ends"] = belonging(table, fields["received"])
    return fields


def times_of(
    frame: pd.DataFrame, name: str, *, time: str | None, unit: str | None, tz: str | None
) -> Ints:
    """Return the time of each row, ns UTC.

    They are in the column that was named; else in an index of times; else in `TIMES`. Without any,
    an index of numbers is taken if a unit was given.

    Raises
    ------
    HistoryError
        If there are none, or one of them is no time.
    SettingsError
        If the unit or the time zone does not fit.
    """
    import pandas as pd

    values: Any = frame.index
    what = f"the index of {name}"
    column = time if time is not None and time != frame.index.name else None
    if column is None and time is None and not isinstance(values, pd.DatetimeIndex):
        column = next((one for one in TIMES if one in frame.columns), None)
        if column is None and unit is None:
            raise HistoryError(
                f"{name} has no times: its index is no DatetimeIndex, and no column is called "
                f"{' or '.join(TIMES)}.",
                "Give time='column', with unit='ms' or another unit if it has numbers.",
            )
    if column is not None:
        if column not in frame.columns:
            raise HistoryError(
                f"{name} has no column {column!r}: {quoted(list(frame.columns))}.",
                "Give the name of the column of times.",
            )
        values, what = single(frame, column, name), f"{name}[{column!r}]"
    if _is_text(values):
        values = _parsed(values, what, tz)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        values = _zoned(values, what, tz)
    elif tz is not None:
        raise SettingsError(
            f"tz = {tz!r} is for times without a zone, and {what} has dtype {values.dtype}.",
            "Leave it out: numbers count from 1970 UTC.",
        )
    return times(values, what, unit)


def received_of(frame: pd.DataFrame, name: str, *, unit: str | None, tz: str | None) -> Ints | None:
    """Return the receive time of each row, ns UTC; None if there is no column of them.

    It is as the times of events are. But the local clock may count in another unit, which then
    follows from the values, and may name its zone where ``tz`` is that of the others.

    Raises
    ------
    HistoryError
        If one of them is no time.
    """
    import pandas as pd

    if RECEIVED not in frame.columns:
        return None
    values: Any = single(frame, RECEIVED, name)
    what = f"{name}[{RECEIVED!r}]"
    if _is_text(values):
        values = _parsed(values, what, tz)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
        return times(values if zoned else _zoned(values, what, tz), what)
    if pd.api.types.is_numeric_dtype(values.dtype):
        unit = fitting(values.to_numpy()) or unit
    return times(values, what, unit)


def _is_text(values: Any) -> bool:  # noqa: ANN401
    """Return whether a column, or an index, holds text."""
    import pandas as pd

    is_text = pd.api.types.is_string_dtype(values.dtype)
    return is_text and not pd.api.types.is_numeric_dtype(values)


def _parsed(values: Any, what: str, tz: str | None) -> Any:  # noqa: ANN401
    """Return text as times; without a zone as UTC, unless ``tz`` is to be theirs."""
    import pandas as pd

    parsed = pd.to_datetime(values, errors="coerce", format="ISO8601", utc=tz is None)
    bad = np.flatnonzero(pd.isna(parsed))
    if len(bad):
        value = np.asarray(values, object)[bad[0]]
        raise HistoryError(
            f"In row {bad[0]} {what} = {quoted(value)} is no time ({len(bad)} rows in all).",
            "Give times as ISO 8601, or convert them by pandas.to_datetime.",
        )
    return parsed


def _zoned(values: Any, what: str, tz: str | None) -> Any:  # noqa: ANN401
    """Return times as UTC; those without a zone are of ``tz``."""
    import pandas as pd

    if tz is None:
        return values
    index = pd.DatetimeIndex(values)
    if index.tz is not None:
        raise SettingsError(
            f"tz = {tz!r} is for times without a zone, and {what} has {index.tz}.",
            "Leave it out.",
        )
    try:
        return index.tz_localize(tz).tz_convert("UTC")
    except Exception as error:  # noqa: BLE001 an unknown zone, an hour that is there twice
        raise SettingsError(
            f"tz = {quoted(tz)} does not fit {what}: {error or type(error).__name__}.",
            "Give a zone such as 'Europe/Berlin', or convert the times to UTC.",
        ) from None


def _matrix(frame: pd.DataFrame, side: Sequence[Level], kind: str, levels: int) -> Floats:
    """Return the prices or the sizes of a side, shape (T, levels), NaN where there is no level."""
    names = [getattr(level, kind) for level in side]
    part = frame[names]
    numeric = all(dtype.kind in "iuf" for dtype in part.dtypes if isinstance(dtype, np.dtype))
    whole = all(isinstance(dtype, np.dtype) for dtype in part.dtypes)
    if numeric and whole:
        values = part.to_numpy(np.float64)
    else:  # by column, so that an error names it
        values = np.stack([floats(frame[name], f"column {name!r}") for name in names], axis=1)
    if len(names) < levels:
        values = np.pad(values, ((0, 0), (0, levels - len(names))), constant_values=np.nan)
    return values


# -- errors ------------------------------------------------------------------------------------


def _refuse(
    frame: pd.DataFrame,
    columns: Sequence[Sequence[Level]],
    stamps: Ints,
    sides: Sequence[Sequence[Floats]],
) -> None:
    """Raise an error that names row and column of the first value that no book has.

    `packing.pack` has refused the arrays, which know nothing of columns.
    """
    back = np.flatnonzero(np.diff(stamps) < 0)
    if len(back):
        row = int(back[0]) + 1
        raise HistoryError(
            f"{_row(frame, row)}: time goes back ({len(back):,} rows in all).",
            "Sort the DataFrame by time.",
        )
    for which, side in enumerate(columns):
        price, size = (kind[which] for kind in sides)
        names = [level.price for level in side]
        exists = ~np.isnan(price)
        with np.errstate(invalid="ignore"):
            _first(
                frame,
                exists & ~((price > 0) & (price < np.inf)),
                names,
                price,
                "is no price",
                "Prices are finite and above 0; NaN where there is no level.",
            )
            _first(
                frame,
                exists & ~((size > SMALLEST) & (size < LARGEST)),
                [level.size for level in side],
                size,
                "is no size",
                "Sizes are finite and above 0; make the price NaN without a level.",
            )
            hole = np.zeros(price.shape, bool)
            hole[:, 1:] = exists[:, 1:] & ~exists[:, :-1]
            _first(
                frame,
                hole,
                names,
                price,
                "comes after a level without a price",
                "Put NaN behind the last level.",
            )
            wrong = np.zeros(price.shape, bool)
            step = np.diff(price, axis=1)
            wrong[:, 1:] = step >= 0 if which == 0 else step <= 0
            _first(
                frame,
                wrong,
                names,
                price,
                "is not behind the level before it",
                "Put the best level first: bids fall, asks rise, and no price comes twice.",
            )
    bid, ask = (kind[:, 0] for kind in sides[0])
    crossed = np.flatnonzero(bid >= ask)
    if len(crossed):
        row = int(crossed[0])
        raise HistoryError(
            f"{_row(frame, row)}: the book is crossed, {columns[0][0].price!r} is {bid[row]:g} and "
            f"{columns[1][0].price!r} is {ask[row]:g} ({len(crossed):,} rows in all).",
            "Leave such rows out, or make them NaN: a book that is not in sync.",
        )


def _first(
    frame: pd.DataFrame,
    bad: NDArray[np.bool_],
    names: Sequence[Hashable],
    values: Floats,
    what: str,
    advice: str,
) -> None:
    """Raise if a value is bad, and name the first."""
    rows = np.flatnonzero(bad.any(axis=1))
    if not len(rows):
        return
    row = int(rows[0])
    level = int(np.argmax(bad[row]))
    raise HistoryError(
        f"{_row(frame, row)}: {names[level]!r} = {values[row, level]:g} {what} "
        f"({len(rows):,} rows in all).",
        advice,
    )


def _row(frame: pd.DataFrame, row: int) -> str:
    """Return how an error names a row: by its number, and by its label in the index."""
    return f"Row {row}, index {frame.index[row]}"
