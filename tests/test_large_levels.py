"""Large levels: when they are born, what becomes of them, and what is not known."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from exchange_tools import captured
from kernel_tools import BOTH, use
from walls_reference import of_capture

import obi_widgets as obi
from obi_widgets.feeds.loading import play
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
MARKET = Instrument("sim", "X", tick_size=0.1)


class Tape:
    """A book of forty levels a side of 1.0, and what is told of it by seconds."""

    def __init__(self, window=0, limit=0, **options):
        self.book = Book(window=window)
        self.writer = HistoryWriter(MARKET, levels=1, **{"interval": 0, **options})
        self.limit = limit
        self.snapshot(0)

    def at(self, seconds):
        return T0 + round(seconds * SECOND)

    def snapshot(self, seconds):
        bids = [(round(1000 - n / 10, 1), 1.0) for n in range(40)]
        asks = [(round(1000.1 + n / 10, 1), 1.0) for n in range(40)]
        self.book.replace(bids, asks, self.limit)
        self.keep(seconds)

    def change(self, seconds, bids=(), asks=()):
        self.book.apply(list(bids), list(asks))
        self.keep(seconds)

    def keep(self, seconds):
        self.writer.append(self.at(seconds), self.at(seconds) + 7, self.book)

    def trade(self, seconds, price, size, side):
        at = self.at(seconds)
        assert self.writer.tape.trade(Trade(at, at + 7, price, size, side, 1), at + 7)


# -- by hand -----------------------------------------------------------------------------------


@BOTH
def test_a_wall_is_followed_from_its_birth_to_its_end(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1.2, bids=[(998.0, 3.9)])  # usual is 1.0: large from 4.0 on
    tape.change(1.5, bids=[(999.0, 10.0)])
    tape.trade(1.5, 999.0, 9.0, -1)  # not after it was born
    tape.trade(1.6, 999.0, 2.0, -1)
    tape.trade(1.6, 999.0, 5.0, +1)  # took no bid
    tape.change(1.7, bids=[(999.0, 8.0)])
    tape.change(2.1, bids=[(999.0, 12.0)])
    tape.trade(2.2, 999.1, 1.0, -1)  # another price
    tape.change(2.9, bids=[(999.0, 1.9)])  # less than half of what made it large
    assert len(tape.writer.history().large_levels) == 0
    tape.change(3.0, bids=[(998.0, 3.8)])
    table = tape.writer.history().large_levels
    assert (table.price.tolist(), table.side.tolist()) == ([999.0], [1])
    assert (table.size.tolist(), table.largest.tolist()) == ([1.9], [12.0])
    assert (table.born - T0).tolist() == [1.5 * SECOND]
    assert (table.ended - T0).tolist() == [2.9 * SECOND]
    assert table.removed.tolist() == [2.0 + (12.0 - 1.9)]
    assert table.traded.tolist() == [2.0]
    assert table.pulled.tolist() == [2.0 + (12.0 - 1.9) - 2.0]
    assert table.end.tolist() == ["pulled"]
    assert table.stood_before.tolist() == [False]
    assert repr(table) == "<LargeLevels 1: 1 pulled>"


@BOTH
def test_a_wall_that_was_traded_through(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1, asks=[(1000.1, 8.0)])
    tape.trade(2.5, 1000.1, 5.0, +1)
    tape.change(2.6, asks=[(1000.1, 3.0)])
    tape.change(3)
    table = tape.writer.history().large_levels
    assert (table.end.tolist(), table.side.tolist()) == (["standing"], [-1])
    assert np.isnat(table.ended.view("M8[ns]")).all()
    tape.trade(3.5, 1000.1, 9.0, +1)  # more than stood there: it was filled up meanwhile
    tape.change(3.6, asks=[(1000.1, 0.0)])
    tape.change(4)
    table = tape.writer.history().large_levels
    assert (table.end.tolist(), table.traded.tolist()) == (["traded"], [8.0])
    assert (table.removed.tolist(), table.pulled.tolist()) == ([8.0], [0.0])


@BOTH
def test_what_stands_shorter_than_a_second_is_not_told(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1, bids=[(999.0, 10.0)])
    tape.change(1.9, bids=[(999.0, 0.0)])
    tape.change(2.5, bids=[(999.0, 10.0)])
    tape.change(3.1)
    assert len(tape.writer.history().large_levels) == 0
    tape.change(4)
    assert (tape.writer.history().large_levels.born - T0).tolist() == [2.5 * SECOND]


@BOTH
def test_what_stood_there_before_is_found_at_a_look(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.book.apply([(999.0, 10.0)], [])
    tape.writer.gap(tape.at(1))
    tape.keep(2)
    tape.change(3)
    table = tape.writer.history().large_levels
    assert table.stood_before.tolist() == [True]
    assert (table.born - T0).tolist() == [2 * SECOND]


@BOTH
def test_how_it_ended_is_unknown_when_the_book_was_lost(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1, bids=[(999.0, 10.0)])
    tape.change(2.5)
    tape.writer.gap(tape.at(2.7))
    tape.snapshot(4)
    tape.change(6)
    table = tape.writer.history().large_levels
    assert table.end.tolist() == ["unknown"]
    assert (table.ended - T0).tolist() == [2.5 * SECOND + 1]
    assert table.removed.tolist() == [0.0]


@BOTH
def test_how_it_ended_is_unknown_when_it_left_what_is_known(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape(window=40, limit=40)
    tape.change(1, bids=[(996.1, 10.0), (996.2, 10.0)])  # the farthest two
    tape.change(3, bids=[(996.2, 0.0), (996.0, 1.0)])  # pulled: the next came into the window
    tape.change(4, bids=[(1000.05, 1.0), (996.1, 10.0)], asks=[(1000.1, 1.0)])
    tape.change(5, bids=[(1000.06, 1.0), (996.1, 0.0)])  # out of the window
    table = tape.writer.history().large_levels
    assert table.price.tolist() == [996.1, 996.2]
    assert table.end.tolist() == ["unknown", "pulled"]
    assert table.removed.tolist() == [0.0, 10.0]


@BOTH
def test_a_whole_book_is_compared_with_the_one_before(monkeypatch, code):
    use(monkeypatch, code)
    tape = Tape()
    tape.change(1, bids=[(999.0, 10.0)], asks=[(1001.0, 9.0)])
    tape.change(2.5)
    bids, asks = [(1000.0, 1.0), (999.0, 7.0)], [(1000.1, 1.0), (1000.5, 6.0)]
    tape.book.replace(bids, asks)
    tape.keep(3)
    tape.change(4)
    table = tape.writer.history().large_levels
    assert table.price.tolist() == [999.0, 1001.0, 1000.5]
    assert table.end.tolist() == ["standing", "pulled", "standing"]
    assert (table.born - T0).tolist() == [SECOND, SECOND, 3 * SECOND]
    assert table.size.tolist() == [7.0, 0.0, 6.0]


@BOTH
@pytest.mark.parametrize("found", [False, True], ids=["by changes", "at a look"])
def test_any_number_of_walls_is_followed_at_once(monkeypatch, code, found):
    """One level in 25 is large: of 8,000 levels within 200 bps these are 320."""
    use(monkeypatch, code)
    tape = Tape()
    tape.writer.gap(tape.at(1))
    size = 10.0 if found else 1.0
    prices = [[round(1000 + sign * (n + 1) / 250, 3) for n in range(4000)] for sign in (-1, 1)]
    sides = [
        [(price, size if n % 25 == 0 else 1.0) for n, price in enumerate(side)] for side in prices
    ]
    tape.book.replace(*sides, 0)
    tape.keep(2)
    bids, asks = ([(price, 10.0) for price in side[::25]] for side in prices)
    tape.change(2.1, bids, asks)
    tape.change(4)
    table = tape.writer.history().large_levels
    assert sorted(table.price) == sorted(price for side in prices for price in side[::25])
    assert (table.size == 10.0).all()
    assert (table.stood_before == found).all()
    tape.change(5.5, [(price, 0.0) for price, _ in bids])
    tape.change(6)
    ended = tape.writer.history().large_levels
    assert sorted(ended.end) == ["pulled"] * 160 + ["standing"] * 160


# -- slices, joins, bounds ---------------------------------------------------------------------


def walls():
    """Return a history in which walls come and go, and the histories as they were meanwhile."""
    tape, parts, random = Tape(), [], np.random.default_rng(5)
    for number in range(1, 120):
        price = round(1000 - int(random.integers(1, 12)) / 10, 1)
        tape.change(number / 3, bids=[(price, float(random.choice([1.0, 3.0, 6.0, 11.0])))])
        if number == 70:
            tape.writer.gap(tape.at(number / 3 + 0.1))
            tape.snapshot(number / 3 + 0.2)
        parts.append(tape.writer.history())
    return tape.writer.history(), parts


def test_a_slice_tells_what_was_known_by_its_last_state():
    history, parts = walls()
    assert len(history.large_levels) > 10
    assert {"unknown", "pulled"} <= set(history.large_levels.end.tolist())
    for part in parts:
        assert history[: len(part)].large_levels.sha256() == part.large_levels.sha256()
    for first in range(0, len(history), 7):
        tail = history[first:]
        assert pickle.loads(pickle.dumps(tail)).large_levels.sha256() == tail.large_levels.sha256()
        ended, began = tail.large_levels.ended, history.time[first]
        assert np.all((ended >= began - SECOND) | (ended == np.iinfo(np.int64).min))
        assert history[first:][5:40].large_levels.sha256() == (
            history[first + 5 : first + 40].large_levels.sha256()
        )
    assert len(history[5:5].large_levels) == 0


def test_joined_histories_have_the_levels_of_both():
    history, _ = walls()
    for cut in (40, 80):
        first, second = history[:cut], history[cut:]
        joined = obi.History.concat([second, first])
        table, alone = joined.large_levels, first.large_levels
        assert joined[:cut].large_levels.sha256() == alone.sha256()
        left = np.count_nonzero(alone.end == "standing")
        of_first = table.born <= first.time[-1]
        assert np.count_nonzero(table.end[of_first] == "unknown") >= left
        assert len(table) == len(alone) + len(second.large_levels)


def test_a_file_holds_them(tmp_path):
    history, _ = walls()
    for part in (history, history[30:], history[30:90], history[:0]):
        again = obi.load(part.save(tmp_path / "x.parquet")) if len(part) else part
        assert again.large_levels.sha256() == part.large_levels.sha256()
        assert again[3:20].large_levels.sha256() == part[3:20].large_levels.sha256()


def test_memory_is_bounded_by_the_states():
    tape = Tape(capacity=BLOCK)
    for number in range(1, 6 * BLOCK):
        tape.change(number / 2, bids=[(999.0, 10.0 if number % 8 < 5 else 1.0)])
    tape.change(3 * BLOCK, bids=[(995.0, 1.0)])
    history = tape.writer.history()
    assert history.start > BLOCK
    table = history.large_levels
    assert len(table) == pytest.approx(len(history) / 8, abs=3)
    assert tape.writer.tape.large_levels._rows[0].room(1)[0].shape[1] < 4 * BLOCK
    assert np.all(np.diff(table.born) > 0)


# -- captures ----------------------------------------------------------------------------------


def days(symbol):
    return [captured(f"binance_usdm/{symbol}usdt_202407{day}.gz") for day in (18, 19)]


@pytest.mark.parametrize("interval", [0, 0.1])
@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_levels_of_a_capture_are_those_of_every_raw_event(symbol, interval):
    table = obi.load(days(symbol), levels=5, interval=interval).large_levels
    expected, final, _, _ = of_capture(days(symbol))
    assert len(expected) > 300
    settled = [one for one in expected if one["ended"] is not None]  # others may change after it
    frame = table.to_frame()
    frame = frame[frame["end"] != "standing"]
    born = (table.born)[table.end != "standing"]
    order = np.lexsort((frame["price"], born))
    settled.sort(key=lambda one: (one["born"], one["price"]))
    assert born[order].tolist() == [one["born"] for one in settled]
    frame = frame.iloc[order]
    for name in ("price", "side", "size", "largest", "removed"):
        assert frame[name].tolist() == [one[name] for one in settled], name
    assert frame["stood_before"].tolist() == [one["found"] for one in settled]
    ended = table.ended[table.end != "standing"][order]
    assert ended.tolist() == [one["ended"] for one in settled]
    traded = [min(one["traded"], one["removed"]) for one in settled]
    assert frame["traded"].tolist() == traded
    assert sum(traded) > 0
    assert np.all(ended <= final)
    standing = {one["price"] for one in expected if one["ended"] is None}
    assert standing <= set(table.price[table.end == "standing"].tolist())


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
def test_live_replayed_and_loaded_levels_are_the_same(symbol):
    recording = Recording(days(symbol))
    market = Market(recording.make_venue(), levels=5, interval=0.1)
    parts = []
    for number, record in enumerate(recording):
        play(market, record)
        if number % 20_000 == 0:
            parts.append(market.history())
    market.end("", "")
    whole = market.history()
    assert whole.large_levels.sha256() == obi.load(days(symbol), levels=5).large_levels.sha256()
    assert len(parts[2].large_levels) > 50
    for part in parts:
        assert part.large_levels.sha256() == whole[: len(part)].large_levels.sha256()
