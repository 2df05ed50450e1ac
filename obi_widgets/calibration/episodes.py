"""Which states count: while the signal is beyond a threshold, where it crosses, where it begins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from obi_widgets.calibration import episodes_numpy
from obi_widgets.calibration.episodes_numpy import GAP, OPEN, RELEASED
from obi_widgets.calibration.forward_returns import lost
from obi_widgets.calibration.lookahead import as_signal
from obi_widgets.checks import choice, number
from obi_widgets.errors import SettingsError, quoted
from obi_widgets.history.incoming import floats
from obi_widgets.kernels.loader import Kernels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Signs = NDArray[np.int8]

KERNELS = Kernels("obi_widgets.calibration.episodes_numba", episodes_numpy)

__all__ = ["GAP", "OPEN", "RELEASE", "RELEASED", "Episodes", "Kind", "columns", "find_episodes"]

Kind: TypeAlias = Literal["beyond", "crossing", "episode"]
"""``"beyond"``: every state beyond the threshold. ``"crossing"``: states that are beyond while the
state before was seen not to be, or was beyond on the other side. ``"episode"``: the first state of
each episode."""

CHUNK = 4096

RELEASE = 0.5
"""The share of the threshold below which an episode ends."""


@dataclass(frozen=True, eq=False)
class Episodes:
    """Stretches on one side of the threshold, in which chatter around it does not count.

    One begins when |signal| exceeds the threshold, and ends when |signal| falls below
    `RELEASE` · threshold, when the signal changes sign, or when the book is lost. The first state
    beyond after a gap, or of a record, begins an episode; it is no crossing, because the signal
    was not seen to come there. States without a signal (one side empty) are passed over.

    Attributes
    ----------
    side : ndarray of int8, shape (E,)
        +1 above, −1 below.
    start, stop, last : ndarray of int64, shape (E,)
        Rows: the first state; the state that ended it (the number of states where the record
        ended first); the last state in it that has a signal.
    ended : ndarray of int8, shape (E,)
        `RELEASED`, `GAP` or `OPEN`.
    dwell : ndarray of float64, shape (E,)
        Seconds from the first state to the one that ended it; to the last one in it where a gap
        or the record's end cut it short, which is too little.
    share_on : float
        Of the states that have a signal, those within an episode; NaN without any.
    """

    side: Signs
    start: Ints
    stop: Ints
    last: Ints
    ended: Signs
    dwell: Floats
    share_on: float

    def __len__(self) -> int:
        return len(self.side)

    @cached_property
    def median_dwell(self) -> float:
        """Seconds; NaN without an episode."""
        return float(np.median(self.dwell)) if len(self) else np.nan


def find_episodes(
    history: History, signal: Floats, threshold: float, *, release: float = RELEASE
) -> Episodes:
    """Return the episodes of a signal.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        −1..+1, NaN where there is none.
    threshold : float
        Of the signal's size, 0..1.
    release : float
        The share of the threshold below which an episode ends, 0..1.

    Returns
    -------
    Episodes
    """
    signal = as_signal(history, signal)
    threshold, release = (
        number("threshold", threshold, 0, np.inf),
        number("release", release, 0, 1),
    )
    states = len(signal)
    start, stop, last = (np.empty(states, np.int64) for _ in range(3))
    side, ended = np.empty(states, np.int8), np.empty(states, np.int8)
    count = KERNELS.fastest().episodes(
        signal, lost(history), threshold, release * threshold, start, stop, last, side, ended
    )
    start, stop, last = start[:count].copy(), stop[:count].copy(), last[:count].copy()
    side, ended = side[:count].copy(), ended[:count].copy()
    until = np.where(ended == RELEASED, np.minimum(stop, max(states - 1, 0)), last)
    dwell = (history.time[until] - history.time[start]) / 1e9
    there = ~np.isnan(signal)
    before = np.append(0, np.cumsum(there))
    on = int(np.sum(before[stop] - before[start]))
    return Episodes(
        side, start, stop, last, ended, dwell, on / int(before[-1]) if before[-1] else np.nan
    )


def columns(
    history: History, signal: Floats, thresholds: ArrayLike, *, kind: Kind = "beyond"
) -> Signs:
    """Return which states are events, and on which side, a column a threshold.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        −1..+1, NaN where there is none.
    thresholds : array_like of float, shape (K,)
        Of the signal's size.
    kind : {"beyond", "crossing", "episode"}
        See `Kind`.

    Returns
    -------
    ndarray of int8, shape (T, K)
        +1 where a rise is expected, −1 where a fall, 0 elsewhere.
    """
    signal = as_signal(history, signal)
    choice("kind", kind, get_args(Kind))
    levels = np.atleast_1d(floats(thresholds, "thresholds"))
    if levels.ndim != 1 or not len(levels) or not np.all((levels >= 0) & np.isfinite(levels)):
        raise SettingsError(
            f"thresholds = {quoted(thresholds)} is not possible.", "Give numbers of 0 or more."
        )
    out = np.zeros((len(signal), len(levels)), np.int8)
    if kind == "beyond":
        for first in range(0, len(signal), CHUNK):
            part = signal[first : first + CHUNK, None]
            np.subtract(
                part > levels, part < -levels, out=out[first : first + CHUNK], dtype=np.int8
            )
        return out
    gone, new = lost(history), np.empty(len(signal), np.int8)
    for column, threshold in enumerate(levels.tolist()):
        if kind == "crossing":
            KERNELS.fastest().crossings(signal, gone, threshold, new)
            out[:, column] = new
        else:
            found = find_episodes(history, signal, threshold)
            out[found.start, column] = found.side
    return out
