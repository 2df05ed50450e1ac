"""Arrays that come from elsewhere: their times, their numbers, and the states they belong to.

A time is nanoseconds, or it is refused with the unit that fits. A number is a number, not a text
that looks like one. What has an index is put where the index says, or refused.
"""

from __future__ import annotations

import datetime as dt
import time as clock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from obi_widgets.checks import choice
from obi_widgets.errors import HistoryError, SettingsError, quoted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in each."""

Span: TypeAlias = tuple[int, int]
"""First and last event time, nanoseconds UTC."""

NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

EARLIEST = 315_532_800 * 1_000_000_000
"""1980: no venue's data are older, and other units fall before it (µs, ms, s) when read as ns."""

AHEAD = 86_400 * 1_000_000_000
"""Nanoseconds that a clock may be ahead of the one here."""


def refuse(rows: NDArray[np.intp], what: str, advice: str) -> None:
    """Refuse the rows where something is wrong, if there are any."""
    if len(rows):
        raise HistoryError(f"In row {rows[0]} {what} ({len(rows)} rows in all).", advice)


# -- times -------------------------------------------------------------------------------------


def times(values: object, name: str, unit: str | None = None) -> Ints:
    """Return times as nanoseconds UTC.

    Parameters
    ----------
    values : array_like of int or datetime64, or pandas index or column of times
        Without a zone they are UTC. With a ``unit`` other than "ns" also floats.
    name : str
        Of the argument, for the errors.
    unit : {"s", "ms", "us", "ns"}, optional
        Of numbers; nanoseconds when left out.

    Raises
    ------
    HistoryError
        What is no time; a time before 1980 or in the future, with the unit that fits.
    SettingsError
        An unknown unit, or one of times that know theirs.
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
        fits = _fitting(array) if array.ndim == 1 and array.dtype.kind == "f" else ""
        raise HistoryError(
            f"{name} has dtype {array.dtype} and {array.ndim} dimensions.",
            f"Its values fit {NAMES[fits]}: give unit={fits!r}."
            if fits and fits != "ns"
            else "Give one dimension of int64 nanoseconds, or of datetime64.",
        )
    factor = UNITS[unit or "ns"]
    now = clock.time_ns() + AHEAD
    # Before they are multiplied: what is out of range might come back into it.
    early, late = array < EARLIEST // factor, array > now // factor
    bad = np.flatnonzero(early | late | (array != array))
    if len(bad):
        _refuse_time(array, bad, name, unit or "ns")
    if array.dtype.kind == "f":
        return np.asarray(np.rint(array * float(factor)), np.int64)
    return np.array(array, np.int64) * factor


def is_time(value: object) -> bool:
    """Return whether a value is nanoseconds of a time that can be."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and EARLIEST <= int(value) <= clock.time_ns() + AHEAD  # type: ignore[call-overload]


def _refuse_time(array: NDArray[Any], bad: NDArray[np.intp], name: str, unit: str) -> None:
    """Say which time cannot be, and in which unit it could."""
    value = array[bad[0]]
    fits = _fitting(array)
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


def _fitting(array: NDArray[Any]) -> str:
    """Return the unit in which all of the numbers are times that can be; empty for none."""
    if not len(array):
        return ""
    now = clock.time_ns() + AHEAD
    least, most = array.min(), array.max()  # NaN fits none
    return next((u for u, ns in UNITS.items() if EARLIEST // ns <= least <= most <= now // ns), "")


def _plain(values: object, name: str) -> NDArray[Any]:
    """Return times as an array of numbers or datetime64."""
    import pandas as pd

    if isinstance(values, pd.Series | pd.Index):
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = pd.DatetimeIndex(values).tz_convert(None)
        values = values.to_numpy()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # of rows of different lengths
        raise HistoryError(
            f"{name} = {quoted(values)} is no array.", "Give one dimension of times."
        ) from None
    if array.dtype.kind == "O":
        if array.ndim != 1 or not all(isinstance(one, dt.datetime) for one in array):
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
        Text, flags, objects, or rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind == "O" and array.ndim:  # columns of pandas that hold None, or its own NA
        array = _from_objects(array)
    if array.dtype.kind not in "iuf":
        what = "text" if array.dtype.kind in "US" else f"dtype {array.dtype}"
        raise HistoryError(
            f"{name} is {quoted(values)}." if not array.ndim else f"{name} has {what}.",
            "Give an array of numbers, such as values.astype(float).",
        )
    return np.array(array, np.float64)


def _from_objects(array: NDArray[Any]) -> NDArray[Any]:
    import pandas as pd

    flat = array.ravel()
    missing = np.asarray(pd.isna(flat), bool)
    if not len(flat) or not all(
        isinstance(one, int | float | np.number) and not isinstance(one, bool)
        for one in flat[~missing]
    ):
        return array
    out = np.full(flat.shape, np.nan)
    out[~missing] = flat[~missing].astype(float)
    return out.reshape(array.shape)


# -- whose states they are ---------------------------------------------------------------------


def aligned(values: object, time: Ints, name: str, labels: pd.Index[Any] | None = None) -> object:
    """Return values a state each, in the order of the states.

    What has no index is taken as it stands. An index of times says which state each value belongs
    to; one that counts from 0 says no more than the order.

    Parameters
    ----------
    values : array_like, Series or DataFrame
        A value, or a row, a state.
    time : ndarray of int64, shape (T,)
        Of the states, ns.
    name : str
        Of the argument, for the errors.
    labels : Index, optional
        What the times were given with: the same index is the same order.

    Raises
    ------
    HistoryError
        An index that does not cover the states, or is none of times.
    """
    import pandas as pd

    if not isinstance(values, pd.Series | pd.DataFrame):
        return values
    index = values.index
    counted = isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)
    if counted or (labels is not None and index.equals(labels)):
        return values.to_numpy()
    if not isinstance(index, pd.DatetimeIndex):
        raise HistoryError(
            f"{name} has an index of {index.dtype} that is none of times.",
            f"Index it by the times of the states, or give {name}.to_numpy() in their order.",
        )
    stamps = index.tz_convert(None) if index.tz is not None else index
    at = stamps.to_numpy().astype("datetime64[ns]").view(np.int64)
    if np.array_equal(at, time):
        return values.to_numpy()
    order = np.argsort(at, kind="stable")
    where = np.searchsorted(at[order], time)
    found = where < len(at)
    found[found] = at[order][where[found]] == time[found]
    if not found.all():
        row = int(np.argmin(found))
        raise HistoryError(
            f"The index of {name} does not cover the states: it has no value of "
            f"{time[row : row + 1].view('datetime64[ns]')[0]} UTC "
            f"({np.count_nonzero(~found):,} of {len(time):,} states).",
            "Give a value for each state, by its time: signal.reindex(history.to_frame().index).",
        )
    if len(np.unique(at)) < len(at) or len(np.unique(time)) < len(time):
        raise HistoryError(
            f"The index of {name} has a time twice, or the history has.",
            f"Give {name}.to_numpy(), in the order of the states.",
        )
    return values.iloc[order[where]].to_numpy()
