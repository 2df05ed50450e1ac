"""Stand aside while a short and a long view of the book contradict each other.

The views are the three windows of the decision card: means of the imbalance over their live time,
every 10 seconds. They are in conflict where two have different signs, both beyond their own band,
the 0.75-quantile of their own past distances from 0. A state has what the last grid time before it
says. `obi.cards` computes the same from the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Band, Choice, Levels, Number, Seconds
from obi_widgets.signals.card_direction import Long, Middle, Short, longest
from obi_widgets.signals.cycle_windows import conflict as in_conflict
from obi_widgets.signals.cycle_windows import weighed, window_means
from obi_widgets.signals.cycles import Cycles, CycleSums, cycles_in
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.own_past import bands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


class ConflictSoFar:
    """The conflict of windows over a history that grows: a few numbers a cycle, and no states.

    What it says of states that are appended is to the bit what it says of the whole: the cycles
    are, and windows are sums of whole numbers, and bands compare.

    Parameters
    ----------
    short, middle, long, of_last, **of_book
        Of the gate.
    """

    def __init__(
        self, *, short: float, middle: float, long: float, of_last: float, **of_book: object
    ) -> None:
        self._of_book = of_book
        self._windows = [cycles_in(seconds) for seconds in (short, middle, long)]
        self._of_last = cycles_in(of_last)
        self._sums = CycleSums(1)
        self._terms = np.empty((2, 0), np.int64)  # values times live time; live time
        self._values = np.empty((3, 0))  # of the windows
        self._newest = np.nan  # what the newest finished cycle says

    def lose(self) -> None:
        """Let the newest state hold no longer: states after it were not seen."""
        self._sums.lose()

    def extend(self, history: History, first: int) -> Floats:
        """Return what states from one on say, shape (T - first,); those before were seen."""
        time = history.time[first:]
        cycles = self._sums.append(time, imbalance.compute(history, self._of_book, first)[None])
        said = self._add(cycles)
        ended = np.searchsorted(cycles.ends, time, "right")
        known = np.append(self._newest, said)
        self._newest = float(known[-1])
        return np.asarray(known[ended])

    def _add(self, cycles: Cycles) -> Floats:
        """Add finished cycles, and return what each says: 1 open, 0 in conflict, NaN unknown."""
        new = len(cycles.age)
        if not new:
            return np.empty(0)
        terms = np.stack(weighed(cycles.means[0], cycles.live[0]))
        terms = np.concatenate((self._terms, terms), axis=1)
        sums, live = terms
        found = np.stack([window_means(sums, live, count, new)[0] for count in self._windows])
        values = np.concatenate((self._values, found), axis=1)
        edges = np.stack([bands(one, new, self._of_last) for one in values])
        # Copies, since a view would keep what is not needed any more.
        self._terms = terms[:, -max(self._windows) :].copy()
        self._values = values[:, -self._of_last :].copy()
        return 1.0 - in_conflict(found, edges)


def _lookback(values: Mapping[str, Any]) -> float:
    return longest(values) + float(values["of_last"])


@gate(needs="levels", lookback=_lookback, exact=True, spans_gaps=True)
def conflict(
    history: History,
    *,
    short: Short = 60.0,
    middle: Middle = 300.0,
    long: Long = 3_600.0,
    of_last: Annotated[
        float, Seconds(3_600, 86_400, slider=(3_600, 86_400, 3_600)), "Band of the last"
    ] = 86_400.0,
    decay: Annotated[float, Number(0, 100, "per bp", slider=(0, 1, 0.01))] = 0.1,
    depth: Annotated[int | None, Levels(1, 50, off="all levels")] = 10,
    band_bps: Annotated[
        float | None, Band(0.001, 10_000, off="no band", slider=(0, 50, 0.5))
    ] = None,
    weighting: Annotated[str, Choice("size", "notional")] = "size",
) -> NDArray[np.float64]:
    """Return where no two windows of the imbalance are beyond their bands on different sides.

    It is unknown, and so closed, until each window has been seen whole, and has had values for an
    hour.

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
    of_last : float
        Seconds of a window's past over which its band is taken, or as many as there are.
    decay : float
        Per bp of distance from mid: a level's weight in the imbalance is exp(−decay · distance).
    depth : int or None
        Levels a side that the imbalance uses; None for all that are kept.
    band_bps : float or None
        Only levels within this distance from mid count in the imbalance, bps; None for no band.
    weighting : str
        What a level weighs in the imbalance before decay: its size, or its size times its price.
    """
    so_far = ConflictSoFar(
        short=short, middle=middle, long=long, of_last=of_last, decay=decay, depth=depth,
        band_bps=band_bps, weighting=weighting,
    )  # fmt: skip
    return so_far.extend(history, 0)


conflict.follower = ConflictSoFar
