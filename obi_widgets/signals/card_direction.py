"""Card direction: what three windows of the imbalance say together, as the decision card has it.

Every 10 seconds, on a grid in UTC, each window's value is the mean of the imbalance over its live
time, and the direction is the mean of the three. A state has the direction of the last grid time
that is not after it, so the signal is a step function.

A window may span a gap, unlike the look-back of other signals; `obi_widgets.signals.cycle_windows`
tells how much of it has to be live. `obi.cards` computes the same from the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Band, Choice, Levels, Number, Seconds
from obi_widgets.signals.cycle_windows import combined, weighed, window_means
from obi_widgets.signals.cycles import CYCLE_SECONDS, Cycles, CycleSums, at_states, cycles_in
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

Short = Annotated[float, Seconds(10, 3_600, slider=(10, 600, 10)), "Short window"]
Middle = Annotated[float, Seconds(10, 21_600, slider=(10, 3_600, 10)), "Middle window"]
Long = Annotated[float, Seconds(10, 86_400, slider=(60, 14_400, 60)), "Long window"]
"""Lengths of windows, seconds; the nearest whole number of cycles is taken."""


def longest(values: Mapping[str, Any]) -> float:
    """Return how far back the windows of a state look, seconds.

    The last grid time may be almost a cycle ago.
    """
    windows = (values["short"], values["middle"], values["long"])
    return float((max(map(cycles_in, windows)) + 1) * CYCLE_SECONDS)


def windows_of(
    history: History, of_book: Mapping[str, Any], windows: tuple[float, float, float]
) -> tuple[Cycles, Floats]:
    """Return the cycles of a history, and the imbalance in each window, shape (3, N).

    Parameters
    ----------
    history : History
        T states.
    of_book : mapping
        Parameters of the imbalance.
    windows : tuple of float
        Lengths, seconds.
    """
    values = imbalance.compute(history, of_book)
    cycles = CycleSums(1).append(history.time, values[None])
    sums, live = weighed(cycles.means[0], cycles.live[0])
    count = len(sums)
    return cycles, np.stack(
        [window_means(sums, live, cycles_in(seconds), count)[0] for seconds in windows]
    )


@signal(range=(-1, 1), needs="levels", lookback=longest, threshold=0.2, spans_gaps=True)
def card_direction(
    history: History,
    *,
    short: Short = 60.0,
    middle: Middle = 300.0,
    long: Long = 3_600.0,
    decay: Annotated[float, Number(0, 100, "per bp", slider=(0, 1, 0.01))] = 0.1,
    depth: Annotated[int | None, Levels(1, 50, off="all levels")] = 10,
    band_bps: Annotated[
        float | None, Band(0.001, 10_000, off="no band", slider=(0, 50, 0.5))
    ] = None,
    weighting: Annotated[str, Choice("size", "notional")] = "size",
) -> Floats:
    """Return the mean of the imbalance over three windows, renewed every 10 seconds.

    Parameters
    ----------
    history : History
        T states.
    short : float
        Length of the shortest window, seconds; it is rounded to whole cycles of 10 s.
    middle : float
        Length of the middle window, seconds; it is rounded to whole cycles of 10 s.
    long : float
        Length of the longest window, seconds; it is rounded to whole cycles of 10 s.
    decay : float
        Per bp of distance from mid: a level's weight in the imbalance is exp(−decay · distance).
    depth : int or None
        Levels a side that the imbalance uses; None for all that are kept.
    band_bps : float or None
        Only levels within this distance from mid count in the imbalance, bps; None for no band.
    weighting : str
        What a level weighs in the imbalance before decay: its size, or its size times its price.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + for a rise. NaN where the book was not in sync, until the longest window was seen
        whole, and while less than 90 % of a window was live.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=90, seed=1)
    >>> values = obi.card_direction(history, short=10, middle=20, long=40)
    >>> values.shape == history.time.shape
    True
    """
    of_book = {"decay": decay, "depth": depth, "band_bps": band_bps, "weighting": weighting}
    cycles, values = windows_of(history, of_book, (short, middle, long))
    return at_states(history, cycles, combined(values, (1.0, 1.0, 1.0)))
