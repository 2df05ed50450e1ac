"""Captured market data through the live path, against what else was captured of the same book."""

import gzip
import json

import numpy as np
import pytest
from exchange_tools import captured

import obi_widgets as obi
from benchmarks.captured import digests
from obi_widgets.feeds.loading import play
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording


def days(symbol):
    names = [f"binance_usdm/{symbol}usdt_202407{day}.gz" for day in (18, 19)]
    return [captured(name) for name in names]


def frames(paths):
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                yield json.loads(line.partition(" ")[2])


@pytest.mark.parametrize(("symbol", "states"), [("btc", 9018), ("eth", 8925)])
def test_a_captured_book_has_no_gap_and_is_never_crossed(symbol, states):
    history = obi.load(days(symbol), interval=0)
    assert len(history) == states
    assert history.gaps == 0
    assert history.tick_size == pytest.approx({"btc": 0.1, "eth": 0.01}[symbol])
    assert np.all(history.spread > 0)
    assert np.all(np.diff(history.time) >= 0)
    assert len(obi.load(days(symbol), interval=0.1)) < states / 1.5


# As commit c954662 had them: `python -m benchmarks.captured --at c954662`.
PINNED = {
    ("btc", 0.0): (
        9018,
        "67eade622df5d4f39b0f7be6ff69bcab1855e613ed07f8a76bd3cbc458134e43",
        "7b8dc4b88c3e7601386c2a2f5a2c8cd827712f5b6013651d223916280b8fc16f",
    ),
    ("btc", 0.1): (
        4774,
        "d345ad853fb43de794ca8f473e913f54b9c2d83bb979fc0f0c52faeb9af88908",
        "c04c1239c6681b075b0555e6bcacbcb472ed4d1e32f798330250c7626667762a",
    ),
    ("eth", 0.0): (
        8925,
        "2154f589a53dba8bc9b48044e5e113bf816e5647308e88761d85b1797aa6c58b",
        "89abcdd5f72672860489662255c9ff132d5e379d2ed02475ab9fa21be6a1d633",
    ),
    ("eth", 0.1): (
        4773,
        "1379b7a2bdaa94a0ab70f8aced1c3657d506c43a1d11e1ff956f1f72d2c9eba1",
        "9e2830aaa326d5cf0b041a0cb8e23cdbfae5a28a2d0535974077a04441f938fe",
    ),
}


@pytest.mark.parametrize(("symbol", "interval"), PINNED)
def test_states_and_imbalance_of_the_captures_stay_the_same_to_the_bit(symbol, interval):
    history = obi.load(days(symbol), interval=interval)
    assert digests(history) == PINNED[symbol, interval]


@pytest.mark.slow
@pytest.mark.parametrize(("symbol", "states"), [("btc", 9016), ("eth", 8922)])
def test_every_best_price_and_size_is_what_the_exchanges_own_best_quotes_say(symbol, states):
    # bookTicker numbers every change of a best price or size by the same update ids as the
    # diffs: after the diff that ends in u, the newest quote up to u is the best of that book.
    paths = days(symbol)
    quotes = [
        (data["u"], *(float(data[name]) for name in ("b", "B", "a", "A")))
        for data in (frame.get("data", frame) for frame in frames(paths))
        if data.get("e") == "bookTicker"
    ]
    quotes = np.array(quotes)
    assert np.all(np.diff(quotes[:, 0]) > 0)
    recording = Recording(paths)
    market = Market(recording.make_venue(), levels=1, interval=0)
    ids, best = [], []
    for record in recording:
        before = market.venue._chain.last
        play(market, record)
        if market.state == "live" and market.venue._chain.last != before and '"pu"' in record.text:
            sides = (market.book.bids, market.book.asks)
            ids.append(market.venue._chain.last)
            best.append([side.top(1)[which][0] for side in sides for which in (0, 1)])
    newest = np.searchsorted(quotes[:, 0], ids, side="right") - 1
    assert newest.min() >= 0  # every state can be compared
    assert len(ids) == states
    assert np.count_nonzero(np.all(quotes[newest, 1:] == best, axis=1)) == states  # all agree
    assert len(np.unique(newest)) > 0.4 * states  # and not with a quote that never changes
