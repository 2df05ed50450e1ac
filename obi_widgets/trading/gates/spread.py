"""Stand aside while the spread is wide: in basis points, or for its own recent past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Bps
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import Highest, Window, above, window_of_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@gate(needs="touch", lookback=window_of_quantile, exact=True)
def spread(
    history: History,
    *,
    quantile: Highest = 0.9,
    window: Window = 600.0,
    most_bps: Annotated[
        float | None, Bps(0, 1_000, off="no limit", slider=(-0.1, 20, 0.1)), "Closed above"
    ] = None,
) -> NDArray[np.float64]:
    """Return where the spread is not wide.

    Parameters
    ----------
    history : History
        T states.
    quantile : float, optional
        Closed where the spread exceeds this quantile of its own values in the window before.
    window : float
        Length of that window in seconds.
    most_bps : float, optional
        Closed where the spread is wider than this, basis points of mid.
    """
    with np.errstate(invalid="ignore"):
        bps = 1e4 * history.spread / history.mid
        too_wide = above(history, bps, quantile, window)
        if most_bps is not None:
            too_wide[bps > most_bps] = 1.0
    return 1.0 - too_wide
