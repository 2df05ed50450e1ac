"""Stand aside while the spread is wide: in basis points, or for its own recent past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Bps, Number, Seconds
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import above

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


def _lookback(values: Mapping[str, Any]) -> float:
    return 0.0 if values["quantile"] is None else float(values["window"])


@gate(needs="touch", lookback=_lookback, exact=True)
def spread(
    history: History,
    *,
    quantile: Annotated[
        float | None,
        Number(0, 1, off="no quantile", slider=(-0.01, 1, 0.01)),
        "Closed above quantile",
    ] = 0.9,
    window: Annotated[float, Seconds(10, 86_400, slider=(10, 3_600, 10)), "Of the last"] = 600.0,
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
