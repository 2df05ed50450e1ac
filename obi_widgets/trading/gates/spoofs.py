"""Spoofs: closed on the side to which walls that were only shown have lent their weight.

A wall is known to have been a spoof after it was pulled, and after others like it. Until then it is
a young wall, which the gate `large_level_age` is for. What a spoof is says
`obi_widgets.trading.spoofing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Bps, Number, Seconds
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.spoofing import LATE, NEAR_SECONDS, spoofs_known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


def _lookback(values: Mapping[str, Any]) -> float:
    parts = ("closed_for", "window", "life")
    return float(sum(values[one] for one in parts)) + LATE + NEAR_SECONDS


@gate(needs=("touch", "trades"), lookback=_lookback, exact=True)
def spoofs(
    history: History,
    *,
    closed_for: Annotated[float, Seconds(1, 3_600, slider=(5, 120, 5)), "Closed for"] = 30.0,
    within_bps: Annotated[float, Bps(0.1, 1_000, slider=(0.5, 20, 0.5)), "Within"] = 5.0,
    life: Annotated[float, Seconds(1, 600, slider=(1, 30, 1)), "Pulled within"] = 10.0,
    window: Annotated[float, Seconds(1, 3_600, slider=(10, 300, 10)), "Window"] = 60.0,
    repeats: Annotated[float, Number(1, 100, slider=(1, 10, 1)), "Repeats"] = 3.0,
) -> NDArray[np.float64]:
    """Return where the side that an entry leans on has shown no spoofs recently.

    Bids that were only shown close it to long entries, asks to short ones.

    Parameters
    ----------
    history : History
        T states. Unknown without trades, and where they seem to have stopped, since a wall that was
        pulled cannot be told from one that was traded.
    closed_for : float
        Seconds for which the gate is closed after the newest spoof became known.
    within_bps : float
        Only walls that appeared within this distance from mid count, bps.
    life : float
        Only walls that were pulled within so many seconds count.
    window : float
        Seconds over which walls that appeared near mid and were pulled soon are counted.
    repeats : float
        Walls of one side that have to be counted in the window to be called spoofs.
    """
    out = np.ones((2, len(history)))
    out[:, ~history.trades_known] = np.nan
    if not history.trades.streamed:
        out[:] = np.nan
        return out
    _, found, what = spoofs_known(
        history, within_bps=within_bps, life=life, window=window, repeats=repeats
    )
    for row, side in ((0, +1), (1, -1)):
        known = np.unique(what.known[(found.side == side) & (what.known >= 0)])
        until = np.searchsorted(history.time, history.time[known] + round(closed_for * 1e9))
        steps = np.zeros(len(history) + 1, np.int64)
        np.add.at(steps, known, 1)
        np.add.at(steps, until, -1)
        out[row, np.cumsum(steps)[:-1] > 0] = 0.0
    return out
