"""What a scan of entries decides by: the values that let a position begin, and those that end it.

All that decide entries ask `decisions`: the lab, the sweep, the verdict, the sealed test, fills and
the proof of an exported strategy. So they decide alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


class Decisions(NamedTuple):
    """What `entries.scan` takes of a signal, shape (T,) each.

    Attributes
    ----------
    entries : ndarray of float64
        What is compared with the threshold to enter: long above it, short below its negative. NaN
        where no entry may begin.
    values : ndarray of float64
        What is compared with the threshold, also where no entry may begin; NaN where it is
        unknown. Exits are decided by it.
    """

    entries: Floats
    values: Floats


def decisions(
    history: History,
    signal: Floats,
    parameters: Chosen,
    first: int = 0,
    allowed: Flags | None = None,
) -> Decisions:
    """Return what entries and exits are decided by.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        The signal of every state.
    parameters : Chosen
        All settings.
    first : int
        First state that is needed. What is returned for states before it is not to be used.
    allowed : ndarray of bool, shape (2, T - first), optional
        What the settings' gates allow, if that is known already; see `Gates.allowed`.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.trading.decisions import decisions
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> settings = obi.Parameters(threshold=0.4)
    >>> found = decisions(history, obi.imbalance(history, settings), settings)
    >>> len(found.entries) == len(history)
    True
    """
    values = compared(history, signal, parameters, first)
    return Decisions(_through_gates(history, values, parameters, first, allowed), values)


def _through_gates(
    history: History, entries: Floats, parameters: Chosen, first: int, allowed: Flags | None
) -> Floats:
    """Return the values of entries, NaN where a gate is closed to their side."""
    if not parameters.gates:
        return entries
    if allowed is None:
        allowed = parameters.gates.allowed(history, first)
    longs, shorts = allowed
    out = entries.copy()
    newest = out[first:]
    newest[((newest > 0) & ~longs) | ((newest < 0) & ~shorts)] = np.nan
    return out
