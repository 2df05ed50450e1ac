"""Trades and context: kept exactly, given to the first state after them, sliced and joined."""

from __future__ import annotations

import gzip
import json
import pickle
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from exchange_tools import ASKS, BIDS, captured, lmex_book, usdm_depth
from exchange_tools import connected as lmex_connected
from hypothesis import given
from hypothesis import strategies as st
from usdm_tools import in_sync as usdm_in_sync
from usdm_tools import trade_frame

import obi_widgets as obi
from obi_widgets.errors import HistoryError
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.history import context
from obi_widgets.history import trades as table
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Liquidation, Mark, Trade
from obi_widgets.market_data.venues.binance_plain import MARKET as MARKET_SOCKET
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.signals.registry import find

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
MARKET = Instrument("sim", "X", tick_size=0.1)


def book(bid=99.9):
    made = Book()
    made.replace([(bid, 1.0)], [(bid + 0.2, 2.0)])
    return made


def write(what, **options):
    """Return a writer that was told of states, trades and marks, in this order.

    Each is a letter and the seconds at which it was received: ``s`` a state, ``b`` and ``a`` a
    trade in which the taker bought or sold, ``m`` a mark price. Trades count from 1; number n has
    the size n and the price 100 + n / 10.
    """
    writer, number = HistoryWriter(MARKET, levels=1, **{"interval": 0, **options}), 0
    for letter, seconds in what:
        at = T0 + round(seconds * SECOND)
        if letter == "s":
            writer.append(at, at, book())
        elif letter == "m":
            writer.tape.mark(Mark(at, at, 100.0 + seconds, 99.0, 0.0001), at)
        else:
            number += 1
            side = +1 if letter == "b" else -1
            trade = Trade(at - 5, at, 100 + number / 10, float(number), side, number)
            assert writer.tape.trade(trade, at)
    writer.flush()
    return writer


def tape(text):
    """Return what `write` takes of ``"b1 s2"``."""
    return [(word[0], float(word[1:])) for word in text.split()]


# -- whose they are ----------------------------------------------------------------------------


def test_a_trade_belongs_to_the_first_state_received_after_it():
    history = write(tape("b1 s2 b3 a4 s5 s6 a7 s8 b9")).history()
    assert history.trades.id.tolist() == [1, 2, 3, 4]  # the last has no state yet
    assert table.rows(history).tolist() == [0, 1, 1, 3]
    taken = history.taken
    assert taken.bought.tolist() == [1, 2, 0, 0]
    assert taken.sold.tolist() == [0, 3, 0, 4]
    assert taken.bought_value.tolist() == [100.1, 2 * 100.2, 0, 0]
    assert taken.sold_value.tolist() == [0, 3 * 100.3, 0, 4 * 100.4]
    assert taken.count.tolist() == [1, 2, 0, 1]


def test_a_trade_received_at_the_time_of_a_state_belongs_to_the_next():
    history = write(tape("s1 b2 s2 s3")).history()
    assert table.rows(history).tolist() == [2]


def test_at_an_interval_a_trade_belongs_to_the_first_kept_state():
    # Of 1.2 and 1.6 only the later is kept; what comes after it belongs to 2.5.
    history = write(tape("b1.1 s1.2 b1.4 s1.6 b1.7 s2.5"), interval=1.0).history()
    assert [round((one - T0) / 1e8) for one in history.time.tolist()] == [16, 25]
    assert table.rows(history).tolist() == [0, 0, 1]


def test_no_trade_is_known_early_where_the_local_clock_was_set_back():
    writer = write(tape("s10 b11 s12"))
    writer.set_back()
    at = T0 + 2 * SECOND
    writer.tape.trade(Trade(at, at, 100.0, 1.0, +1, 2), at)
    writer.append(T0 + 13 * SECOND, at + 1, book())  # received earlier than the states before it
    writer.append(T0 + 20 * SECOND, T0 + 20 * SECOND, book())
    history = writer.history()
    assert table.rows(history).tolist() == [1, 3]
    assert np.all(np.diff(history.trades.received) >= 0)


def test_what_was_handed_out_stays_as_it_was():
    writer = write(tape("b1 s2"))
    before = writer.history()
    kept = before.trades.price.tolist(), before.trades.sha256()
    at = T0 + 3 * SECOND
    writer.tape.trade(Trade(at, at, 100.12345, 1e-7, -1, 2), at)  # it refines both grids
    for second in range(4, 2 * BLOCK):
        at = T0 + second * SECOND
        writer.tape.trade(Trade(at, at, 5e9, 4e6, +1, second), at)  # beyond 32 bits
        writer.append(at + 1, at + 1, book())
    assert (before.trades.price.tolist(), before.trades.sha256()) == kept
    after = writer.history()
    assert after.trades.amounts.dtype == np.int64
    assert after.trades.price[:3].tolist() == [100.1, 100.12345, 5e9]
    assert after.trades.size[:3].tolist() == [1.0, 1e-7, 4e6]
    assert after.trades.side[:3].tolist() == [1, -1, 1]
    with pytest.raises(ValueError, match="read-only"):
        after.trades.stamps[0, 0] = 0


def test_a_trade_of_no_size_is_refused():
    writer = write([])
    assert not writer.tape.trade(Trade(T0, T0, 100.0, 0.0, +1, 1), T0)
    assert not writer.tape.trade(Trade(T0, T0, 100.0, 1e-15, +1, 1), T0)
    assert len(writer.history().trades) == 0


decimals = st.decimals(min_value="0.001", max_value="99999", places=3)


@given(st.lists(st.tuples(decimals, decimals, st.sampled_from([1, -1]), st.integers(0, 3))))
def test_sums_are_exact_whatever_is_asked_between(trades):
    whole, asked = (HistoryWriter(MARKET, levels=1, interval=0) for _ in range(2))
    bought, row = {}, 0
    at = T0
    for price, size, side, states in trades:
        at += 1000
        for writer in (whole, asked):
            writer.tape.trade(Trade(at, at, float(price), float(size), side, 1), at)
        if side > 0:
            bought[row] = bought.get(row, Fraction(0)) + Fraction(size)
        for _ in range(states):
            at += 1000
            for writer in (whole, asked):
                writer.append(at, at, book())
            row += 1
            asked.history()
    at += 1000
    for writer in (whole, asked):
        writer.append(at, at, book())
    history, other = whole.history(), asked.history()
    expected = [float(bought.get(row, Fraction(0))) for row in range(len(history))]
    assert history.taken.bought.tolist() == expected == other.taken.bought.tolist()
    assert history.trades.sha256() == other.trades.sha256()
    assert history.trades.price.tolist() == [float(price) for price, *_ in trades]


# -- slices and joins --------------------------------------------------------------------------


LONG = tape("m0 b1 s2 b3 a4 s5 m5.5 s6 a7 s8 b9 b10 s11")


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("last", range(6))
def test_a_slice_has_the_trades_of_its_states(first, last):
    history = write(LONG).history()
    part = history[first:last]
    rows = table.rows(history)
    mine = (rows >= first) & (rows < last)
    assert part.trades.id.tolist() == history.trades.id[mine].tolist()
    assert table.rows(part).tolist() == (rows[mine] - first).tolist()
    assert part.taken.sold.tolist() == history.taken.sold[first:last].tolist()
    again = history[1:][max(first - 1, 0) : max(last - 1, 0)]
    if first:
        assert again.trades.sha256() == part.trades.sha256()
    if last > first:
        marks = history.context.at(history, "mark")[first:last]
        assert np.array_equal(part.context.at(part, "mark"), marks, equal_nan=True)
    assert pickle.loads(pickle.dumps(part)).trades.sha256() == part.trades.sha256()


def test_joined_histories_have_the_trades_of_both():
    history = write(LONG).history()
    joined = obi.History.concat([history[2:], history[:2]])
    assert joined.trades.sha256() == history.trades.sha256()
    assert joined.taken.sold.tolist() == [0, 3, 0, 0, 4, 0]  # a gap between row 1 and 2
    assert table.rows(joined[3:]).tolist() == [1, 2, 2]
    assert joined.context.sha256() == history.context.sha256()  # each value once
    marks = history.context.at(history, "mark")
    assert joined.context.at(joined, "mark")[[0, 1, 3, 4, 5]].tolist() == marks.tolist()


def with_liquidations(**options):
    """Return a history of two liquidations, a second before each of its last two states."""
    writer = HistoryWriter(MARKET, levels=1, **{"interval": 0, **options})
    told = {1: (100.5, 2.0, +1), 3: (99.5, 0.25, -1)}
    for second in range(5):
        at = T0 + second * SECOND
        if second in told:
            writer.tape.liquidation(Liquidation(at - 5, at, *told[second]), at)
            ratio = Mark(at - 7, at, np.nan, np.nan, np.nan, long_short_ratio=second / 4)
            writer.tape.mark(ratio, at)
        else:
            writer.append(at, at, book())
    return writer.history()


def test_liquidations_are_in_the_context_with_price_size_and_sign(tmp_path):
    history = with_liquidations()  # states at 0, 2 and 4 s
    told = history.context.liquidations()
    assert told["price"].tolist() == [100.5, 99.5]
    assert told["size"].tolist() == [2.0, -0.25]  # a short was bought back, a long was sold
    assert told.index.view(np.int64).tolist() == [T0 + SECOND - 5, T0 + 3 * SECOND - 5]
    assert told["received"].dt.as_unit("ns").astype(np.int64).tolist() == [
        T0 + SECOND, T0 + 3 * SECOND,
    ]  # fmt: skip
    at = {name: history.context.at(history, name).tolist() for name in context.NAMES}
    assert at["liquidated"][1:] == [2.0, -0.25]
    assert at["liquidation_price"][1:] == [100.5, 99.5]
    assert at["long_short_ratio"][1:] == [0.25, 0.75]
    assert np.isnan(at["mark"]).all()
    assert "long_short_ratio" in repr(history.context)
    assert history[:2].context.liquidations()["size"].tolist() == [2.0]
    assert history[:1].context.liquidations().empty
    for cuts in ((0, 2, 3), (0, 1, 2, 3), (0, 1, 3)):  # each part has all that came before it
        joined = obi.History.concat([history[a:b] for a, b in pairwise(cuts)])
        assert joined.context.sha256() == history.context.sha256()
        assert joined.context.liquidations().equals(told)
    loaded = obi.load(history.save(tmp_path / "x.parquet"))
    assert loaded.context.sha256() == history.context.sha256()
    assert loaded.context.liquidations().equals(told)


def test_an_old_liquidation_does_not_keep_what_came_after_it():
    writer = HistoryWriter(MARKET, levels=1, interval=0, capacity=BLOCK)
    writer.tape.liquidation(Liquidation(T0, T0, 100.0, 1.0, -1), T0)
    for number in range(1, 4 * BLOCK):
        at = T0 + number * 1000
        writer.tape.mark(Mark(at, at, float(number), np.nan, np.nan), at)
        writer.append(at + 1, at + 1, book())
    history = writer.history()
    assert history.start > 0
    assert len(history.context) <= len(history) + 1
    assert history.context.liquidations().empty


def test_memory_is_bounded_by_the_states():
    writer = HistoryWriter(MARKET, levels=1, interval=0, capacity=BLOCK)
    for number in range(1, 8 * BLOCK):
        at = T0 + number * 1000
        if number % 2:
            writer.tape.trade(Trade(at, at, 100.0, 1.0, +1, number), at)
        else:
            writer.tape.mark(Mark(at, at, float(number), 0.0, 0.0), at)
        writer.append(at + 1, at + 1, book())
    history = writer.history()
    assert len(history) < 3 * BLOCK
    first = history.start + 1
    numbers = np.arange(first, 8 * BLOCK)
    assert history.trades.id.tolist() == numbers[numbers % 2 == 1].tolist()
    assert history.taken.bought.tolist() == (numbers % 2 == 1).astype(float).tolist()
    marks = history.context.at(history, "mark")
    assert marks.tolist() == (numbers - numbers % 2).astype(float).tolist()
    assert writer.tape.trades.stamps.shape[1] < 6 * BLOCK


def test_a_table_that_nobody_tells_of_says_so():
    history = obi.History.from_arrays([T0], [1.0], [1.0], [2.0], [1.0])
    assert len(history.trades) == len(history.context) == 0
    assert not history.trades.streamed
    assert "sends none" in repr(history.trades)
    assert write(tape("s1")).history().trades.streamed
    assert history.taken.count.tolist() == [0]


def test_tables_are_frames_and_refuse_steps():
    history = write(LONG).history()
    frame = history.trades.to_frame()
    assert str(frame.index.tz) == "UTC"
    assert frame.index.name == "time"
    assert frame["side"].tolist() == [1, 1, -1, -1, 1, 1]
    assert frame["price"].tolist() == history.trades.price.tolist()
    values = history.context.to_frame()
    assert values["name"].tolist() == ["mark", "index", "funding_rate"] * 2
    assert values["value"].tolist()[::3] == [100.0, 105.5]
    for rows, said in ((slice(None, None, 2), "without a step"), (3, "takes slices only")):
        with pytest.raises(HistoryError, match=said):
            history.trades[rows]
    with pytest.raises(HistoryError, match="Did you mean 'mark'"):
        history.context.at(history, "mar")


# -- captures ----------------------------------------------------------------------------------


def days(symbol):
    return [captured(f"binance_usdm/{symbol}usdt_202407{day}.gz") for day in (18, 19)]


@cache
def told(symbol):
    """Return the trades of a capture as its text has them: received, price, size, side, id."""
    found = []
    for path in days(symbol):
        with gzip.open(path, "rt") as lines:
            for line in lines:
                received, _, frame = line.partition(" ")
                data = json.loads(frame).get("data", {})
                if data.get("e") == "trade" and float(data["p"]) > 0:
                    side = -1 if data["m"] else +1
                    found.append((int(received), data["p"], data["q"], side, data["t"]))
    return found


@pytest.mark.parametrize("interval", [0, 0.1, 1, 5])
@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_sums_of_a_capture_are_those_of_every_raw_trade(symbol, interval):
    history = obi.load(days(symbol), interval=interval, levels=5)
    raw = [one for one in told(symbol) if one[0] < history.received[-1]]
    assert len(raw) > 10_000
    assert history.trades.id.tolist() == [one[4] for one in raw]
    assert history.trades.price.tolist() == [float(one[1]) for one in raw]
    assert history.trades.size.tolist() == [float(one[2]) for one in raw]
    states, sums = history.received.tolist(), {}
    row = 0
    for received, price, size, side, _ in raw:
        while states[row] <= received:
            row += 1
        sums.setdefault((row, side), []).append((Fraction(size), Fraction(price)))
    taken = history.taken
    for side, sizes, values in (
        (+1, taken.bought, taken.bought_value), (-1, taken.sold, taken.sold_value),
    ):  # fmt: skip
        every = [sums.get((row, side), []) for row in range(len(history))]
        assert sizes.tolist() == [float(sum(size for size, _ in one)) for one in every]
        assert values.tolist() == [float(sum(size * price for size, price in one)) for one in every]
    rows = table.rows(history)
    assert np.all(history.received[rows] > history.trades.received)
    assert np.all(history.trades.received[rows > 0] >= history.received[rows[rows > 0] - 1])


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_a_capture_appended_to_is_the_whole(symbol):
    recording = Recording(days(symbol))
    market = Market(recording.make_venue(), levels=5, interval=0.1)
    signal, parts = find("trade_imbalance"), []
    for number, record in enumerate(recording):
        market.tick(record.time)
        record.apply(market)
        if number % 20_000 == 0:
            parts.append(market.history())
    market.end("", "")
    whole = market.history()
    assert whole.trades.sha256() == obi.load(days(symbol), levels=5).trades.sha256()
    values = signal(whole)
    assert np.isfinite(values).mean() > 0.9
    for part in parts:
        count = len(part)
        assert np.array_equal(part.trade_ends, whole.trade_ends[:count])
        assert np.array_equal(part.taken.bought_value, whole.taken.bought_value[:count])
        assert np.array_equal(signal(part), values[:count], equal_nan=True)


# -- live ------------------------------------------------------------------------------------


def lmex_trades(*trades):
    data = [
        {"price": price, "size": size, "side": side, "symbol": "BTC-PERP", "tradeId": number,
         "timestamp": 1_700_000_000_580}
        for number, price, size, side in trades
    ]  # fmt: skip
    return json.dumps({"topic": "tradeHistoryApiV2:BTC-PERP", "data": data})


def test_trades_of_lmex_count_in_base_units():
    market = Market(lmex_connected(contract_size=0.00001), levels=2, interval=0)
    market.receive(lmex_book("snapshot", 10, BIDS, ASKS), T0)
    market.receive(lmex_trades((1, 100.5, 70, "SELL"), (2, 101.0, 12345, "BUY")), T0 + 1, TRADES)
    market.receive(lmex_book("delta", 11, [(100.0, 6)]), T0 + 2)
    history = market.history()
    assert history.trades.size.tolist() == [0.0007, 0.12345]
    assert history.taken.bought_lots.tolist() == [0, 12345]
    assert history.taken.sold.tolist() == [0, 0.0007]
    assert history.trades.received.tolist() == [T0 + 1, T0 + 1]


def test_trades_and_marks_of_binance_come_beside_the_book():
    market = usdm_in_sync()
    mark = '{"e":"markPriceUpdate","E":9,"s":"BTCUSDT","p":"100.25","i":"100.5","r":"-0.0001"}'
    for number, frame in enumerate((trade_frame(maker_bought=False), mark)):
        market.receive(frame, 3 * SECOND + number, MARKET_SOCKET)
    market.receive(usdm_depth(121, 121, 120, [(100.0, 9)]), 4 * SECOND)
    market.end("", "")
    history = market.history()
    assert history.taken.bought.tolist()[-1] == 0.25
    assert history.trades.id.tolist() == [5]
    for name, value in (("mark", 100.25), ("index", 100.5), ("funding_rate", -0.0001)):
        assert history.context.at(history, name).tolist()[-1] == value
    assert np.isnan(history.context.at(history, "open_interest")).all()


def test_a_trade_after_the_clock_was_set_back_is_not_given_to_a_state_before_it():
    market = Market(lmex_connected(), levels=2, interval=0)
    market.receive(lmex_book("snapshot", 10, BIDS, ASKS), T0)
    market.receive(lmex_book("delta", 11, [(100.0, 6)]), T0 + 50_000_000)
    market.clock_was_set(-3600 * SECOND)
    now = T0 + 100_000_000 - 3600 * SECOND
    market.receive(lmex_trades((1, 100.5, 70, "SELL")), now, TRADES)
    market.clock_was_set(+3600 * SECOND)
    market.receive(lmex_book("delta", 12, [(100.0, 7)]), T0 + 200_000_000)
    history = market.history()
    assert history.trades.received.tolist() == [T0 + 50_000_000]  # where the clock had been
    assert table.rows(history).tolist() == [2]


# -- the simulator -----------------------------------------------------------------------------


def test_the_simulator_tells_of_its_trades():
    history = obi.simulate(seconds=60)
    assert len(history.trades) > 100
    assert np.array_equal(
        history.received[table.rows(history)] > history.trades.received,
        [True] * len(history.trades),
    )
    # What takers bought was at the ask, and above the mid before it.
    rows, bought = table.rows(history), history.trades.side > 0
    inside = rows > 0
    before = history.mid[rows[inside] - 1]
    gain = history.trades.side[inside] * (history.trades.price[inside] - before)
    assert np.mean(gain) > 0
    assert 0.2 < bought.mean() < 0.8
