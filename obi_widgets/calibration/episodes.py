"""Entry conditions: states beyond a threshold, states that cross it, and episodes beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from obi_widgets.calibration import episodes_numpy
from obi_widgets.calibration.episodes_numpy import GAP, OPEN, RELEASED
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

__all__ = [
    "GAP",
    "OPEN",
    "RELEASE",
    "RELEASED",
    "Episodes",
    "Kind",
    "entry_columns",
    "find_episodes",
]

Kind: TypeAlias = Literal["beyond", "crossing", "episode"]
"""``"beyond"``: every state beyond the threshold. ``"crossing"``: states beyond the threshold whose
previous state was not, or was beyond it on the other side; a state without a previous one (after a
gap) is no crossing. ``"episode"``: the first state of each episode."""

CHUNK = 4096
"""States whose comparisons are held in memory at once."""

RELEASE = 0.5
"""An episode ends when |signal| falls below this fraction of the threshold."""


@dataclass(frozen=True, eq=False)
class Episodes:
    """Episodes: periods in which the signal stays on one side of the threshold, with hysteresis.

    An episode begins when |signal| exceeds the threshold, and ends when |signal| falls below
    `RELEASE` · threshold, when the signal changes sign, or when the book is lost. The first state
    of the record or after a gap begins an episode if it is beyond the threshold; it is no crossing,
    because the signal before it is unknown. States without a signal (one side empty) are skipped.

    Attributes
    ----------
    side : ndarray of int8, shape (E,)
        +1 above, −1 below.
    start, stop, last : ndarray of int64, shape (E,)
        Rows of the first state, of the state that ended the episode (the number of states if the
        record ended first), and of the last state in it that has a signal.
    ended : ndarray of int8, shape (E,)
        Why it ended: `RELEASED`, `GAP` or `OPEN`.
    dwell : ndarray of float64, shape (E,)
        Duration in seconds, from the first state to the one that ended the episode. If a gap or the
        end of the record cut it short, to its last state, which is a lower bound.
    share_on : float
        Fraction, of the states that have a signal, of those within an episode; NaN without any.
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


def find_episodes(
    history: History, signal: Floats, threshold: float, *, release: float = RELEASE
) -> Episodes:
    """Return the episodes of a signal.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        In its own unit, NaN where there is none.
    threshold : float
        Threshold of |signal|, in its unit, 0 or more.
    release : float
        An episode ends below this fraction of the threshold, 0..1.

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
    count = KERNELS.current().episodes(
        signal, history.lost, threshold, release * threshold, start, stop, last, side, ended
    )
    start, stop, last = start[:count].copy(), stop[:count].copy(), last[:count].copy()
    side, ended = side[:count].copy(), ended[:count].copy()
    end = np.where(ended == RELEASED, np.minimum(stop, max(states - 1, 0)), last)
    dwell = (history.time[end] - history.time[start]) / 1e9
    signals_before = np.append(0, np.cumsum(~np.isnan(signal)))
    signals = int(signals_before[-1])
    on = int(np.sum(signals_before[stop] - signals_before[start]))
    return Episodes(side, start, stop, last, ended, dwell, on / signals if signals else np.nan)


def entry_columns(
    history: History, signal: Floats, thresholds: ArrayLike, *, kind: Kind = "beyond"
) -> Signs:
    """Return which states are entries and on which side, one column for each threshold.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        In its own unit, NaN where there is none.
    thresholds : array_like of float, shape (K,)
        Thresholds of |signal|, in its unit.
    kind : {"beyond", "crossing", "episode"}
        See `Kind`.

    Returns
    -------
    ndarray of int8, shape (T, K)
        +1 where a rise is expected, −1 where a fall is expected, 0 elsewhere.
    """
    signal = as_signal(history, signal)
    choice("kind", kind, get_args(Kind))
    values = np.atleast_1d(floats(thresholds, "thresholds"))
    if values.ndim != 1 or not len(values) or not np.all((values >= 0) & np.isfinite(values)):
        raise SettingsError(
            f"thresholds = {quoted(thresholds)} is not possible.", "Give numbers of 0 or more."
        )
    out = np.zeros((len(signal), len(values)), np.int8)
    if kind == "beyond":
        for first in range(0, len(signal), CHUNK):
            chunk = signal[first : first + CHUNK, None]
            np.subtract(
                chunk > values, chunk < -values, out=out[first : first + CHUNK], dtype=np.int8
            )
        return out
    side = np.empty(len(signal), np.int8)
    for column, threshold in enumerate(values.tolist()):
        if kind == "crossing":
            KERNELS.current().crossings(signal, history.lost, threshold, side)
            out[:, column] = side
        else:
            episodes = find_episodes(history, signal, threshold)
            out[episodes.start, column] = episodes.side
    return out
