"""What a scan of entries decides by: the values that let a position begin, and those that end it.

All that decide entries ask `decisions`: the lab, the sweep, the verdict, the sealed test, fills and
the proof of an exported strategy. So they decide alike. Nothing later
than the state that is decided on is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.trading.declared import BEYOND, CROSSING, TRANSITION
from obi_widgets.trading.exits import Exits, exits_of, first_compared
from obi_widgets.trading.sizing import NO_GRADES, grades_of
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


class Decisions(NamedTuple):
    """What `entries.scan` takes of a signal, shape (T,) each; ``grades`` may be empty.

    Attributes
    ----------
    entries : ndarray of float64
        What is compared with the threshold to enter: long above it, short below its negative. NaN
        where no entry may begin.
    values : ndarray of float64
        What is compared with the threshold, also where no entry may begin; NaN where it is
        unknown.
    exits : Exits
        What ends positions before their hold is over.
    grades : ndarray of int8
        How strong an entry is that begins at a state, see `sizing`; empty if nothing needs it.
    """

    entries: Floats
    values: Floats
    exits: Exits
    grades: NDArray[np.int8] = NO_GRADES


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
    values = compared(history, signal, parameters, first_needed(history, parameters, first))
    return decided(history, values, parameters, first, allowed)


def decided(
    history: History,
    values: Floats,
    parameters: Chosen,
    first: int = 0,
    allowed: Flags | None = None,
) -> Decisions:
    """Return `decisions`, given the values that the threshold is compared with.

    A sweep has them once for many thresholds. They are needed from `first_needed` on.
    """
    exits = exits_of(history, values, parameters, first)
    if first >= len(history):
        return Decisions(values, values, exits)
    entries = values
    if parameters.entry_rule != BEYOND:
        begin = _first_ruled(history, parameters, first)
        enters = _ruled(history[begin:], values[begin:], parameters)
        entries = np.full(len(values), np.nan)
        entries[first:] = np.where(enters, values[begin:], np.nan)[first - begin :]
    if parameters.exit_deceleration is not None:  # no other exit holds beyond the threshold
        ends = np.where(values > 0, exits.long, exits.short) != 0
        entries = np.where(ends, np.nan, entries)
    entries = _through_gates(history, entries, parameters, first, allowed)
    return Decisions(entries, values, exits, grades_of(values, parameters))


def first_needed(history: History, parameters: Chosen, first: int) -> int:
    """Return the first state whose value is needed to decide from a state on."""
    return min(_first_ruled(history, parameters, first), first_compared(history, parameters, first))


def _first_ruled(history: History, parameters: Chosen, first: int) -> int:
    """Return the first state whose value is needed to decide entries from a state on."""
    if parameters.entry_rule == BEYOND or first >= len(history):
        return first
    begin = first - 1
    if parameters.entry_rule == TRANSITION:
        since = history.time[first] - round(parameters.transition_seconds * 1e9)
        begin = min(begin, int(np.searchsorted(history.time, since)))
    return max(begin, 0)


def _ruled(history: History, values: Floats, parameters: Chosen) -> NDArray[np.bool_]:
    """Return where the rule lets an entry begin, as far as these states alone tell."""
    known = ~np.isnan(values) & ~history.lost
    above, below = values > parameters.threshold, values < -parameters.threshold
    side = np.where(known, above.astype(np.int8) - below, 0)
    enters = np.zeros(len(values), bool)
    if parameters.entry_rule == CROSSING:
        enters[1:] = (side[1:] != 0) & known[:-1] & (side[1:] != side[:-1])
        return enters
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(side != 0, rows, -1))[:-1]  # before each state
    unknown = np.maximum.accumulate(np.where(known, -1, rows))[:-1]
    window = round(parameters.transition_seconds * 1e9)
    is_near = history.time[1:] - history.time[last] <= window
    enters[1:] = (side[1:] * side[last] < 0) & (last > unknown) & is_near
    return enters


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
