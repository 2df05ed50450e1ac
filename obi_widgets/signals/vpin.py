"""VPIN: how one-sided takers are, over buckets of equal volume.

The volume of the trades within a window is cut in ``n`` buckets of the same volume ``V``, one after
the other; a trade at a border is split. With what takers bought and sold in each of them::

    VPIN = Σ |V_bought − V_sold| / (n · V)

Easley, López de Prado and O'Hara take V as the fiftieth of an average day's volume, and n = 50, so
that VPIN looks back over about a day, longer where trading is quiet. Here V is the n-th part of the
volume of the window itself, so that V follows the market, and nothing depends on where a record
begins. The buckets are cut anew for each state, and always end with its newest trade.

The paper does not know the taker's side: it splits the volume of each time bar by the normal
distribution of its change of price ("bulk classification"). Most public code does this too. The
side that the venue reports, used here, is right where there is one: Andersen and Bondarenko, with
sides that are known, find that the guessed one errs with volume and volatility, and that VPIN owes
what it told to that error. Code that puts a whole trade into the bucket in which it begins has
buckets of different volumes, and divides by the wrong one.

It is a gauge: it says that takers are of one mind, and not of which. Andersen and Bondarenko also
find nothing in it that volume and volatility do not tell. Compare it with both before you use it.

References
----------
Easley, López de Prado, O'Hara (2012), "Flow toxicity and liquidity in a high-frequency world";
Andersen, Bondarenko (2015), "Assessing measures of order flow toxicity and early warning signals
for market turbulence".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.kernels.loader import Kernels
from obi_widgets.parameters import Number, Seconds
from obi_widgets.signals import vpin_numpy
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import frozen, in_ns, trades_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

KERNELS = Kernels("obi_widgets.signals.vpin_numba", vpin_numpy)


@signal(range=(0, 1), needs="trades", lookback="window", directional=False)
def vpin(
    history: History,
    *,
    window: Annotated[float, Seconds(1, 86_400, slider=(60, 3600, 60))] = 600.0,
    buckets: Annotated[float, Number(2, 200, "buckets", slider=(5, 100, 5))] = 50.0,
) -> NDArray[np.float64]:
    """Return how one-sided takers are, over buckets of equal volume.

    A trade counts with its size, from the first kept state received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.
    buckets : float
        Parts of the window's volume; a whole number.

    Returns
    -------
    ndarray of float64, shape (T,)
        0 (both sides the same in each bucket) to 1 (one side alone in each). A gauge: it has no
        direction. NaN where the window has no trade, until the window is full, and without a trades
        stream.

    Raises
    ------
    SettingsError
        A number of buckets that is not whole.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> toxicity = obi.vpin(history, window=30, buckets=10)
    >>> bool(0 < toxicity[-1] < 1)
    True
    """
    count = int(buckets)
    if count != buckets:
        raise SettingsError(
            f"buckets = {buckets:g} is no whole number.", f"Give {count} or {count + 1}."
        )
    _, sizes, ends, fits = trades_of(history, count)
    time, back = frozen(history.time), in_ns(window)
    # Earlier states have no full window: see `Signal.compute`.
    row = int(np.searchsorted(time, time[:1].sum() + back))
    code = KERNELS.current() if fits else vpin_numpy
    total, volume = code.imbalances(sizes, ends, time, back, count, row)
    return np.asarray(total / np.where(volume > 0, volume, np.nan), float)
