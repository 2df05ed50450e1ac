"""Conversion and checks of a user's arrays: times, numbers, and alignment with the states.

Times must be nanoseconds; others are refused with the unit that fits. Text that looks like a
number is refused. A pandas index is aligned with the states, or refused.
"""

from __future__ import annotations

import datetime as dt
import time as clock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from obi_widgets.checks import choice
from obi_widgets.errors import HistoryError, SettingsError, quoted

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in each unit."""

Span: TypeAlias = tuple[int, int]
"""First and last event time, nanoseconds UTC."""

NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

EARLIEST = 315_532_800 * 1_000_000_000
"""1980, ns: no venue's data are older, and times in µs, ms or s are earlier when read as ns."""

AHEAD = 86_400 * 1_000_000_000
"""Nanoseconds that a time may be ahead of this computer's clock."""


def refuse(rows: NDArray[np.intp], what: str, advice: str) -> None:
    """Raise a HistoryError that names the first of the wrong rows, if there are any."""
    if len(rows):
        raise HistoryError(f"In row {rows[0]} {what} ({len(rows)} rows in all).", advice)


def single(frame: pd.DataFrame, column: Hashable, name: str) -> pd.Series[Any]:
    """Return a column of a DataFrame; raise a HistoryError if two have its name."""
    import pandas as pd

    values = frame[column]
    if isinstance(values, pd.DataFrame):
        raise HistoryError(
            f"{name} has {values.shape[1]} columns {column!r}.", "Leave all but one of them out."
        )
    return values


# -- times -------------------------------------------------------------------------------------


def times(values: object, name: str, unit: str | None = None) -> Ints:
    """Return times as nanoseconds UTC.

    Parameters
    ----------
    values : array_like of int or datetime64, or pandas index or column of times
        Times without a time zone are UTC. With a ``unit`` other than "ns" also floats.
    name : str
        Name of the argument, for errors.
    unit : {"s", "ms", "us", "ns"}, optional
        Unit of numbers; nanoseconds by default.

    Returns
    -------
    ndarray of int64, shape (T,)

    Raises
    ------
    HistoryError
        If a value is no time, or a time before 1980 or in the future; with the unit that fits.
    SettingsError
        If the unit is unknown, or is given for datetime64.
    """
    if unit is not None:
        choice("unit", unit, tuple(UNITS))
    array = _plain(values, name)
    if array.dtype.kind == "M" and unit is not None:
        raise SettingsError(
            f"unit = {unit!r} is for numbers, and {name} has dtype {array.dtype}.", "Leave it out."
        )
    if array.dtype.kind == "M":
        refuse(
            np.flatnonzero(np.isnat(array).ravel()), f"{name} is not a time", "Leave such rows out."
        )
        stamps = array.astype("datetime64[ns]")
        if not np.array_equal(stamps.astype(array.dtype), array):
            raise HistoryError(f"{name} has times that ns cannot hold.", "Check the times.")
        array = stamps.view(np.int64)
    numbers = "iu" if unit in (None, "ns") else "iuf"
    if array.ndim != 1 or array.dtype.kind not in numbers:
        fits = fitting(array) if array.ndim == 1 and array.dtype.kind == "f" else ""
        raise HistoryError(
            f"{name} has dtype {array.dtype} and {array.ndim} dimensions.",
            f"Its values fit {NAMES[fits]}: give unit={fits!r}."
            if fits and fits != "ns"
            else "Give one dimension of int64 nanoseconds, or of datetime64.",
        )
    factor = UNITS[unit or "ns"]
    now = clock.time_ns() + AHEAD
    # Compare before multiplying: an overflow could bring wrong times back into the range.
    early, late = array < EARLIEST // factor, array > now // factor
    bad = np.flatnonzero(early | late | (array != array))
    if len(bad):
        _refuse_time(array, bad, name, unit or "ns")
    if array.dtype.kind == "f":
        return np.asarray(np.rint(array * float(factor)), np.int64)
    return np.array(array, np.int64) * factor


def is_time(value: object) -> bool:
    """Return whether a value is an int of nanoseconds between 1980 and now, a day's grace added."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and EARLIEST <= int(value) <= clock.time_ns() + AHEAD  # type: ignore[call-overload]


def moment(name: str, value: object) -> int:
    """Return a time as nanoseconds UTC.

    Parameters
    ----------
    name : str
        Name of the argument, for the error.
    value : int, datetime, datetime64, pandas.Timestamp or str
        Integers are nanoseconds; a time without a zone is UTC.

    Raises
    ------
    SettingsError
        If it is no time, or a number in another unit.
    """
    import pandas as pd

    if is_time(value):
        return int(value)  # type: ignore[call-overload, no-any-return]
    stamp = None
    if isinstance(value, str | dt.date | np.datetime64):
        try:
            stamp = pd.Timestamp(value).as_unit("ns")  # raises beyond its range
        except (ValueError, OverflowError):
            stamp = None
    if stamp is None or pd.isna(stamp):
        raise SettingsError(
            f"{name} = {quoted(value)} is not a time.",
            "Give nanoseconds UTC, or a time as pandas takes it.",
        )
    return int((stamp.tz_localize("UTC") if stamp.tz is None else stamp).value)


def _refuse_time(array: NDArray[Any], bad: NDArray[np.intp], name: str, unit: str) -> None:
    """Raise a HistoryError that names the first impossible time, and the unit that fits."""
    value = array[bad[0]]
    fits = fitting(array)
    if fits:
        advice = (
            f"Give unit={fits!r}, or multiply by {UNITS[fits]:,}."
            if fits != "ns"
            else "Leave unit out."
        )
        reason = f"its values fit {NAMES[fits]}"
    else:
        advice = f"Give times in {NAMES[unit]}, UTC."
        reason = "times lie between 1980 and now"
    raise HistoryError(
        f"In row {bad[0]} {name} = {value} is no time in {NAMES[unit]} "
        f"({len(bad)} rows in all): {reason}.",
        advice,
    )


def fitting(array: NDArray[Any]) -> str:
    """Return the unit in which all numbers are times between 1980 and now; empty if none is."""
    if not len(array) or array.dtype.kind not in "iuf":
        return ""
    latest = clock.time_ns() + AHEAD
    low, high = array.min(), array.max()  # NaN fits no unit
    return next((u for u, ns in UNITS.items() if EARLIEST // ns <= low <= high <= latest // ns), "")


def _plain(values: object, name: str) -> NDArray[Any]:
    """Return times as an array of numbers or datetime64."""
    import pandas as pd

    if isinstance(values, pd.Series | pd.Index):
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = pd.DatetimeIndex(values).tz_convert(None)
        values = values.to_numpy()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths
        raise HistoryError(
            f"{name} = {quoted(values)} is no array.", "Give one dimension of times."
        ) from None
    if array.dtype.kind == "O":
        if array.ndim != 1 or not all(isinstance(value, dt.datetime) for value in array):
            raise HistoryError(
                f"{name} has dtype object.",
                "Give one dimension of int64 nanoseconds, or of datetime64.",
            )
        array = pd.to_datetime(array, utc=True).tz_convert(None).to_numpy()
    return array


# -- numbers -----------------------------------------------------------------------------------


def floats(values: object, name: str) -> Floats:
    """Return a copy of numbers as float64.

    Raises
    ------
    HistoryError
        If the values are text, bools or objects, or have rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind == "O" and array.ndim:  # a pandas column that holds None or pd.NA
        array = _from_objects(array)
    if array.dtype.kind not in "iuf":
        what = "text" if array.dtype.kind in "US" else f"dtype {array.dtype}"
        raise HistoryError(
            f"{name} is {quoted(values)}." if not array.ndim else f"{name} has {what}.",
            "Give an array of numbers, such as values.astype(float).",
        )
    return np.array(array, np.float64)


def _from_objects(array: NDArray[Any]) -> NDArray[Any]:
    """Return an object array as floats, NaN where a value is missing; as it is if not numbers."""
    import pandas as pd

    flat = array.ravel()
    missing = np.asarray(pd.isna(flat), bool)
    if not len(flat) or not all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool)
        for value in flat[~missing]
    ):
        return array
    out = np.full(flat.shape, np.nan)
    out[~missing] = flat[~missing].astype(float)
    return out.reshape(array.shape)


# -- alignment with the states -----------------------------------------------------------------


def aligned(values: object, time: Ints, name: str, labels: pd.Index[Any] | None = None) -> object:
    """Return one value for each state, in the order of the states.

    Values without an index, or with an index that counts from 0, are in order already. Values with
    a DatetimeIndex are put in order by their times.

    Parameters
    ----------
    values : array_like, Series or DataFrame
        One value, or one row, for each state.
    time : ndarray of int64, shape (T,)
        Times of the states, ns.
    name : str
        Name of the argument, for errors.
    labels : Index, optional
        Index that the times came with: values with an equal index are in order already.

    Raises
    ------
    HistoryError
        If the index does not cover all states, has a time twice, or holds no times.
    """
    import pandas as pd

    if not isinstance(values, pd.Series | pd.DataFrame):
        return values
    index = values.index
    by_position = isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)
    if by_position or (labels is not None and index.equals(labels)):
        return values.to_numpy()
    if not isinstance(index, pd.DatetimeIndex):
        raise HistoryError(
            f"{name} has an index of dtype {index.dtype}, not of times.",
            f"Index it by the times of the states, or give {name}.to_numpy() in their order.",
        )
    stamps = index.tz_convert(None) if index.tz is not None else index
    value_time = stamps.to_numpy().astype("datetime64[ns]").view(np.int64)
    if np.array_equal(value_time, time):
        return values.to_numpy()
    order = np.argsort(value_time, kind="stable")
    position = np.searchsorted(value_time[order], time)
    covered = position < len(value_time)
    covered[covered] = value_time[order][position[covered]] == time[covered]
    if not covered.all():
        row = int(np.argmin(covered))
        raise HistoryError(
            f"The index of {name} does not cover the states: it has no value of "
            f"{time[row : row + 1].view('datetime64[ns]')[0]} UTC "
            f"({np.count_nonzero(~covered):,} of {len(time):,} states).",
            "Give a value for each state, by its time: signal.reindex(history.to_frame().index).",
        )
    if len(np.unique(value_time)) < len(value_time) or len(np.unique(time)) < len(time):
        raise HistoryError(
            f"The index of {name} has a time twice, or the history has.",
            f"Give {name}.to_numpy(), in the order of the states.",
        )
    return values.iloc[order[position]].to_numpy()
