"""Entries of several markets together, with a limit of positions that are open at once.

Each market's entries are taken as they are: they were decided alone, one position at a time. All
are gone through in order of their entry times. An entry is taken unless as many positions as the
limit are open at that moment. A position is open from its entry until its exit, and gives its place
back at the very time of its exit.

What is left out changes nothing else. Had a market really left out an entry, it might have begun
its next one earlier, within the hold of the one that was left out. That entry is in no table, so
the figures of a low limit are an approximation: they have too few entries rather than too many.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import integer
from obi_widgets.errors import ArgumentError, HistoryError, counted, quoted
from obi_widgets.trading.trade_list import UNFILLED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

TIMES = ("entry_time", "exit_time")
NUMBERS = ("gross_bps", "net_bps", "weight")
ADDED = ("market", "taken")

NEVER = np.iinfo(np.int64).max
"""The end of a position that keeps its place to the end, ns."""

TAKEN, LEFT_OUT = "taken", "left out"


@dataclass(frozen=True, eq=False, repr=False)
class Portfolio:
    """Entries of several markets, with a limit of positions that are open at once.

    Attributes
    ----------
    most : int
        The limit.
    entries : DataFrame
        A row an entry, in order of ``entry_time``: the columns of `entries`, after ``market`` (its
        name) and ``taken`` (False where ``most`` positions were open already).
    results : DataFrame
        Rows ``"taken"`` and ``"left out"``, the second being what those would have made. Columns:
        ``entries`` (positions with a known result), ``unknown`` (positions that a gap ended or that
        are still open), ``unfilled`` (orders that were not filled), ``won`` (share with a gross
        gain above 0), ``gross_bps`` and ``net_bps`` (Σ weight · gain / Σ weight), ``low`` and
        ``high`` (95 % interval of ``net_bps``, which allows for entries that depend on each other
        in time, also those of other markets; NaN with fewer than 30 entries, and where the longest
        hold is too long for the record), ``total_net_bps`` (Σ weight · net gain, bps of the value
        of a whole size).
    open_max : int
        The most positions that were open at once.
    open_mean : float
        How many were open on average over time, from the first entry of the tables to their last
        time. NaN without entries.

    Examples
    --------
    >>> settings = obi.Settings(threshold=0.4, hold_seconds=5)
    >>> tables = {
    ...     name: obi.entries(obi.simulate(seconds=120, seed=seed), settings)
    ...     for name, seed in (("BTC", 1), ("ETH", 2), ("SOL", 3))
    ... }
    >>> portfolio = obi.portfolio(tables, most=2)
    >>> portfolio.open_max
    2
    >>> portfolio.results.index.tolist()
    ['taken', 'left out']
    """

    most: int
    entries: pd.DataFrame
    results: pd.DataFrame
    open_max: int
    open_mean: float

    def __repr__(self) -> str:
        taken, left = (_words(row) for row in self.results.to_dict("records"))
        said = f"<Portfolio: at most {self.most:,} open; {taken}; {left} left out"
        if not np.isnan(self.open_mean):
            said += f"; open {self.open_max:,} at most, {self.open_mean:.2f} on average"
        return said + ">"


def portfolio(tables: Mapping[str, pd.DataFrame], *, most: int = 3) -> Portfolio:
    """Put entries of several markets together, with a limit of positions that are open at once.

    An entry is taken unless ``most`` positions are open at its entry time. A position is open from
    its entry to its exit, and gives its place back at the time of the exit. What comes at the same
    time is taken in the order in which the markets are given.

    - Each market's entries were decided alone. One that is left out does not let another of the
      same market begin earlier, within its hold, as it might have.
    - Times are event times of the venues. Clocks of two venues differ by an unknown offset, so of
      two entries that are nearer to each other than that, either may have come first.
    - An order takes no place before it is filled. One that was never filled takes none.
    - It is not known when a position was left that a gap ended. It keeps its place until the next
      entry of its market, and to the end if there is none, as one that is still open does.
    - Each market's whole size counts alike, whatever its value.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        What `entries` returned, by name of the market; of at least one market.
    most : int
        The limit, 1 to 1,000. Each market has one position at a time, so as many as there are
        markets is no limit.

    Returns
    -------
    Portfolio
        All entries, which of them were taken, and the results of both.

    Raises
    ------
    ArgumentError
        If these are no tables of entries, or two markets have the same name.
    HistoryError
        If a row has no entry time, an exit before its entry, or an impossible gain or weight.
    SettingsError
        If the limit is out of its range.

    Examples
    --------
    >>> settings = obi.Settings(threshold=0.4, hold_seconds=5)
    >>> tables = {
    ...     name: obi.entries(obi.simulate(seconds=120, seed=seed), settings)
    ...     for name, seed in (("BTC", 1), ("ETH", 2), ("SOL", 3))
    ... }
    >>> one = obi.portfolio(tables, most=1)
    >>> every = obi.portfolio(tables, most=len(tables))
    >>> bool(every.entries["taken"].all()), bool(one.entries["taken"].all())
    (True, False)
    """
    most = integer("most", most, 1, 1000, "positions")
    checked = _checked(tables)
    # Without empty tables, whose columns would have a say in the types of the whole.
    parts = [one for one in checked if len(one)] or checked[:1]
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values("entry_time", kind="stable", ignore_index=True)
    begin, left = (_ns(table[name]) for name in TIMES)
    filled = (table["ended"] != UNFILLED).to_numpy(bool)
    end = _ends(begin, left, table["market"].to_numpy())
    taken, open_max = limited(begin, end, filled, most)
    table.insert(1, "taken", taken)
    rows = {TAKEN: taken, LEFT_OUT: ~taken}
    results = pd.DataFrame.from_dict(
        {name: _result(table[chosen]) for name, chosen in rows.items()}, orient="index"
    )
    counts = dict.fromkeys(("entries", "unknown", "unfilled"), np.int64)
    return Portfolio(
        most, table, results.astype(counts), open_max,
        _mean_open(begin, np.where(left > 0, left, begin), end, taken & filled),
    )  # fmt: skip


def limited(begin: Ints, end: Ints, filled: Flags, most: int) -> tuple[Flags, int]:
    """Return which entries are taken, and how many of them were open at once at most.

    Parameters
    ----------
    begin, end : ndarray of int64, shape (N,)
        When each position is entered, ascending, and when it gives its place back, ns.
    filled : ndarray of bool, shape (N,)
        Whether it takes a place.
    most : int
        How many places there are.
    """
    taken, ends, at_once = np.zeros(len(begin), bool), list[int](), 0
    rows = zip(begin.tolist(), end.tolist(), filled.tolist(), strict=True)
    for row, (time, until, takes) in enumerate(rows):
        while ends and ends[0] <= time:
            heapq.heappop(ends)
        if len(ends) < most:
            taken[row] = True
            if takes:
                heapq.heappush(ends, until)
                at_once = max(at_once, len(ends))
    return taken, at_once


def _ends(begin: Ints, left: Ints, market: NDArray[np.object_]) -> Ints:
    """Return when each position gives its place back; 0 is no time of an exit."""
    end = np.where(left > 0, left, NEVER)
    for name in pd.unique(market):
        rows = np.flatnonzero(market == name)
        following = np.append(begin[rows[1:]], NEVER)
        end[rows] = np.where(left[rows] > 0, left[rows], following)
    return end


def _mean_open(begin: Ints, known: Ints, end: Ints, held: Flags) -> float:
    """Return how many of the held positions were open on average."""
    if not len(begin):
        return float("nan")
    last = int(max(begin.max(), known.max()))
    span = last - int(begin[0])
    return float((np.minimum(end, last) - begin)[held].sum() / span) if span else float("nan")


def _result(rows: pd.DataFrame) -> dict[str, float]:
    """Return what some of the entries came to."""
    unfilled = (rows["ended"] == UNFILLED).to_numpy(bool)
    gross, net, weight = (rows[name].to_numpy(np.float64) for name in NUMBERS)
    known = ~np.isnan(net) & ~unfilled
    begin, left = (_ns(rows[name])[known] for name in TIMES)
    gross, net, weight = gross[known], net[known], weight[known]
    longest = int(np.max(left - begin, initial=0))
    mean = block_mean(net, weight, begin, shortest=longest)
    return {
        "entries": len(net),
        "unknown": int(np.count_nonzero(~known & ~unfilled)),
        "unfilled": int(np.count_nonzero(unfilled)),
        "won": float(np.mean(gross > 0)) if len(net) else np.nan,
        "gross_bps": float((weight * gross).sum() / weight.sum()) if len(net) else np.nan,
        "net_bps": mean.mean,
        "low": mean.low,
        "high": mean.high,
        "total_net_bps": float((weight * net).sum()),
    }


def _words(row: Mapping[Any, Any]) -> str:
    """Return how many entries there are, and what they made each, in words."""
    count = row["entries"]
    said = counted(count, "entry", "entries")
    if not count:
        return said
    said += f" of {row['net_bps']:+z.2f} bps net each"
    return said if np.isnan(row["low"]) else f"{said} ({row['low']:+z.2f} to {row['high']:+z.2f})"


def _ns(times: pd.Series[pd.Timestamp]) -> Ints:
    """Return times in nanoseconds UTC; 0 is none."""
    utc = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ns]")
    return np.where(np.isnat(utc), 0, utc.view(np.int64))


def _checked(tables: object) -> list[pd.DataFrame]:
    """Return a copy of each table, with its market as the first column."""
    advice = "Give a dict of what obi.entries returned, such as {'BTC': table, 'ETH': other}."
    if not isinstance(tables, Mapping):
        raise ArgumentError(f"{quoted(tables)} is no mapping of tables.", advice)
    if not tables:
        raise ArgumentError("There is no table.", advice)
    if len({str(name) for name in tables}) < len(tables):
        raise ArgumentError("Two markets have the same name as text.", "Give each its own.")
    return [_checked_table(str(name), table, advice) for name, table in tables.items()]


def _checked_table(name: str, table: object, advice: str) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame):
        raise ArgumentError(f"{quoted(name)} is {quoted(table)}, and no table.", advice)
    missing = [one for one in (*TIMES, *NUMBERS, "ended") if one not in table.columns]
    if missing:
        raise ArgumentError(f"The table of {name} has no column {', '.join(missing)}.", advice)
    given = [one for one in ADDED if one in table.columns]
    if given:
        raise ArgumentError(
            f"The table of {name} has a column {', '.join(given)} already.",
            "Leave it out: obi.portfolio adds it.",
        )
    for column in TIMES:
        if not isinstance(table[column].dtype, pd.DatetimeTZDtype):
            raise ArgumentError(
                f"{column} of {name} is {table[column].dtype}, and no time with a time zone.",
                "Use pd.to_datetime(…, utc=True).",
            )
    table = table.reset_index(drop=True)
    for column in TIMES:
        table[column] = table[column].dt.tz_convert("UTC").dt.as_unit("ns")
    for column in NUMBERS:
        if not pd.api.types.is_numeric_dtype(table[column].dtype):
            raise ArgumentError(
                f"{column} of {name} is {table[column].dtype}, and no number.", advice
            )
    begin, left = (_ns(table[column]) for column in TIMES)
    gross, net, weight = (table[column].to_numpy(np.float64, na_value=np.nan) for column in NUMBERS)
    for wrong, what, mend in (
        (begin == 0, "has no entry_time", "Leave it out."),
        ((left > 0) & (left < begin), "has its exit before its entry", "Look at both times."),
        (
            np.isinf(gross) | np.isinf(net) | (np.isnan(gross) != np.isnan(net)),
            "has a gain that is not finite, or only one of gross_bps and net_bps",
            "Give both, or NaN for both where the result is not known.",
        ),
        (
            ~np.isnan(net) & (left == 0),
            "has a gain without an exit_time",
            "Give the time, or NaN as its gain.",
        ),
        (~((weight > 0) & (weight < np.inf)), "has no weight above 0", "Use 1 for a whole size."),
    ):
        if wrong.any():
            raise HistoryError(f"Row {int(np.flatnonzero(wrong)[0])} of {name} {what}.", mend)
    table.insert(0, "market", name)
    return table
