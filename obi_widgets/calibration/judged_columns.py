"""The columns that a calibration judges: the signal of each state, and the states themselves.

Of several histories each gives its own columns, where it is loaded: times, best prices and the
signal, without the levels that the signal was computed from. They are joined as `History.concat`
joins histories. The statistics are of the joined columns, because ranks, quantiles and lags are of
the whole record: they need all its states, though few bytes of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.coverage_notes import Coverage
from obi_widgets.calibration.lookahead import as_signal, computed, looks_ahead
from obi_widgets.calibration.part_by_part import Part, each
from obi_widgets.errors import HistoryError, SettingsError, counted
from obi_widgets.history.columns import History
from obi_widgets.history.context import Context
from obi_widgets.history.depth import Depth
from obi_widgets.history.large_levels import LargeLevels
from obi_widgets.history.levels import Levels
from obi_widgets.history.provenance import joined
from obi_widgets.history.trades import Trades
from obi_widgets.history.unchecked import changed
from obi_widgets.signals.registry import is_built_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.calibration.part_by_part import How
    from obi_widgets.calibration.workers import Where
    from obi_widgets.history.loaders import Loader
    from obi_widgets.history.provenance import Provenance
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Computed = Callable[[History], ArrayLike]


@dataclass(frozen=True)
class Judged:
    """What a calibration judges.

    Attributes
    ----------
    history : History
        T states; of several histories, the joined ones without the levels that trading needs not.
    values : ndarray of float64, shape (T,)
        The signal of each.
    origin : Provenance or None
        Where the states come from.
    looks_ahead : str
        At which state the signal used later data; empty if none was found.
    coverage : tuple of Coverage
        What the settings' signal lacks of each history; empty for another signal.
    allowed : ndarray of bool, shape (2, T), optional
        Where the settings' gates let long entries begin, and short ones; None without gates.
    """

    history: History
    values: Floats
    origin: Provenance | None
    looks_ahead: str
    coverage: tuple[Coverage, ...]
    allowed: Flags | None = None


class _Columns(NamedTuple):
    """What one history gives."""

    history: History
    values: Floats
    levels: int
    origin: Provenance | None
    looks_ahead: str
    coverage: Coverage | None
    allowed: Flags | None


def judged(
    loaders: Sequence[Loader],
    parameters: Parameters,
    signal: ArrayLike | Computed | None,
    executor: Where | None,
) -> Judged:
    """Return what a calibration of histories judges.

    Parameters
    ----------
    loaders : sequence of Loader
        The histories.
    parameters : Parameters
        The settings.
    signal : callable or array_like of float, optional
        A signal in place of the settings' own.
    executor : Executor, Client or int, optional
        Who computes the columns.

    Raises
    ------
    HistoryError
        If the histories cannot be joined, or the signal does not fit their states.
    SettingsError
        If an array is given for histories that are not loaded yet.
    """
    array = None if signal is None or callable(signal) else signal
    if array is not None and any(one.states is None for one in loaders):
        raise SettingsError(
            "An array of a signal does not say of which days its values are.",
            "Give a function of a history, or load the days: list(days).",
        )
    compute = signal if callable(signal) else None
    alone = len(loaders) == 1 and executor is None
    columns = partial(
        _columns, parameters=parameters, compute=compute, given=array is not None, whole=alone
    )
    found = [
        one
        for _, one in each(
            [Part(loader, columns) for loader in loaders], executor, signal=parameters.signal
        )
    ]
    if not found:
        raise HistoryError("None of the days has a book.", "Give others.")
    result = _one(found[0]) if len(found) == 1 else _joined(found, parameters)
    if array is None:
        return result
    return Judged(
        result.history, as_signal(result.history, array), result.origin, "", (), result.allowed
    )


def _one(found: _Columns) -> Judged:
    coverage = () if found.coverage is None else (found.coverage,)
    return Judged(
        found.history, found.values, found.origin, found.looks_ahead, coverage, found.allowed
    )


def _joined(found: Sequence[_Columns], parameters: Parameters) -> Judged:
    """Join the columns of several histories, with a gap between each two."""
    histories = [one.history for one in found]  # the join leaves out those without states
    found = sorted(
        (one for one in found if len(one.history)), key=lambda one: int(one.history.time[0])
    )
    if len({one.levels for one in found}) > 1:
        few, many = (some(one.levels for one in found) for some in (min, max))
        raise HistoryError(
            f"One history has {counted(few, 'level')} a side, and another has {many}.",
            "Load all with the same levels.",
        )
    history = History.concat(histories)
    values = np.full(len(history), np.nan)
    allowed = None if found[0].allowed is None else np.zeros((2, len(history)), bool)
    row = 0
    for one in found:
        values[row : row + len(one.values)] = one.values
        if allowed is not None and one.allowed is not None:
            allowed[:, row : row + len(one.values)] = one.allowed
        row += len(one.values) + 1  # and the gap
    return Judged(
        _without_fillers(history, parameters),
        values,
        joined([one.origin for one in found if one.origin is not None], history.gaps),
        next((one.looks_ahead for one in found if one.looks_ahead), ""),
        tuple(one.coverage for one in found if one.coverage is not None),
        allowed,
    )


def _without_fillers(history: History, parameters: Parameters) -> History:
    """Return a joined history of which columns that `_kept` has filled take no memory."""
    if parameters.execution != "taker" or parameters.size is not None:
        return history
    count = len(history)
    return changed(
        history,
        received=history.time,
        reach=np.broadcast_to(np.float32(np.inf), (2, count)),
        trade_ends=np.broadcast_to(np.int64(0), count),
    )


def _columns(
    history: History,
    _: How,
    *,
    parameters: Parameters,
    compute: Computed | None,
    given: bool,
    whole: bool,
) -> _Columns:
    """Compute the signal of one history; leave out what is needed no more, unless ``whole``."""
    leak, coverage = "", None
    if given:
        values = np.full(len(history), np.nan)  # the array takes their place
    elif compute is None:
        values = parameters.signal(history, parameters)
        coverage = Coverage.of(history, parameters)
        if not is_built_in(parameters.signal):
            leak = looks_ahead(history, lambda h: parameters.signal(h, parameters), values)
    else:
        values = computed(history, compute)
        leak = looks_ahead(history, compute, values)
    kept = history if whole else _kept(history, parameters)
    allowed = parameters.gates.allowed(history) if parameters.gates else None
    return _Columns(kept, values, history.levels, history.provenance, leak, coverage, allowed)


def _kept(history: History, parameters: Parameters) -> History:
    """Return a history with what trading by the settings needs: mostly the best level alone."""
    changes: dict[str, object] = {
        "received": history.time,
        "reach": np.broadcast_to(np.float32(np.inf), (2, len(history))),
        "flow": None,
        "context": Context.none(),
        "depth": Depth.none(),
        "large_levels": LargeLevels.none(),
    }
    if parameters.execution == "taker":
        ends = np.broadcast_to(np.int64(0), len(history))
        changes |= {"trades": Trades.none(), "trade_ends": ends, "silences": ()}
    if parameters.size is None:
        blocks = (
            Levels(b.ticks[:, :, :1].copy(), b.sizes[:, :, :1].copy()) for b in history.blocks
        )
        changes |= {"blocks": tuple(blocks), "levels": 1}
    return changed(history, **changes)
