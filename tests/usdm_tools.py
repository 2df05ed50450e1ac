"""What the tests of Binance USD-M's protocol share: the venue, and its market, at each stage."""

import json

from exchange_tools import ASKS, BIDS, SECOND, usdm_depth, usdm_snapshot

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.binance_usdm import SNAPSHOT

DEPTH_URL = "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"


def connected(now=0):
    venue = make_venue("binance-usdm", "BTCUSDT")
    venue.start(now)
    venue.connected(BOOK, now)
    return venue


def waiting(*events):
    """Return a venue that has buffered events, and asked for the snapshot."""
    venue = connected()
    for event in events:
        venue.received(event, SECOND)
    return venue


def in_sync():
    """Return a market whose book was continued to update 120."""
    market = Market(waiting(usdm_depth(90, 110, 80)))
    read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    read(market, None, usdm_depth(115, 120, 110), 2 * SECOND)
    assert market.state == "live"
    return market


def read(market, answer, text, now):
    venue = market.venue
    outputs = venue.fetched(answer, 200, text, now) if answer else venue.received(text, now)
    return market.handle(outputs, now)


def trade_frame(kind="aggTrade", *, symbol="BTCUSDT", maker_bought=True):
    number = {"aggTrade": {"a": 5, "f": 1, "l": 2}, "trade": {"t": 5}}[kind]
    data = {"e": kind, "E": 9, "T": 8, "s": symbol, "p": "100.5", "q": "0.25", "m": maker_bought}
    return json.dumps({"stream": f"btcusdt@{kind}", "data": data | number})
