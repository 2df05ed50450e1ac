"""What benchmarks need of the package, wherever it stands: also at c954662, before the rooms."""

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
    """Return what gives the signal of a market's newest state."""
    if hasattr(market, "imbalance"):
        return lambda: market.imbalance(parameters)
    newest, state = parameters.signal.newest_by(dict(parameters.values)), market._writer.newest
    return lambda: newest(state())


def states_digest(history: Any) -> str:
    """Return a hash of a history's book states alone: c954662 has no flow and no trades.

    The receive time of the first state is left out: c954662 received a snapshot when it came, and
    since then it is received when the first change confirms it.
    """
    digest = hashlib.sha256()
    columns = [history.time, history.received[1:], history.bid, history.ask]
    columns += [part(side) for side in (+1, -1) for part in (history.prices, history.sizes)]
    for column in columns:
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
