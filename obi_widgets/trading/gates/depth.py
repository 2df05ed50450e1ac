"""Stand aside while the book is thin: little rests near mid, for its own recent past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Band, Number
from obi_widgets.signals.depth_within import sizes_within
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import Window, beneath

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@gate(needs="levels", lookback="window", exact=True)
def depth(
    history: History,
    *,
    band_bps: Annotated[float, Band(0.1, 1_000, slider=(0.5, 50, 0.5))] = 5.0,
    quantile: Annotated[float, Number(0, 1), "Closed below quantile"] = 0.1,
    window: Window = 600.0,
) -> NDArray[np.float64]:
    """Return where the book is not thin.

    What counts is the thinner side: what rests within the band on the side that has less there,
    base units.

    Parameters
    ----------
    history : History
        T states.
    band_bps : float
        Distance from mid within which levels count, bps.
    quantile : float
        Closed where the depth is less than this quantile of its own values in the window before.
    window : float
        Length of that window in seconds.
    """
    thinner = np.minimum(*sizes_within(history, band_bps))
    return 1.0 - beneath(history, thinner, quantile, window)
