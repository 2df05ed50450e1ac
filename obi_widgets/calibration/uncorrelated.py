"""Which of several markets to hold together: those that are not told to move alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from obi_widgets.checks import fraction, integer
from obi_widgets.errors import ArgumentError, HistoryError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIRS, BOUNDS = ("first", "second"), ("low", "high")

ADVICE = "Give what obi.correlations or board.correlations returned."


def uncorrelated(
    correlations: pd.DataFrame, *, below: float = 0.5, most: int | None = None
) -> pd.DataFrame:
    """Choose markets of which no two move alike, one after the other.

    A market is chosen if its correlation with each one that is chosen already is below ``below``
    and above −``below``, with its whole interval: a correlation that may be large counts as large.
    Opposite moves count as equal ones do, since entries go either way. A correlation that is not
    known keeps a market out. The first market is always chosen, so the order matters: it is the one
    of the histories that the correlations were made of.

    Markets that did not move alike in the past may do so later, the more when all fall.

    Parameters
    ----------
    correlations : DataFrame
        What `correlations` returned: every pair once.
    below : float
        Largest correlation, 0 to 1, both excluded.
    most : int, optional
        How many markets to choose at most, 1 to 1,000; None for no limit.

    Returns
    -------
    DataFrame
        A row a market, in order: ``market``; ``taken``; ``largest``, the largest correlation, + or
        −, that its intervals with those chosen before it leave possible, as an absolute value (NaN
        if one is not known, or there is none before it); ``because_of``, the chosen market of that
        correlation, where it kept this one out ("" otherwise); and ``says``, why it is left out
        ("" if it is not).

    Raises
    ------
    ArgumentError, HistoryError
        If this is no such table, or a pair is not in it.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> one = obi.simulate(seconds=120, levels=5, seed=1)
    >>> other = obi.simulate(seconds=120, levels=5, seed=2)
    >>> table = obi.correlations({"one": one, "again": one, "other": other})
    >>> chosen = obi.uncorrelated(table)
    >>> chosen.loc[chosen["taken"], "market"].tolist()
    ['one', 'other']
    >>> chosen["says"].iloc[1]
    'Its correlation with one may be 1.00.'
    """
    below = fraction("below", below)
    if most is not None:
        most = integer("most", most, 1, 1000, "markets")
    largest = _largest(correlations)
    names = dict.fromkeys(str(name) for column in PAIRS for name in correlations[column])
    chosen: list[str] = []
    rows = []
    for name in names:
        nearest, by = _nearest(name, chosen, largest)
        says = ""
        if most is not None and len(chosen) >= most:
            says, by = f"{most:,} are chosen already.", ""
        elif chosen and np.isnan(nearest):
            says = f"Its correlation with {by} is not known."
        elif chosen and nearest >= below:
            says = f"Its correlation with {by} may be {nearest:.2f}."
        if not says:
            chosen.append(name)
        rows.append({
            "market": name, "taken": not says, "largest": nearest,
            "because_of": by if says else "", "says": says,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _nearest(
    name: str, chosen: list[str], largest: Mapping[frozenset[str], float]
) -> tuple[float, str]:
    """Return the largest correlation with a chosen market, and with which; NaN is the largest."""
    nearest, by = np.nan, ""
    for other in chosen:
        pair = frozenset((name, other))
        if pair not in largest:
            raise HistoryError(f"There is no correlation of {other} and {name}.", ADVICE)
        value = largest[pair]
        if np.isnan(value):
            return value, other
        if not by or value > nearest:
            nearest, by = value, other
    return nearest, by


def _largest(correlations: object) -> dict[frozenset[str], float]:
    """Return of each pair the largest absolute value that its interval leaves possible."""
    if not isinstance(correlations, pd.DataFrame):
        raise ArgumentError(f"{quoted(correlations)} is no table.", ADVICE)
    missing = [one for one in (*PAIRS, *BOUNDS) if one not in correlations.columns]
    if missing:
        raise ArgumentError(f"The table has no column {', '.join(missing)}.", ADVICE)
    if not len(correlations):
        raise HistoryError("The table has no pairs.", ADVICE)
    if not all(pd.api.types.is_numeric_dtype(correlations[one].dtype) for one in BOUNDS):
        raise ArgumentError("low or high of the table are no numbers.", ADVICE)
    bounds = correlations[[*BOUNDS]].to_numpy(np.float64, na_value=np.nan)
    pairs = [frozenset(map(str, one)) for one in correlations[[*PAIRS]].itertuples(index=False)]
    if len({*pairs}) < len(pairs) or any(len(one) < 2 for one in pairs):
        raise HistoryError("A pair is in the table twice, or a market with itself.", ADVICE)
    return dict(zip(pairs, np.abs(bounds).max(axis=1).tolist(), strict=True))
