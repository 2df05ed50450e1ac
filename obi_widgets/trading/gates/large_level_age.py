"""Stand aside while a large level near mid is young: what was put there to be seen may be pulled.

Large levels are those of `obi_widgets.LargeLevels`, known one second after they changed at the
latest. A long entry asks for those among the bids, a short one for those among the asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.history.large_levels_numpy import BORN, FOUND, KEY, NUMBER, ROW, STANDING, STATE
from obi_widgets.parameters import Bps, Seconds
from obi_widgets.trading.gates.gate import gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@gate(needs="touch", exact=True)
def large_level_age(
    history: History,
    *,
    age: Annotated[float, Seconds(1, 3_600, slider=(1, 120, 1)), "Young below"] = 10.0,
    within_bps: Annotated[float, Bps(0.1, 1_000, slider=(0.5, 50, 0.5)), "Within"] = 10.0,
) -> NDArray[np.float64]:
    """Return where no large level of the side that an entry leans on is young.

    Parameters
    ----------
    history : History
        T states. Unknown until the first large level of its table: one that follows no large levels
        has none.
    age : float
        Seconds for which a large level is young. One that stood there before it was found is not.
    within_bps : float
        Distance from mid within which a large level counts, bps.
    """
    whole, real, time = history.large_levels.whole, history.large_levels.real, history.time
    out = np.ones((2, len(history)))
    if not whole.shape[1]:
        out[:] = np.nan
        return out
    known = int(whole[ROW, 0]) - history.start
    out[:, : max(known, 0)] = np.nan
    order = np.lexsort((np.arange(whole.shape[1]), whole[NUMBER]))
    number = whole[NUMBER, order]
    for part in np.split(order, np.flatnonzero(np.diff(number)) + 1):
        if whole[FOUND, part[0]]:
            continue
        born, price = int(whole[BORN, part[0]]), float(real[KEY, part[0]])
        begin = max(int(whole[ROW, part[0]]) - history.start, 0)
        end = int(np.searchsorted(time, born + round(age * 1e9)))
        if whole[STATE, part[-1]] != STANDING:
            end = min(end, int(whole[ROW, part[-1]]) - history.start)
        if begin >= end:
            continue
        rows = slice(begin, end)
        mid = history.mid[rows]
        with np.errstate(invalid="ignore"):
            near = np.abs(abs(price) - mid) * 1e4 <= within_bps * mid
        out[0 if price > 0 else 1, rows][near] = 0.0
    return out
