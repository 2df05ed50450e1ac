"""Event frequency: how many changes of the book there are a second.

It is a gauge: it says how busy the book is, and not which way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from obi_widgets.history.flow import flow_of
from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import sum_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="/s", needs="flow", lookback="window", directional=False)
def event_frequency(
    history: History, *, window: Annotated[float, Seconds(0.1, 3600, slider=(1, 300, 1))] = 10.0
) -> NDArray[np.float64]:
    """Return the number of raw events of the book a second, over a window.

    An event is one message of the venue that continues the book; see `obi_widgets.Flow`. Where a
    venue sends changes at fixed times, as every 0.1 s, it tells that pace and little of the market.

    Parameters
    ----------
    history : History
        T states, with ``flow``.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        Events per second, 0 or more. A gauge: it has no direction. NaN until the window is full.

    Raises
    ------
    HistoryError
        A history without ``flow``.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool(obi.event_frequency(history, window=5)[-1] > 0)
    True
    """
    return sum_of(flow_of(history).events, history.time, window) / window
