"""Stand aside while mid moves much more, or much less, than in its own recent past.

The realised volatility is that of `obi_widgets.signals.realised_volatility`: the root mean square
of mid's moves over a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Number, Seconds
from obi_widgets.signals.realised_volatility import STEP, volatility_of
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import Window, above, beneath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


def _lookback(values: Mapping[str, Any]) -> float:
    asks = values["least"] is not None or values["most"] is not None
    return STEP + float(values["window"]) + (float(values["of_last"]) if asks else 0.0)


@gate(needs="touch", lookback=_lookback, exact=True)
def volatility(
    history: History,
    *,
    window: Annotated[float, Seconds(1, 3_600, slider=(5, 600, 5)), "Measured over"] = 60.0,
    most: Annotated[
        float | None, Number(0, 1, off="no limit", slider=(-0.01, 1, 0.01)), "Closed above quantile"
    ] = 0.9,
    least: Annotated[
        float | None, Number(0, 1, off="no limit", slider=(-0.01, 1, 0.01)), "Closed below quantile"
    ] = None,
    of_last: Window = 1_800.0,
) -> NDArray[np.float64]:
    """Return where mid moves neither much more nor much less than it did before.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds over which the volatility is measured.
    most : float, optional
        Closed where it exceeds this quantile of its own recent values.
    least : float, optional
        Closed where it is less than this quantile of its own recent values.
    of_last : float
        Seconds before a state whose values are recent.
    """
    moves = volatility_of(history, window)
    wild = above(history, moves, most, of_last)
    still = beneath(history, moves, least, of_last)
    return 1.0 - np.maximum(wild, still)
