"""What benchmarks need of the package, wherever it stands: also at c954662, before the rooms."""

from __future__ import annotations

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

__all__ = ["BLOCK", "BinanceUsdm", "Levels", "Market", "Parameters", "wait"]
