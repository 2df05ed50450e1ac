"""A strategy file of obi-widgets in a backtest of nautilus_trader, on a simulated market.

    pip install obi-widgets nautilus_trader
    python nautilus_strategy.py

It decides as `obi.entries`, state by state, and is filled as `obi.entries`: at the first book that
comes once an order has arrived.
"""

import runpy
from decimal import Decimal
from itertools import repeat

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import NULL_ORDER, BookOrder, OrderBookDepth10
from nautilus_trader.model.enums import AccountType, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

import obi_widgets as obi

SIZE = 0.001  # of an order, in base units: so little that the best level fills it


# -- the strategy --------------------------------------------------------------------------


class Imbalance(Strategy):
    """Trades what a strategy file decides. ``entries`` has time and side of each entry."""

    def __init__(self, exported, instrument):
        super().__init__()
        self.exported, self.instrument = exported, instrument
        self.entries, self.filled = [], []

    def on_start(self):
        self.subscribe_order_book_depth(self.instrument.id)

    def on_order_book_depth(self, depth):
        bids, asks = side(depth.bids), side(depth.asks)
        decision = self.exported.decide(depth.ts_event, bids, asks)
        if decision.enter:
            self.entries.append((depth.ts_event, decision.enter))
        for order in decision.orders:  # market orders: the settings limit no slippage
            way = OrderSide.BUY if order.side > 0 else OrderSide.SELL
            size = self.instrument.make_qty(order.size or SIZE)
            self.submit_order(self.order_factory.market(self.instrument.id, way, size))

    def on_order_filled(self, event):
        self.filled.append(float(event.last_px))


def side(orders):
    """Return the (price, size) of a side, best first."""
    return [(float(order.price), float(order.size)) for order in orders if order.size > 0]


# -- the market ----------------------------------------------------------------------------


def states(history, instrument):
    """Return the states of a history of ten levels, as nautilus_trader takes them."""

    def orders(way, prices, sizes):
        there = zip(prices.tolist(), sizes.tolist(), strict=True)
        levels = [(instrument.make_price(p), instrument.make_qty(s)) for p, s in there if s > 0]
        found = [BookOrder(way, *level, at) for at, level in enumerate(levels)]
        return found + [NULL_ORDER] * (10 - len(found))

    bids = map(orders, repeat(OrderSide.BUY), history.prices(+1), history.sizes(+1))
    asks = map(orders, repeat(OrderSide.SELL), history.prices(-1), history.sizes(-1))
    times = zip(history.time.tolist(), history.received.tolist(), strict=True)
    return [
        OrderBookDepth10(instrument.id, *sides, [1] * 10, [1] * 10, 0, row, *when)
        for row, (sides, when) in enumerate(zip(zip(bids, asks, strict=True), times, strict=True))
    ]


def perpetual(tick_size):
    """Return the market: a perpetual future of bitcoin, settled in USDT."""
    return CryptoPerpetual(
        InstrumentId.from_str("BTC-PERP.SIM"), Symbol("BTC-PERP"), BTC, USDT, USDT,
        is_inverse=False, price_precision=1, price_increment=Price(tick_size, 1),
        size_precision=5, size_increment=Quantity(1e-5, 5), taker_fee=Decimal("0.0005"),
        ts_event=0, ts_init=0,
    )  # fmt: skip


def run(history, exported, latency_ms):
    """Run a strategy file on a history; return the strategy and a table of its positions."""
    instrument = perpetual(history.tick_size)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(log_level="ERROR")))
    engine.add_venue(
        Venue("SIM"), OmsType.NETTING, AccountType.MARGIN, [Money(100_000, USDT)],
        book_type=BookType.L2_MBP, latency_model=LatencyModel(round(latency_ms * 1e6)),
    )  # fmt: skip
    engine.add_instrument(instrument)
    engine.add_data(states(history, instrument))
    strategy = Imbalance(exported, instrument)
    engine.add_strategy(strategy)
    engine.run()
    positions = engine.trader.generate_positions_report()
    engine.dispose()
    return strategy, positions


def main():
    history = obi.simulate(seconds=300, levels=10, seed=5)
    settings = obi.Settings(
        depth=10, threshold=0.4, entry_rule="crossing", hold_seconds=5, latency_ms=20
    )
    path = obi.export_strategy("strategy.py", settings, history)
    exported = runpy.run_path(str(path))["Strategy"]("sim:BTC-PERP")
    strategy, positions = run(history, exported, settings.latency_ms)
    print(f"{len(strategy.entries)} entries, {len(obi.entries(history, settings))} by obi.entries")
    columns = ["entry", "avg_px_open", "avg_px_close", "realized_pnl"]
    print(positions[columns].to_string(index=False, max_rows=6))


if __name__ == "__main__":
    main()
