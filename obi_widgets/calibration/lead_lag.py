"""Several markets beside each other: which leads, how alike they move, how far apart they are.

Markets are compared by the receive clock, which is one for all: the clocks of two venues differ by
an unknown offset, and event times of two venues are not comparable.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from obi_widgets.calibration.statistics.correlation import Correlation, correlation
from obi_widgets.calibration.statistics.cross_correlation import find_lead
from obi_widgets.checks import choice, number
from obi_widgets.errors import ArgumentError, HistoryError, quoted
from obi_widgets.history.columns import History
from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.statistics.cross_correlation import Lead
    from obi_widgets.settings.settings import Settings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

OF = ("mid", "signal")

JITTER = 0.95
"""Quantile of the delays above their minimum by which a clock is bounded."""

FEWEST = 30
"""Pairs that a correlation needs at least."""


def lead_lag(
    histories: Mapping[str, History],
    settings: Settings | Parameters | None = None,
    *,
    of: str = "mid",
    step: float = 0.1,
    longest: float = 3.0,
) -> pd.DataFrame:
    """Return which of several markets leads, pair by pair, by the time of receipt.

    Changes of mid, or of the signal, over each step of the receive clock are correlated at every
    lag. A lead is where the correlation is largest. It is a lead of what arrives here, where the
    path from each venue is a part of it.

    A lead is stated only if the correlation is significant, and the whole interval of the lead is
    beyond the clock bound: how much the delays of both markets vary, and the interval of their
    histories, since the last state of an interval stands for all of it. Of a history without
    receive times of its own no lead can be stated.

    Parameters
    ----------
    histories : mapping of str to History
        Two or more, by the name that the table gives them.
    settings : Settings or Parameters, optional
        The signal, with ``of="signal"``; the default imbalance if left out.
    of : str
        ``"mid"`` or ``"signal"``.
    step : float
        Seconds between two values, 0.01 to 60. No lead is finer.
    longest : float
        Longest lead to look for, seconds; more than ``step``, and at most 200 steps.

    Returns
    -------
    DataFrame
        A row a pair. Columns: ``first``, ``second``; ``lead``, ``low``, ``high`` (seconds, + where
        the first leads, with a 95 % interval), ``correlation`` at that lead and ``at_zero``,
        ``chance`` (what the largest correlation of all lags exceeds by chance in 5 %), ``bound``
        (of the clocks and the interval, seconds), ``pairs`` (steps with both), and ``says``: the
        result in words.

    Raises
    ------
    ArgumentError, HistoryError
        If these are no two histories, or have no time in common.
    SettingsError
        If a number is out of its range, or ``of`` is another word.

    Examples
    --------
    >>> one = obi.simulate(seconds=120, levels=5, seed=1)
    >>> other = obi.simulate(seconds=120, levels=5, seed=2)
    >>> table = obi.lead_lag({"one": one, "other": other})
    >>> table["says"].tolist()
    ['No lead: one has no receive times of its own.']
    """
    choice("of", of, OF)
    step = number("step", step, 0.01, 60, "seconds")
    longest = number("longest", longest, step, 200 * step, "seconds")
    most = max(round(longest / step), 1)
    named = _checked(histories)
    parameters = Parameters.of(settings) if settings is not None else Parameters("imbalance")
    rows = []
    for (name, first), (other, second) in itertools.combinations(named.items(), 2):
        grid = _grid({name: first, other: second}, step, most)
        x, y = (_changes(one, parameters, of, grid) for one in (first, second))
        lead = find_lead(x, y, most)
        jitters = {name: jitter(first), other: jitter(second)}
        interval = max(first.interval, second.interval)
        bound = float(sum(jitters.values())) + interval
        rows.append({
            "first": name,
            "second": other,
            "lead": lead.lag * step,
            "low": lead.low * step,
            "high": lead.high * step,
            "correlation": lead.correlation,
            "at_zero": lead.at_zero,
            "chance": lead.chance,
            "bound": bound,
            "pairs": lead.pairs,
            "says": _said(name, other, lead, step, jitters, interval, most),
        })  # fmt: skip
    return pd.DataFrame(rows)


def correlations(
    histories: Mapping[str, History],
    settings: Settings | Parameters | None = None,
    *,
    of: str = "mid",
    step: float = 1.0,
) -> pd.DataFrame:
    """Return how alike several markets move, pair by pair, by the time of receipt.

    Parameters
    ----------
    histories, settings, of
        As for `lead_lag`.
    step : float
        Seconds over which changes are taken, 0.01 to 3,600. Over short steps correlations are too
        small, since prices follow each other with a delay (Epps 1979).

    Returns
    -------
    DataFrame
        A row a pair: ``first``, ``second``, ``correlation`` (Pearson's), ``low`` and ``high`` (its
        95 % interval, which allows for heavy tails, changing volatility and changes that persist),
        and ``pairs`` (steps with both). NaN with fewer than 30 pairs, or if one has not moved.

    Raises
    ------
    ArgumentError, HistoryError, SettingsError
        As `lead_lag`.

    Examples
    --------
    >>> one = obi.simulate(seconds=120, levels=5, seed=1)
    >>> other = obi.simulate(seconds=120, levels=5, seed=2)
    >>> table = obi.correlations({"one": one, "other": other, "again": one})
    >>> table.query("first == 'one' and second == 'again'")["correlation"].round(6).tolist()
    [1.0]
    """
    choice("of", of, OF)
    step = number("step", step, 0.01, 3600, "seconds")
    named = _checked(histories)
    parameters = Parameters.of(settings) if settings is not None else Parameters("imbalance")
    rows = []
    for (name, first), (other, second) in itertools.combinations(named.items(), 2):
        grid = _grid({name: first, other: second}, step, 1)
        x, y = (_changes(one, parameters, of, grid) for one in (first, second))
        found = correlation(x, y)
        if found.pairs < FEWEST:
            found = Correlation(np.nan, np.nan, np.nan, found.pairs)
        rows.append({
            "first": name, "second": other, "correlation": found.value, "low": found.low,
            "high": found.high, "pairs": found.pairs,
        })  # fmt: skip
    return pd.DataFrame(rows)


def jitter(history: History) -> float:
    """Return by how many seconds delays of a market vary: their 95 % quantile above the least.

    NaN if the history has no receive times of its own.
    """
    # A gap has no time of receipt of its own, and comes 1 ns after a state where days are joined.
    delays = (history.received - history.time)[~history.lost]
    if not delays.any():
        return float("nan")
    return float(np.quantile(delays - delays.min(), JITTER)) / 1e9


def aligned(
    histories: Mapping[str, History],
    settings: Settings | Parameters | None = None,
    *,
    of: str = "signal",
    step: float = 0.1,
) -> pd.DataFrame:
    """Return the same signal, or mid, of several markets on one receive clock, and how far apart.

    Each value is the newest that had arrived here at that time, so that nothing is known early.

    Parameters
    ----------
    histories, settings
        As for `lead_lag`.
    of : str
        ``"signal"`` or ``"mid"``.
    step : float
        Seconds between two rows, 0.01 to 3,600.

    Returns
    -------
    DataFrame
        The index has times of receipt, UTC. A column each market, in the signal's unit or in quote
        currency, NaN without a value; and ``divergence``: the largest less the smallest value, NaN
        with fewer than two.

    Raises
    ------
    ArgumentError, HistoryError, SettingsError
        As `lead_lag`.

    Examples
    --------
    >>> one = obi.simulate(seconds=60, levels=10, seed=1)
    >>> other = obi.simulate(seconds=60, levels=10, seed=2)
    >>> table = obi.aligned({"one": one, "other": other})
    >>> float(table["divergence"].max()) <= 2
    True
    """
    choice("of", of, OF)
    step = number("step", step, 0.01, 3600, "seconds")
    named = _checked(histories)
    parameters = Parameters.of(settings) if settings is not None else Parameters("imbalance")
    grid = _grid(named, step, 1)
    values = {name: _values(one, parameters, of, grid) for name, one in named.items()}
    table = pd.DataFrame(values, index=pd.DatetimeIndex(grid, tz="UTC", name="received"))
    apart = table.max(axis=1) - table.min(axis=1)
    table["divergence"] = apart.where(table.notna().sum(axis=1) >= 2)
    return table


def _checked(histories: Mapping[str, History]) -> dict[str, History]:
    advice = "Give a dict of two or more, such as {'BTC': history, 'ETH': other}."
    if not isinstance(histories, Mapping):
        raise ArgumentError(f"{quoted(histories)} is no mapping of histories.", advice)
    for name, one in histories.items():
        if not isinstance(one, History):
            raise ArgumentError(f"{quoted(name)} is {quoted(one)}, and no history.", advice)
        if len(one) < 2:
            many = "one state" if len(one) else "no states"
            raise HistoryError(f"{name} has {many}.", "Wait for more, or leave it out.")
    if len(histories) < 2:
        raise ArgumentError("There are fewer than two histories.", advice)
    named = {str(name): one for name, one in histories.items()}
    if len(named) < len(histories):
        raise ArgumentError("Two histories have the same name as text.", "Give each its own.")
    return named


def _grid(histories: Mapping[str, History], step: float, most: int) -> Ints:
    """Return the times of markets: multiples of the step in the time that all of them have."""
    width = round(step * 1e9)
    clocks = [np.maximum.accumulate(one.received) for one in histories.values()]
    begin, end = max(int(one[0]) for one in clocks), min(int(one[-1]) for one in clocks)
    grid = np.arange(-(-begin // width), end // width + 1) * width
    if len(grid) < most + 3:
        raise HistoryError(
            f"{' and '.join(histories)} have {max(end - begin, 0) / 1e9:,.3g} s in common by their "
            "receive times.",
            f"At least {(most + 3) * step:,.3g} s are needed with this step.",
        )
    return grid


def _values(history: History, parameters: Parameters, of: str, grid: Ints) -> Floats:
    """Return mid or the signal as it was known at each time."""
    values = history.mid if of == "mid" else parameters.signal(history, parameters)
    row = np.searchsorted(np.maximum.accumulate(history.received), grid, side="right") - 1
    return np.asarray(values[row])


def _changes(history: History, parameters: Parameters, of: str, grid: Ints) -> Floats:
    """Return changes of mid (logarithm) or of the signal from one time to the next."""
    values = _values(history, parameters, of, grid)
    return np.diff(np.log(values) if of == "mid" else values)


def _said(
    name: str,
    other: str,
    lead: Lead,
    step: float,
    jitters: Mapping[str, float],
    interval: float,
    most: int,
) -> str:
    """Return the result in words; a lead only beyond chance, and beyond clocks and interval."""
    without = [one for one, value in jitters.items() if np.isnan(value)]
    if without:
        return f"No lead: {without[0]} has no receive times of its own."
    if np.isnan(lead.correlation) and not lead.pairs:
        return "No result: they never have values at the same time."
    if np.isnan(lead.correlation):
        return "No result: one of them has not moved."
    if np.isnan(lead.low):
        return "Too short to tell."
    if not abs(lead.correlation) > lead.chance:
        return "No relation beyond chance."
    low, high = sorted(abs(one) * step for one in (lead.low, lead.high))
    clocks = sum(jitters.values())
    bound = clocks + interval
    if lead.low * lead.high <= 0 or low <= bound:
        parts = f": {clocks:.2f} s of the clocks, and the interval of {interval:g} s between states"
        what = f"bound of {bound:.2f} s{parts}" if interval else f"clock bound of {bound:.2f} s"
        return f"Neither leads beyond the {what}."
    leader, follower = (name, other) if lead.lag > 0 else (other, name)
    if high >= most * step:
        further = f"look further than {most * step:g} s"
        return f"{leader} leads {follower} by {low:.2f} s or more: {further}."
    kept = f", and states are {interval:g} s apart" if interval else ""
    return (
        f"{leader} leads {follower} by {abs(lead.lag) * step:.2f} s ({low:.2f} to {high:.2f} s), "
        f"as received here; the clocks are bound to {clocks:.2f} s{kept}."
    )
