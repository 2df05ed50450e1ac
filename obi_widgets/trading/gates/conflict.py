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
from obi_widgets.signals.card_direction import Long, Middle, Short, longest, windows_of
from obi_widgets.signals.cycle_windows import conflict as in_conflict
from obi_widgets.signals.cycles import at_states, cycles_in
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.own_past import bands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


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
    of_book = {"decay": decay, "depth": depth, "band_bps": band_bps, "weighting": weighting}
    cycles, values = windows_of(history, of_book, (short, middle, long))
    count = values.shape[1]
    edges = np.stack([bands(one, count, cycles_in(of_last)) for one in values])
    return at_states(history, cycles, 1.0 - in_conflict(values, edges))
