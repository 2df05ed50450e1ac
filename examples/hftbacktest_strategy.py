"""A strategy file of obi-widgets in a backtest of hftbacktest, on a simulated market.

    pip install obi-widgets hftbacktest
    python hftbacktest_strategy.py

It decides as `obi.entries`, state by state. With a latency, fills differ: hftbacktest fills a
market order at the book that stands when it arrives, and `obi.entries` at the first book that comes
then or later. The last state of the data ends a backtest of hftbacktest: nothing is decided there.
"""

import runpy

import hftbacktest as hft
import numpy as np
from hftbacktest.binding import event_dtype

import obi_widgets as obi

SIZE = 0.001  # of an order, in base units: so little that the best level fills it
FOREVER = 10**15  # ns


# -- the strategy --------------------------------------------------------------------------


def trade(backtest, strategy):
    """Run to the end of the data; return the entries (time, side) and the number of orders."""
    entries, orders = [], 0
    while backtest.wait_next_feed(False, FOREVER) == 2:  # 2: a state; 1: the last one
        now, depth = backtest.current_timestamp, backtest.depth(0)
        bids, asks = side(depth.bid_depth, depth, -1), side(depth.ask_depth, depth, +1)
        decision = strategy.decide(now, bids, asks)
        if decision.enter:
            entries.append((now, decision.enter))
        for order in decision.orders:  # market orders: the settings limit no slippage
            orders += 1
            send = backtest.submit_buy_order if order.side > 0 else backtest.submit_sell_order
            send(0, orders, bids[0][0], order.size or SIZE, hft.GTC, hft.MARKET, False)
    return entries, orders


def side(sizes, depth, step):
    """Return the (price, size) of a side, best first."""
    ticks = np.flatnonzero(sizes)[::step]
    prices = (ticks + depth.roi_lb_tick) * depth.tick_size
    return list(zip(prices.tolist(), sizes[ticks].tolist(), strict=True))


# -- the market ----------------------------------------------------------------------------


def events(history):
    """Return a history as events: each state empties both sides and sets them anew."""
    rows = np.zeros((len(history), 2, 1 + history.levels), event_dtype)
    rows["exch_ts"] = history.time[:, None, None]
    rows["local_ts"] = history.received[:, None, None]
    for at, (sign, flag) in enumerate(((+1, hft.BUY_EVENT), (-1, hft.SELL_EVENT))):
        event = hft.EXCH_EVENT | hft.LOCAL_EVENT | flag
        rows["ev"][:, at, 0], rows["px"][:, at, 0] = event | hft.DEPTH_CLEAR_EVENT, np.nan
        rows["ev"][:, at, 1:] = event | hft.DEPTH_SNAPSHOT_EVENT
        rows["px"][:, at, 1:], rows["qty"][:, at, 1:] = history.prices(sign), history.sizes(sign)
    there = rows["qty"] > 0
    there[:, :, 0] = True
    return rows[there]


def market(events, tick_size, latency_ms):
    """Return a backtest of events, which the caller has to keep: hftbacktest does not copy them."""
    latency, prices = round(latency_ms * 1e6), events["px"]
    asset = hft.BacktestAsset().data(events).linear_asset(1.0).tick_size(tick_size).lot_size(1e-5)
    asset.roi_lb(np.nanmin(prices)).roi_ub(np.nanmax(prices)).no_partial_fill_exchange()
    asset.constant_order_latency(latency, latency).risk_adverse_queue_model()
    asset.trading_value_fee_model(0.0005, 0.0005)
    return hft.ROIVectorMarketDepthBacktest([asset])


def main():
    history = obi.simulate(seconds=300, levels=10, seed=5)
    settings = obi.Settings(
        depth=10, threshold=0.4, entry_rule="crossing", hold_seconds=5, latency_ms=20
    )
    path = obi.export_strategy("strategy.py", settings, history)
    strategy = runpy.run_path(str(path))["Strategy"]("sim:BTC-PERP")
    data = events(history)
    backtest = market(data, history.tick_size, settings.latency_ms)
    entries, orders = trade(backtest, strategy)
    result = backtest.state_values(0)
    print(f"{len(entries)} entries, {len(obi.entries(history, settings))} by obi.entries")
    print(f"{orders} orders, {result.num_trades} fills, fees {result.fee:.2f}")


if __name__ == "__main__":
    main()
