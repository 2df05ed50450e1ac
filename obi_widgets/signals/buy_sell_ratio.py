"""Buy:sell ratio: how many times as much takers buy as they sell, on a log scale.

The plain ratio has no middle: half as much is 0.5 and twice as much is 2. Its logarithm is 0 where
both sides trade the same, and as far from 0 for twice as for half; ``exp`` of it is the ratio.

It orders states as `obi_widgets.trade_imbalance` of the same window does, which is tanh(x / 2) of
it: neither knows more than the other. The logarithm tells 10:1 from 100:1, where the imbalance is
near 1 for both.

References
----------
Chordia, Roll, Subrahmanyam (2002), "Order imbalance, liquidity, and market returns", for bought
and sold volume.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import sides_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(needs="trades", lookback="window", threshold=0.7)
def buy_sell_ratio(
    history: History, *, window: Annotated[float, Seconds(0.1, 3600, slider=(1, 300, 1))] = 60.0
) -> NDArray[np.float64]:
    """Return the natural logarithm of what takers bought over what they sold, over a window.

    A trade counts with its size, from the first kept state received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        ln(bought / sold): 0 where both are the same, +0.69 where takers bought twice as much as
        they sold. NaN where the window lacks trades of a side (its ratio would be 0 or infinite),
        until the window is full, and without a trades stream.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> logarithm, share = obi.buy_sell_ratio(history), obi.trade_imbalance(history, window=60)
    >>> np.allclose(np.tanh(logarithm / 2), share, equal_nan=True)
    True
    """
    bought, sold = sides_of(history, window)
    both = (bought > 0) & (sold > 0)
    ratio = np.where(both, bought, 1) / np.where(both, sold, 1)
    return np.where(both, np.log(ratio.astype(float)), np.nan)
