"""The names of the package that both commits of a comparison have, imported by either's paths.

`benchmarks.against` runs the same code on two commits, and c954662 has other folders. So the names
are imported by the paths of today, or by those of c954662 if the commit under test has these. A
name that one of the two commits lacks must not be imported here: nothing could be compared then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from obi_widgets.feeds.market import Market
    from obi_widgets.history.levels import BLOCK, Levels
    from obi_widgets.kernels.loader import wait
    from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
    from obi_widgets.settings.parameters import Parameters
except ModuleNotFoundError as error:
    if error.name not in ("obi_widgets.feeds.market", "obi_widgets.history.levels"):
        raise
    from obi_widgets.market import Market
    from obi_widgets.signals.compiling import wait
    from obi_widgets.venues.binance_usdm import BinanceUsdm

    from obi_widgets.history import BLOCK, Levels
    from obi_widgets.settings import Parameters

__all__ = [
    "BLOCK", "BinanceUsdm", "Levels", "Market", "Parameters",
    "newest_signal", "states_digest", "wait",
]  # fmt: skip


def newest_signal(market: Market, parameters: Parameters) -> Callable[[], float]:
    """Return a function that computes the signal of a market's newest state."""
    if hasattr(market, "imbalance"):
        return lambda: market.imbalance(parameters)
    newest, state = parameters.signal.newest_by(dict(parameters.values)), market._writer.newest
    return lambda: newest(state())


def states_digest(history: Any) -> str:
    """Return a hash of the book states of a history; c954662 has no flow and no trades.

    The first receive time is left out. In c954662 it is the time at which the snapshot came; now it
    is the time of the first event, which confirms the snapshot.
    """
    digest = hashlib.sha256()
    columns = [history.time, history.received[1:], history.bid, history.ask]
    columns += [part(side) for side in (+1, -1) for part in (history.prices, history.sizes)]
    for column in columns:
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
