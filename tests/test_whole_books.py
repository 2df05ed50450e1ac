"""Many whole books at once, against the same books one by one."""

import numpy as np
import pytest
from kernel_tools import BOTH, use

from obi_widgets.history.grid import on_grid
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.whole_books import WholeBooks
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
MARKET = Instrument("sim", "X", tick_size=0.01, contract_size=0.001)


def made_up(states, levels, widest, seed):
    """Return times, ticks and lots of books of a few levels to ``levels``, and trades of each.

    Prices stay for a while and sizes have fat tails, so that large levels come, change and go.
    """
    rng = np.random.default_rng(seed)
    time = T0 + np.cumsum(rng.integers(1, 400, states)) * 1_000_000
    ticks, lots = np.zeros((2, states, 2, levels), np.int64)
    trades = []
    sides = {+1: {}, -1: {}}
    mid = 100_000
    for state in range(states):
        mid += int(rng.integers(-3, 4)) * int(rng.random() < 0.3)
        for which, (side, book) in enumerate(sides.items()):
            for price in list(book):
                if (price - mid) * side >= 0 or rng.random() < 0.02:
                    del book[price]
            for away in 1 + rng.integers(0, widest, 1 if book else levels):
                book[mid - side * int(away)] = int(np.ceil(rng.lognormal(3, 1.6)))
            best = sorted(book, reverse=side > 0)[:levels]
            ticks[state, which, : len(best)] = best
            lots[state, which, : len(best)] = [book[price] for price in best]
            if rng.random() < 0.2:
                trades.append((state, int(rng.choice(best)), int(rng.integers(1, 9)), -side))
    return time, ticks, lots, trades


def at_once(levels, time, ticks, lots, trades):
    books = WholeBooks(MARKET, levels, len(time))
    state, price, size, side = np.array(trades).T
    for first in range(0, len(time), BLOCK):
        rows = slice(first, first + BLOCK)
        of = (state >= first) & (state < rows.stop)
        stamps = np.stack([time[state] - 1, time[state] - 1, np.arange(len(state))])[:, of]
        prices, sizes = on_grid(price[of].astype(float), 0.01), (side * size * 0.001)[of]
        books.tape.trades.extend(stamps, prices, sizes)
        books.add(time[rows], ticks[rows], lots[rows])
    return books.history()


def one_by_one(levels, time, ticks, lots, trades):
    writer, book, number = HistoryWriter(MARKET, levels=levels, interval=0), Book(), 0
    for state, now in enumerate(time.tolist()):
        while number < len(trades) and trades[number][0] == state:
            _, price, size, side = trades[number]
            trade = Trade(now - 1, now - 1, round(price * 0.01, 2), size * 0.001, side, number)
            assert writer.tape.trade(trade, now - 1)
            number += 1
        sides = []
        for prices, sizes in zip(ticks[state], lots[state], strict=True):
            there = sizes > 0
            sides.append(np.stack([on_grid(prices * 1.0, 0.01), sizes * 0.001], axis=1)[there])
        book.replace(*sides)
        writer.append(now, now, book)
    return writer.history()


def tables(history):
    """Return all that a history has, but how its blocks are divided."""
    depth, large, trades = history.depth, history.large_levels, history.trades
    return {
        "time": history.time, "received": history.received, "reach": history.reach,
        "bid": history.bid, "ask": history.ask, "trade_ends": history.trade_ends,
        "prices": history.prices(+1), "ask prices": history.prices(-1),
        "sizes": history.sizes(+1), "ask sizes": history.sizes(-1),
        "order flow": history.flow.order_flow, "events": history.flow.events,
        "trades": trades.stamps, "amounts": trades.amounts,
        "decimals": np.array([trades.price_decimals, trades.size_decimals]),
        "samples": depth.samples, "depth reach": depth.reach, "depth": depth.sizes,
        "step": np.array([depth.step, history.flow.lot_size, history.tick_size]),
        "large": large.whole, "large sizes": large.real,
    }  # fmt: skip


@BOTH
@pytest.mark.parametrize(
    ("states", "levels", "widest"),
    [(BLOCK + 300, 12, 90), (700, 1, 30), (700, 3, 30), (400, 40, 3_000), (400, 40, 60_000)],
)
def test_many_at_once_give_what_one_by_one_gives(monkeypatch, code, states, levels, widest):
    use(monkeypatch, code)
    given = made_up(states, levels, widest, seed=states + levels)
    found, wanted = at_once(levels, *given), one_by_one(levels, *given)
    for name, column in tables(wanted).items():
        new = tables(found)[name]
        assert new.dtype == column.dtype, name
        np.testing.assert_array_equal(new, column, name)
    assert found.sha256() == wanted.sha256()
    dtypes = [[block.ticks.dtype for block in one.blocks] for one in (found, wanted)]
    assert dtypes[0] == dtypes[1]
    if levels == 12:
        large = wanted.large_levels
        assert min(len(large), (large.traded > 0).sum()) > 5  # the comparison was of something
