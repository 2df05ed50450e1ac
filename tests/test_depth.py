"""Depth by price bin: what is sampled, when, and what is known."""

from __future__ import annotations

import dataclasses
import math
import pickle
from functools import cache

import flow_reference
import numpy as np
import pytest
from exchange_tools import captured
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.errors import HistoryError
from obi_widgets.feeds.loading import play
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.history import depth_numpy
from obi_widgets.history.depth_writer import KERNELS, MOST_BINS, SECOND
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument

T0 = 1_700_000_000 * SECOND
MARKET = Instrument("sim", "X", tick_size=0.1)
INFINITE = float("inf")


def book(bids, asks, limit=0, window=0):
    made = Book(window=window)
    made.replace(bids, asks, limit)
    return made


# A basis point of 1,000 is 0.1: the bin is one tick.
NEAR = [(1000.0, 1.0), (999.9, 2.0), (999.7, 4.0)], [(1000.1, 3.0), (1000.3, 5.0)]


def written(*what, interval=0, instrument=MARKET, **options):
    """Return a writer of books, each with its seconds; None where the book is lost."""
    writer = HistoryWriter(instrument, levels=1, interval=interval, **options)
    for seconds, made in what:
        at = T0 + round(seconds * SECOND)
        if made is None:
            writer.gap(at)
        else:
            writer.append(at, at + 7, made)
    return writer


def told(depth):
    """Return each sample as its seconds, and the bins of each side by their lowest price."""
    found = []
    for at, time in enumerate(depth.time.tolist()):
        rows = depth[at : at + 1].to_frame()
        sides = [
            dict(zip(part["price"].tolist(), part["size"].tolist(), strict=True))
            for part in (rows[rows["side"] == side] for side in (+1, -1))
        ]
        found.append(((time - T0) / SECOND, *sides))
    return found


# -- by hand -----------------------------------------------------------------------------------


@BOTH
def test_a_bin_is_there_when_all_of_it_is_known(monkeypatch, code):
    use(monkeypatch, code)
    depth = written((0, book(*NEAR, limit=3))).history().depth  # three bids: no more is known
    assert depth.step == 0.1
    # Of the asks there are but two, so that all are known.
    assert told(depth) == [
        (
            0,
            {999.7: 4.0, 999.8: 0.0, 999.9: 2.0, 1000.0: 1.0},
            {1000.1: 3.0, 1000.2: 0, 1000.3: 5.0},
        )
    ]
    mid = 1000.05
    assert depth.reach.tolist() == [[np.float32(1e4 * (mid - 999.7) / mid)], [INFINITE]]
    prices, sizes = depth.grid(+1)
    assert prices.tolist() == [999.7, 999.8, 999.9, 1000.0]
    assert sizes.tolist() == [[4, 0, 2, 1]]


@BOTH
def test_a_bin_that_is_known_in_part_is_not_there(monkeypatch, code):
    use(monkeypatch, code)
    # A basis point of 10,003 is ten ticks: bins begin at whole numbers.
    bids = [(10003.4, 1.0), (10003.0, 2.0), (10002.9, 4.0)]
    asks = [(10003.5, 16.0), (10003.9, 32.0), (10004.8, 64.0)]
    depth = written((0, book(bids, asks, limit=3))).history().depth
    assert depth.step == 1.0
    ((_, buys, sells),) = told(depth)
    assert buys == {10003.0: 3.0}  # nothing is known of 10002.8
    assert sells == {10003.0: 48.0}  # nothing is known of 10004.9
    asks[2] = (10004.9, 64.0)
    ((_, _, sells),) = told(written((0, book(bids, asks, limit=3))).history().depth)
    assert sells == {10003.0: 48.0, 10004.0: 64.0}


@BOTH
def test_where_not_even_the_best_bin_is_known_there_is_none(monkeypatch, code):
    use(monkeypatch, code)
    made = book([(10003.4, 1.0)], [(10003.5, 2.0)], limit=1)
    depth = written((0, made)).history().depth
    assert told(depth) == [(0, {}, {})]
    assert depth.grid(+1)[1].shape == (1, 0)
    assert len(depth.to_frame()) == 0
    assert np.all(depth.reach > 0)


@BOTH
def test_a_side_without_levels_has_no_bins(monkeypatch, code):
    use(monkeypatch, code)
    depth = written((0, book(NEAR[0], [])), (1, book([], NEAR[1]))).history().depth
    first, second = told(depth)
    assert len(first[1]) == 4
    assert first[2] == {}
    assert second[1] == {}
    assert len(second[2]) == 3
    assert np.isnan(depth.reach).all()
    assert told(written((0, Book())).history().depth) == []


@BOTH
def test_a_sample_a_second_of_event_time_is_the_first_book_in_it(monkeypatch, code):
    use(monkeypatch, code)
    one, two, three = (book([(1000.0, size)], [(1000.1, 1.0)]) for size in (1.0, 2.0, 3.0))
    what = [(0.5, one), (0.9, two), (1.0, three), (1.9, one), (4.2, two), (4.3, one), (5.0, three)]
    depth = written(*what).history().depth
    assert [(at, bids[1000.0]) for at, bids, _ in told(depth)] == [
        (0.5, 1), (1, 3), (4.2, 2), (5, 3)
    ]  # fmt: skip
    assert (depth.received - depth.time).tolist() == [7] * 4


def test_after_a_gap_the_first_book_is_sampled_at_once():
    made = book(*NEAR)
    depth = written((0.1, made), (0.3, None), (0.4, made), (0.5, made), (1.2, made)).history().depth
    assert [at for at, *_ in told(depth)] == [0.1, 0.4, 1.2]


def test_event_time_that_steps_back_steps_not_back():
    made = book(*NEAR)
    depth = written((1.1, made), (0.9, made), (2.0, made)).history().depth
    assert [at for at, *_ in told(depth)] == [1.1, 2.0]


def test_a_window_is_known_as_far_as_it_reaches():
    made = Book(window=2)
    made.replace(*([(price, 1.0) for price in side] for side in ((1000, 999.8), (1000.2, 1000.4))))
    writer = written((0, made))
    made.apply([(999.9, 7.0), (999.8, 0.0)], [])
    writer.append(T0 + SECOND, T0 + SECOND, made)
    first, second = told(writer.history().depth)
    assert first[1] == {999.8: 1.0, 999.9: 0.0, 1000.0: 1.0}
    assert second[1] == {999.9: 7.0, 1000.0: 1.0}
    assert second[2] == {1000.2: 1.0, 1000.3: 0.0, 1000.4: 1.0}


@BOTH
def test_a_whole_book_is_sampled_up_to_a_number_of_bins(monkeypatch, code):
    use(monkeypatch, code)
    sides = [(1000.0, 1.0), (900.0, 2.0)], [(1000.1, 1.0), (1100.0, 2.0)]
    depth = written((0, book(*sides))).history().depth
    ((_, bids, asks),) = told(depth)
    assert len(bids) == len(asks) == MOST_BINS
    assert (min(bids), max(bids)) == (980.1, 1000.0)
    assert (min(asks), max(asks)) == (1000.1, 1020.0)
    assert depth.reach[0] == np.float32(1e4 * (1000.05 - 980.1) / 1000.05)
    assert depth.reach[1] == np.float32(1e4 * (1020.0 - 1000.05) / 1000.05)


@pytest.mark.parametrize(
    ("price", "tick", "step"),
    [(64000, 0.1, 5.0), (3400, 0.01, 0.5), (1e-5, 1e-8, 1e-8), (0.5, 1e-5, 5e-5), (5, 0.25, 0.25)],
)
def test_a_bin_is_near_a_basis_point_and_whole_ticks(price, tick, step):
    made = book([(price, 1.0)], [(price + tick, 1.0)])
    instrument = Instrument("sim", "X", tick_size=tick)
    assert written((0, made), instrument=instrument).history().depth.step == step


def test_bins_stay_what_they_are_when_the_grid_becomes_finer():
    coarse, fine = book([(1000.0, 1.0)], [(1000.5, 1.0)]), book([(1000.05, 1.0)], [(1000.5, 2.0)])
    instrument = Instrument("sim", "X", tick_size=0.5)
    history = written((0, coarse), (1, fine), instrument=instrument).history()
    assert history.tick_size == 0.05
    assert history.depth.step == 0.5
    assert told(history.depth)[1] == (1, {1000.0: 1.0}, {1000.5: 2.0})


# -- slices, joins, bounds ---------------------------------------------------------------------


def ten(interval=0.0, **options):
    """Return a history with three states a second, the size of the best bid counting them."""
    books = [(n / 3, book([(1000.0, n + 1.0)], [(1000.1, 1.0)])) for n in range(30)]
    writer = written(*books, interval=interval, **options)
    writer.flush()
    return writer.history()


@pytest.mark.parametrize("interval", [0, 0.5, 2])
def test_a_slice_has_the_samples_that_were_known_by_its_last_state(interval):
    history = ten(interval)
    for first in range(0, len(history), 3):
        for last in range(first, len(history) + 1):
            part = history[first:last]
            until = history.time[last - 1] if last > first else 0
            since = history.time[first - 1] if first else 0
            known = (history.depth.time <= until) & (history.depth.time > since)
            assert part.depth.time.tolist() == history.depth.time[known].tolist()
            again = history[first:][: last - first]
            assert again.depth.sha256() == part.depth.sha256()
            assert pickle.loads(pickle.dumps(part)).depth.sha256() == part.depth.sha256()
            if len(part.depth):
                assert part.depth.grid(+1)[1][-1, 0] == history.depth.grid(+1)[1][known][-1, 0]


def test_histories_are_joined_with_their_samples():
    history = ten()
    joined = obi.History.concat([history[17:], history[:17]])
    assert joined.depth.sha256() == history.depth.sha256()
    assert joined[18:].depth.time.tolist() == history[17:].depth.time.tolist()
    assert joined[:17].depth.time.tolist() == history[:17].depth.time.tolist()


def test_histories_in_other_bins_are_joined_in_the_wider_ones():
    bids = [(1000.4, 1.0), (1000.0, 2.0), (999.8, 4.0)]
    asks = [(1000.5, 1.0), (1000.9, 2.0), (1001.2, 4.0)]
    narrow = written((0, book(bids, asks, limit=3))).history()
    assert narrow.depth.step == 0.1
    made = book([(3000.0, 1.0)], [(3000.5, 1.0)])
    later = written((9, made), instrument=Instrument("sim", "X", tick_size=0.5)).history()
    assert later.depth.step == 0.5
    depth = obi.History.concat([narrow, later]).depth
    # 999.8 begins no bin that is known as a whole, and nothing is known of 1001.3 and 1001.4.
    assert told(depth) == [
        (0, {1000.0: 3.0}, {1000.5: 3.0}), (9, {3000.0: 1.0}, {3000.5: 1.0})
    ]  # fmt: skip
    odd = dataclasses.replace(later, depth=dataclasses.replace(later.depth, step=0.15))
    with pytest.raises(HistoryError, match=r"bins of 0\.1, and another of 0\.15"):
        obi.History.concat([narrow, odd])
    without = dataclasses.replace(odd, depth=obi.Depth.none())
    assert len(obi.History.concat([narrow, without]).depth) == 1


def test_memory_is_bounded_by_the_states():
    writer = HistoryWriter(MARKET, levels=1, interval=0, capacity=BLOCK)
    for number in range(6 * BLOCK):
        made = book([(1000.0, number + 1.0)], [(1000.1, 1.0)])
        writer.append(T0 + number * SECOND // 4, T0 + number, made)
    history = writer.history()
    assert history.start > BLOCK
    first = history.start // 4
    seconds = (history.depth.time - T0) // SECOND
    assert seconds.tolist() == list(range(first, 6 * BLOCK // 4))
    assert history.depth.grid(+1)[1][:, 0].tolist() == (4 * seconds + 1).tolist()
    assert history[8:].depth.time.tolist() == history.depth.time[2:].tolist()
    assert writer.tape.depth._samples.room(1)[0].shape[1] < 2 * BLOCK


def test_what_was_handed_out_stays_as_it_was():
    made = book(*NEAR)
    writer = written((0, made))
    before = writer.history().depth
    kept = before.sha256()
    for second in range(1, 5000):
        writer.append(T0 + second * SECOND, T0, made)
    assert before.sha256() == kept
    assert len(writer.history().depth) == 5000
    with pytest.raises(ValueError, match="read-only"):
        before.sizes[0] = 0


def test_a_history_of_arrays_has_none():
    history = obi.History.from_arrays([T0], [1.0], [1.0], [2.0], [1.0])
    assert len(history.depth) == len(history[:1].depth) == 0
    assert repr(history.depth) == "<Depth none>"
    assert repr(ten().depth) == (
        "<Depth 10 samples in bins of 0.1, 2023-11-14T22:13:20 to 2023-11-14T22:13:29 UTC>"
    )
    for rows, said in ((slice(None, None, 2), "without a step"), (3, "is sliced")):
        with pytest.raises(HistoryError, match=said):
            ten().depth[rows]
    with pytest.raises(HistoryError, match="side = 0"):
        history.depth.grid(0)


sizes = st.sampled_from([0.1, 0.2, 0.3, 1e-7, 12345.678, 0.7])
side = st.lists(st.tuples(st.integers(0, 300), sizes), max_size=40)


@settings(max_examples=100)
@given(side, side, st.lists(st.integers(0, 300), max_size=20), st.booleans(), st.integers(1, 60))
def test_both_twins_write_the_same(bids, asks, removed, limited, ticks):
    made = book(
        [((5000 - away) / 10, size) for away, size in bids],
        [((5001 + away) / 10, size) for away, size in asks],
        limit=1 if limited else 0,
    )
    made.apply(*([(price + way * away / 10, 0.0) for away in removed]
                 for price, way in ((500.0, -1), (500.1, +1))))  # fmt: skip
    found = []
    for code in (depth_numpy, KERNELS.code):
        bins, reach = np.zeros((4, 1), np.int64), np.zeros((2, 1), np.float32)
        out = np.full((1, 70), -1, np.float32)
        sides = [(side.levels, side.count, side.edge) for side in (made.bids, made.asks)]
        end = code.sample(*sides[0], *sides[1], 0.1, ticks, 30, 0, bins, reach, 3, out)
        found.append((end, bins.tolist(), reach.tobytes(), out.tobytes()))
    assert found[0] == found[1]


# -- captures ----------------------------------------------------------------------------------


def days(symbol):
    return [captured(f"binance_usdm/{symbol}usdt_202407{day}.gz") for day in (18, 19)]


CAPTURES = [
    ("btc", 0.1, 50),
    pytest.param("eth", 0.01, 50, marks=pytest.mark.slow),
]  # symbol, tick, and ticks of a bin


@cache
def recomputed(symbol, tick, ticks):
    """Return time, reach and bins of both sides of each sample, from every raw event.

    Sums are formed from the best price on, bin by bin, of whole ticks.
    """
    sides, edges, found, second = ({}, {}), None, [], -1
    for kind, _, data in flow_reference.messages(days(symbol)):
        if kind == "trade":
            continue
        for levels, name in zip(sides, "ba", strict=True):
            for price, size in data[name]:
                levels[float(price)] = float(size)
                if not float(size):
                    del levels[float(price)]
        if kind == "snapshot":
            assert len(data["b"]) == len(data["a"]) == 1000
            edges = min(sides[0]), max(sides[1])
        if data["T"] // 1000 <= second:
            continue
        second = data["T"] // 1000
        best = max(sides[0]), min(sides[1])
        mid = (best[0] + best[1]) / 2
        reach = [abs(1e4 * (mid - edge) / mid) for edge in edges]
        lowest, highest = (round(edge / tick) for edge in edges)
        near = [round(price / tick) // ticks for price in best]
        first, last = math.ceil(lowest / ticks), (highest + 1) // ticks - 1
        bins = [
            dict.fromkeys(range(first, near[0] + 1), 0.0),
            dict.fromkeys(range(near[1], last + 1), 0.0),
        ]
        for levels, sums, away in zip(sides, bins, (-1, +1), strict=True):
            for price in sorted(levels, key=lambda price, away=away: away * price):
                number = round(price / tick) // ticks
                if number in sums:
                    sums[number] += levels[price]
        found.append((1_000_000 * data["T"], reach, bins))
    return found


@pytest.mark.parametrize("interval", [0, 0.1, 5])
@pytest.mark.parametrize(("symbol", "tick", "ticks"), CAPTURES)
def test_samples_of_a_capture_are_those_of_every_raw_event(symbol, tick, ticks, interval):
    depth = obi.load(days(symbol), interval=interval, levels=5).depth
    expected = recomputed(symbol, tick, ticks)
    assert len(expected) > 470
    assert depth.step == ticks * tick
    assert depth.time.tolist() == [one[0] for one in expected]
    assert np.array_equal(depth.reach.T, np.array([one[1] for one in expected], np.float32))
    for which, side in ((0, +1), (1, -1)):
        prices, grid = depth.grid(side)
        numbers = np.rint(prices / depth.step).astype(int).tolist()
        wanted = [[one[2][which].get(number, np.nan) for number in numbers] for one in expected]
        assert np.array_equal(grid, np.array(wanted, np.float32), equal_nan=True)
    assert np.nanmax(depth.reach) > 30  # fifty levels end within 2


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_live_replayed_and_loaded_samples_are_the_same(symbol):
    recording = Recording(days(symbol))
    market = Market(recording.make_venue(), levels=5, interval=0.1)
    parts = []
    for number, record in enumerate(recording):
        play(market, record)
        if number % 20_000 == 0:
            parts.append(market.history())
    market.end("", "")
    whole = market.history()
    assert whole.depth.sha256() == obi.load(days(symbol), levels=5).depth.sha256()
    assert len(parts[2].depth) > 100
    for part in parts:
        assert part.depth.sha256() == whole[: len(part)].depth.sha256()
