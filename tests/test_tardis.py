"""Files of Tardis.dev: books, changes, trades, tickers, liquidations, and what is wrong there."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from formats_tools import (
    SECOND,
    T0,
    PlainBook,
    book_events,
    captured_trades,
    expected,
    load,
    refused,
    states,
)

CHANGES = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
TICKER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price"
)
MARKET = "binance-futures,BTCUSDT"
US = T0 // 1000


def put(path, header, lines):
    """Write a file, packed as its name says."""
    data = "".join(f"{line}\n" for line in (header, *lines)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def change(second, snapshot, side, price, size, *, after=100_000, market=MARKET):
    time = US + round(second * 1e6)
    return f"{market},{time},{time + after},{str(snapshot).lower()},{side},{price},{size}"


LINES = [
    change(0, True, "bid", 100.0, 1), change(0, True, "bid", 99.5, 2),
    change(0, True, "ask", 100.5, 3), change(0, True, "ask", 101, 4),
    change(1, False, "bid", 100.0, 0), change(1, False, "ask", 100.5, "5.25"),
    change(2, False, "bid", 99.0, 7),
]  # fmt: skip
STATES = [
    (T0, [100, 99.5, -1], [1, 2, 0], [100.5, 101, -1], [3, 4, 0]),
    (T0 + SECOND, [99.5, -1, -1], [2, 0, 0], [100.5, 101, -1], [5.25, 4, 0]),
    (T0 + 2 * SECOND, [99.5, 99.0, -1], [2, 7, 0], [100.5, 101, -1], [5.25, 4, 0]),
]


def test_changes_are_applied_message_by_message(tmp_path):
    history, told = load(put(tmp_path / "a.csv.gz", CHANGES, LINES), levels=3)
    assert states(history) == STATES
    assert (history.received - history.time).tolist() == [SECOND // 10] * 3
    assert history.instrument.venue == "binance-usdm"
    assert history.instrument.symbol == "BTCUSDT"
    assert history.tick_size == 0.5
    assert not told
    assert not history.trades.streamed
    notes = " ".join(history.notes)
    assert "There are no trades in these files" in notes
    assert "The tick size is not in the file" in notes


@pytest.mark.parametrize("batch", [70, 130, 200])
def test_a_message_may_lie_across_two_batches(tmp_path, monkeypatch, batch):
    monkeypatch.setattr("obi_widgets.feeds.formats.csv_batches.BATCH", batch)
    monkeypatch.setattr("obi_widgets.feeds.recording.files.BLOCK_SIZE", 64)
    assert states(load(put(tmp_path / "a.csv", CHANGES, LINES), levels=3)[0]) == STATES


def test_the_file_is_known_by_its_header_whatever_its_name(tmp_path):
    assert states(load(put(tmp_path / "x.parquet.txt", CHANGES, LINES), levels=3)[0]) == STATES


def test_a_snapshot_after_changes_is_a_gap_and_a_new_book(tmp_path):
    lines = [*LINES, change(90, True, "bid", 200, 1), change(90, True, "ask", 201, 1),
             change(91, False, "ask", 201, 2)]  # fmt: skip
    history, told = load(put(tmp_path / "a.csv", CHANGES, lines), levels=3)
    assert np.flatnonzero(np.isnan(history.bid)).tolist() == [3]
    assert history.gaps == 1
    assert history.bid[4:].tolist() == [200, 200]
    assert "The book begins again, 88.0 s after the change before" in told


def test_a_snapshot_may_come_a_side_at_a_time(tmp_path):
    lines = [change(0, True, "bid", 100, 1), change(0.1, True, "ask", 101, 1),
             change(1, False, "bid", 100, 2)]  # fmt: skip
    history, told = load(put(tmp_path / "a.csv", CHANGES, lines), levels=1)
    assert states(history)[0] == (T0 + SECOND // 10, [100], [1], [101], [1])
    assert not told


def test_a_book_that_becomes_crossed_is_thrown_away_until_the_next_snapshot(tmp_path):
    lines = [*LINES, change(3, False, "bid", 102, 1), change(4, False, "bid", 98, 1),
             change(5, True, "bid", 100, 1), change(5, True, "ask", 101, 1)]  # fmt: skip
    history, told = load(put(tmp_path / "a.csv", CHANGES, lines), levels=3)
    assert [one[0] for one in states(history)] == [T0 + s * SECOND for s in (0, 1, 2, 5)]
    assert "best bid 102 is not below ask 100.5" in told


def test_changes_before_the_first_snapshot_are_of_no_book(tmp_path):
    path = put(tmp_path / "a.csv", CHANGES, LINES[4:])
    assert str(refused(path)).startswith("a.csv has no book of BTCUSDT.")


def test_trades_and_tickers_beside_changes(tmp_path):
    trades = [
        f"{MARKET},{US + 500_000},{US + 600_000},77,buy,100.5,0.25",
        f"{MARKET},{US + 700_000},{US + 800_000},x-1,sell,100,0.5",
        f"{MARKET},{US + 700_000},{US + 800_000},79,unknown,100,0.5",
    ]
    due = 1_700_006_400_000_000
    tickers = [f"{MARKET},{US + 500_000},{US + 600_000},{due},0.0001,,1000,100.4,100.2,100.3",
               f"{MARKET},{US + 900_000},{US + 950_000},,,,,,,100.6"]  # fmt: skip
    files = [put(tmp_path / "b.csv", CHANGES, LINES), put(tmp_path / "t.csv", TRADES, trades),
             put(tmp_path / "d.csv", TICKER, tickers)]  # fmt: skip
    history, _ = load(files, levels=3)
    assert states(history) == STATES
    table = history.trades
    assert table.streamed
    assert (table.price.tolist(), table.size.tolist()) == ([100.5, 100.0], [0.25, 0.5])
    assert (table.side.tolist(), table.id.tolist()) == ([1, -1], [77, 0])
    assert (table.time - T0).tolist() == [SECOND // 2, 7 * SECOND // 10]
    assert history.trade_ends.tolist() == [0, 2, 2]
    for name, values in (
        ("mark", [100.3, 100.6]), ("index", [100.2]), ("funding_rate", [0.0001]),
        ("open_interest", [1000]), ("next_funding", [1_700_006_400]),
    ):  # fmt: skip
        rows = history.context.to_frame().query("name == @name")
        assert rows["value"].tolist() == values, name
    assert "trade whose taker is unknown 1" in " ".join(history.notes)


def liquidation(second, side, price, amount, *, number="", market=MARKET):
    time = US + round(second * 1e6)
    return f"{market},{time},{time + 100_000},{number},{side},{price},{amount}"


FORCED = [
    liquidation(0.5, "buy", 100.5, 0.25),
    liquidation(0.7, "sell", 99.5, 2),
    liquidation(0.8, "unknown", 99.5, 2),
    liquidation(0.8, "sell", "", 2),
    liquidation(0.8, "sell", 99.5, 0),
]
"""Liquidations by the published columns, which are those of trades; Binance numbers none."""


@pytest.mark.parametrize(
    "name",
    ["binance-futures_liquidations_2023-11-14_BTCUSDT.csv.gz", "liquidations/2023/BTCUSDT.csv",
     "forced.csv"],
)  # fmt: skip
def test_liquidations_beside_changes(tmp_path, name):
    """By its name, by that of its folder, or since no line has the number each trade has."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    trades = put(tmp_path / "trades.csv", TRADES, [f"{MARKET},{US},{US + 9},7,buy,100.5,0.5"])
    files = [put(tmp_path / "b.csv", CHANGES, LINES), trades, put(tmp_path / name, TRADES, FORCED)]
    history, _ = load(files, levels=3)
    assert states(history) == STATES
    assert history.trades.price.tolist() == [100.5]  # no liquidation is a trade
    table = history.context.liquidations()
    assert table["price"].tolist() == [100.5, 99.5]
    assert table["size"].tolist() == [0.25, -2]  # a short bought back, a long sold
    assert (table.index.view("int64") - T0).tolist() == [SECOND // 2, 7 * SECOND // 10]
    told = " ".join(history.notes)
    assert "liquidation without a side 1" in told
    assert "liquidation without a price or a size 2" in told


def test_liquidations_whose_exchange_numbers_them_are_told_apart_by_the_name(tmp_path):
    market = "bitmex,XBTUSD"
    lines = [line.replace(MARKET, market) for line in LINES]
    one = liquidation(0.5, "sell", 100, 3, number="a-1", market=market)
    files = [put(tmp_path / "b.csv", CHANGES, lines), put(tmp_path / "liquidations.csv", TRADES,
             [one]), put(tmp_path / "trades.csv", TRADES, [one])]  # fmt: skip
    history, _ = load(files, levels=3)
    assert history.trades.size.tolist() == [3]
    assert history.context.liquidations()["size"].tolist() == [-3]
    lost = put(tmp_path / "x.csv", TRADES, [liquidation(0.2, "sell", 100, 3, market=market)])
    error = refused([files[0], files[2], lost])
    assert "x.csv begins before the end of trades.csv" in str(error)
    assert "Files of liquidations have the same columns as trades" in str(error)


def test_days_of_liquidations_are_no_gap_of_the_book(tmp_path):
    days = [put(tmp_path / f"liquidations{n}.csv", TRADES, [liquidation(at, "buy", 100.5, 1)])
            for n, at in enumerate((0.1, 150))]  # fmt: skip
    empty = tmp_path / "liquidations3.csv.gz"  # as of a day without one
    empty.write_bytes(gzip.compress(b""))
    lines = [*LINES, change(100, False, "bid", 99.0, 8), change(200, False, "bid", 99.0, 9)]
    history, _ = load([put(tmp_path / "b.csv", CHANGES, lines), *days, empty], levels=3)
    assert history.gaps == 0
    assert len(history) == len(STATES) + 2
    assert len(history.context.liquidations()) == 2
    assert "liquidations3.csv.gz is empty: there was nothing of its kind." in history.notes


def books(levels, rows):
    names = [f"{side}[{n}].{what}" for n in range(levels) for side in ("asks", "bids")
             for what in ("price", "amount")]  # fmt: skip
    return ",".join(("exchange", "symbol", "timestamp", "local_timestamp", *names)), [
        f"{MARKET},{US + s * 1_000_000},{US + s * 1_000_000 + 5},{values}" for s, values in rows
    ]


def test_whole_books_with_levels_that_are_missing(tmp_path):
    header, lines = books(2, [(0, "101,1,100,2,102,3,99,4"), (1, "101,1,100,2,,,98.5,4")])
    history, _ = load(put(tmp_path / "a.csv", header, lines))
    assert history.levels == 2
    assert states(history) == [
        (T0, [100, 99], [2, 4], [101, 102], [1, 3]),
        (T0 + SECOND, [100, 98.5], [2, 4], [101, -1], [1, 0]),
    ]
    assert "the file has the best 2 levels a side" in " ".join(history.notes)
    # What is beyond the last level of a full side is unknown; a side with fewer is complete.
    reach = history.reach[:, 1]
    assert np.isfinite(reach[0])
    assert np.isinf(reach[1])


@pytest.mark.parametrize(
    ("values", "name"), [("101,1,,2,102,3,99,4", "bids[0]"), (",1,100,2,102,3,99,4", "asks[0]")]
)
def test_a_level_that_is_missing_before_another_is_refused(tmp_path, values, name):
    header, lines = books(2, [(0, "101,1,100,2,102,3,99,4"), (1, values)])
    error = refused(put(tmp_path / "a.csv", header, lines))
    assert error.line == 3
    assert f"{name}.price is nan, and the level behind it has a price." in str(error)


def test_a_side_may_be_empty(tmp_path):
    header, lines = books(2, [(0, "101,1,100,2,102,3,99,4"), (1, ",,100,2,,,99,4")])
    history, _ = load(put(tmp_path / "a.csv", header, lines))
    assert history.bid.tolist() == [100.0, 100.0]
    assert np.isnan(history.ask).tolist() == [False, True]


@pytest.mark.parametrize("factor", [1, 1000, 1_000_000, 1_000_000_000])
def test_every_unit_of_time_is_found_from_the_values(tmp_path, factor):
    """Tardis has microseconds; what is made by hand may have another unit."""
    header, _ = books(1, [])
    lines = [f"{MARKET},{T0 // SECOND * factor},{T0 // SECOND * factor},101,1,100,2"]
    assert load(put(tmp_path / "a.csv", header, lines))[0].time.tolist() == [T0]


@pytest.mark.parametrize("time", [17, 9 * 10**8, 5 * 10**9, 5 * 10**15, -(10**15), 10**12 // 2])
def test_a_time_in_no_unit_is_refused(tmp_path, time):
    header, _ = books(1, [])
    error = refused(put(tmp_path / "a.csv", header, [f"{MARKET},{time},{time},101,1,100,2"]))
    assert error.line == 2
    assert f"timestamp is {time}, a time between 2000 and 2100 in no unit" in str(error)


def test_a_time_in_another_unit_than_the_first_is_refused(tmp_path):
    header, lines = books(1, [(0, "101,1,100,2")])
    lines.append(f"{MARKET},{T0},{US + 10},101,1,100,2")
    error = refused(put(tmp_path / "a.csv", header, lines))
    assert (error.line, error.path.name) == (3, "a.csv")
    assert "no time between 2000 and 2100 in microseconds" in str(error)


BAD = {
    "x": (3, "price is 'x', not a number"),
    "1e400": (3, "price is inf, not a price"),
    "nan": (3, "price is 'nan', not a number"),
    "-3": (3, "price is -3.0, not a price"),
    "": (3, "price is nan, not a price"),
    "1,2": (3, "it has 9 values, and the file has 8 columns"),
}


@pytest.mark.parametrize("price", BAD)
def test_a_bad_line_is_refused_with_its_number(tmp_path, price):
    line, what = BAD[price]
    lines = [LINES[0], change(0, True, "ask", price, 1), *LINES[4:]]
    error = refused(put(tmp_path / "a.csv", CHANGES, lines))
    assert (error.line, error.path.name) == (line, "a.csv")
    assert f"a.csv, line {line}: {what}" in str(error)


def test_other_bad_values_are_refused(tmp_path):
    for number, (old, new, what) in enumerate((
        ("bid", "buyer", "side is 'buyer', which is none of bid, ask"),
        ("true", "maybe", "is_snapshot is 'maybe'"),
        (f"{US},", "now,", "timestamp is 'now', not a whole number"),
        (f"{US},", f"{US}.5,", f"timestamp is '{US}.5', not a whole number"),
        (f"{US},", f"{2**70},", f"timestamp is '{2**70}', not a whole number"),
        (f"{US + 100_000}", f"{US - 1}", "before the line before it"),
    )):  # fmt: skip
        lines = [*LINES[:2], "", LINES[2].replace(old.replace("bid", "ask"), new), *LINES[3:]]
        error = refused(put(tmp_path / f"{number}.csv", CHANGES, lines))
        assert error.line == 5, (old, str(error))  # the blank line counts
        assert what in str(error)


def test_a_cut_line_and_a_cut_file_keep_what_is_whole(tmp_path):
    text = put(tmp_path / "a.csv", CHANGES, LINES).read_text()
    cut = tmp_path / "cut.csv"
    cut.write_text(text[:-3])
    history, told = load(cut, levels=3)
    assert states(history) == STATES[:2]
    assert told == (
        "Line 8 of cut.csv, the last, has no line end: it may be cut off, and was left out."
    )
    # What was packed at once is read as far as it goes: here, the first half of many messages.
    many = [*LINES, *(change(3 + n, False, "bid", 99.0, n + 1) for n in range(2000))]
    packed = put(tmp_path / "b.csv.gz", CHANGES, many)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    history, told = load(packed, levels=3)
    assert 3 < len(history) < 2003
    assert states(history)[:3] == STATES
    assert history.sizes(+1)[3:, 1].tolist() == list(range(1, len(history) - 2))
    assert f"b.csv.gz is cut off after line {len(history) + 5:,}" in told.replace(",", "", 0)


def test_files_of_one_kind_follow_each_other(tmp_path):
    first, second = put(tmp_path / "a.csv", CHANGES, LINES[:6]), tmp_path / "b.csv"
    put(second, CHANGES, [change(2, True, side, price, 1) for side, price in
                          (("bid", 99.5), ("ask", 100.5))])  # fmt: skip
    history, _ = load([first, second], levels=3)
    assert history.gaps == 0  # a day's file begins with the book of the day before
    put(second, CHANGES, [change(200, True, side, price, 1) for side, price in
                          (("bid", 99.5), ("ask", 100.5))])  # fmt: skip
    history, told = load([first, second], levels=3)
    assert history.gaps == 1
    assert "Nothing is known between a.csv and b.csv" in told
    error = refused([second, first])
    assert "a.csv begins before the end of b.csv" in str(error)


def test_files_that_do_not_go_together_are_refused(tmp_path):
    changes = put(tmp_path / "a.csv", CHANGES, LINES)
    whole = put(tmp_path / "b.csv", *books(1, [(0, "101,1,100,2")]))
    trades = put(tmp_path / "t.csv", TRADES, [f"{MARKET},{US},{US},1,buy,1,1"])
    other = put(tmp_path / "o.csv", TRADES, [f"binance-futures,ETHUSDT,{US},{US},1,buy,1,1"])
    options = put(tmp_path / "c.csv", TRADES.replace("id,side,price,amount", "strike,gamma"), [])
    assert "the same books twice" in str(refused([changes, whole]))
    assert "t.csv has no books: of Tardis.dev, it is trades" in str(refused(trades))
    assert "o.csv, line 2: symbol is 'ETHUSDT', and that of the lines before is 'BTCUSDT'" in str(
        refused([changes, other])
    )
    assert "of another kind: strike,gamma" in str(refused(options)).replace(", ", ",", 9)
    assert "is of binance-usdm:BTCUSDT, not of lmex:X" in str(refused(changes, market="lmex:X"))


def test_one_of_several_symbols_is_chosen(tmp_path):
    other = [line.replace("BTCUSDT", "ETHUSDT") for line in LINES[:4]]
    path = put(tmp_path / "a.csv", CHANGES, [*other, *LINES])
    assert refused(path).line == 6
    history, _ = load(path, market="binance-usdm:BTCUSDT", levels=3)
    assert states(history) == STATES
    assert "4 lines are of binance-futures:ETHUSDT and were left out." in history.notes


def test_contracts_are_said(tmp_path):
    lines = [line.replace(MARKET, "bitmex,XBTUSD") for line in LINES]
    history, _ = load(put(tmp_path / "a.csv", CHANGES, lines), levels=3)
    assert (history.instrument.venue, history.instrument.symbol) == ("bitmex", "XBTUSD")
    assert "as bitmex counts them, which may be contracts" in " ".join(history.notes)


def test_contracts_of_binances_coin_margined_markets_become_coins(tmp_path):
    market = "binance-delivery,ETHUSD_PERP"
    lines = [line.replace(MARKET, market) for line in LINES]
    trade = f"{market},{US + 500_000},{US + 500_000},7,sell,100.0,3"
    forced = liquidation(0.5, "sell", 50, 4, market=market)
    ticker = f"{market},{US},{US},,0.0001,,900,100,99,50"
    paths = [
        put(tmp_path / "a.csv", CHANGES, lines),
        put(tmp_path / "b.csv", TRADES, [trade]),
        put(tmp_path / "c.csv", TICKER, [ticker]),
        put(tmp_path / "d.csv", TRADES, [forced]),
    ]
    history, _ = load(paths, levels=3)
    assert history.context.liquidations()["size"].tolist() == [-0.8]
    assert (history.instrument.contract_size, history.instrument.inverse) == (10, True)
    assert history.instrument.label == "Binance COIN-M"
    for side, place in ((+1, 1), (-1, 3)):
        coins = [[size * 10 / price for size, price in zip(state[place + 1], state[place],
                  strict=True) if price > 0] for state in STATES]  # fmt: skip
        for sizes, wanted in zip(history.sizes(side), coins, strict=True):
            assert sizes[: len(wanted)] == pytest.approx(wanted)
    assert history.trades.size == pytest.approx([0.3])
    assert history.context.at(history, "open_interest")[-1] == pytest.approx(180)  # at the mark
    assert "contracts" not in " ".join(history.notes)


def test_a_long_silence_is_told(tmp_path):
    lines = [*LINES, change(200, False, "bid", 99.0, 8)]
    history, _ = load(put(tmp_path / "a.csv", CHANGES, lines))
    assert any(note.startswith("The book does not change for 198 s from 2023-11-14T22:13:22")
               for note in history.notes)  # fmt: skip


# -- against captures ----------------------------------------------------------------------


def test_the_published_samples(data):
    """Rows of Tardis's own files, read here by splitting lines."""
    for levels in (5, 25):
        path = data / "tardis" / f"binance-futures_book_snapshot_{levels}_BTCUSDT.csv"
        want = []
        for line in path.read_text().splitlines()[1:]:
            time, _, *numbers = line.split(",")[2:]
            asks, bids = (
                [(numbers[4 * n + at], numbers[4 * n + at + 1]) for n in range(levels)]
                for at in (0, 2)
            )
            book = PlainBook()
            book.replace(bids, asks)
            want.append(expected(int(time) * 1000, book, levels))
        history, told = load(path)
        assert states(history) == want
        assert len(want) == 10
        assert not told
    history, _ = load(data / "tardis" / "deltas_with_snapshot.csv", levels=2)
    assert history.bid[~np.isnan(history.bid)].tolist() == [50000.0] * 4 + [50100.0] * 3
    assert history.gaps == 1


@pytest.mark.parametrize("kind", ["incremental_book_L2", "book_snapshot_25"])
def test_a_capture_in_this_format_gives_the_states_of_the_capture(tmp_path, captures, kind):
    """Written by a plain book, the same market as its raw frames: states, flow and trades."""
    levels, book, lines = 25, PlainBook(), []
    header = CHANGES if kind.startswith("incremental") else books(levels, [])[0]
    files = captures["btcusdt"][: 2 if header == CHANGES else 1]  # a plain book is slow
    for received, snapshot, event in book_events(files):
        stamp = f"{MARKET},{event['T']}000,{received // 1000}"
        if header == CHANGES:
            lines += [
                f"{stamp},{str(snapshot).lower()},{side},{price},{size}"
                for side, changes in (("bid", event["b"]), ("ask", event["a"]))
                for price, size in changes
            ]
            continue
        book.put(+1, event["b"])
        book.put(-1, event["a"])
        sides = [zip(*book.top(side, levels), strict=True) for side in (-1, +1)]
        cells = [number for pair in zip(*sides, strict=True) for level in pair for number in level]
        lines.append(f"{stamp},{','.join(map(repr, cells))}")
    trades = [
        f"{MARKET},{one['T']}000,{received // 1000},{one['t']},{'sell' if one['m'] else 'buy'},"
        f"{one['p']},{one['q']}"
        for received, one in captured_trades(files)
    ]
    written = [put(tmp_path / "b.csv", header, lines), put(tmp_path / "t.csv", TRADES, trades)]
    history, told = load(written, levels=levels)
    frames, _ = load(files, levels=levels)
    assert len(history) == len(frames) > 3000
    assert history.sha256() == frames.sha256()
    assert history.trades.sha256() == frames.trades.sha256()
    assert np.array_equal(history.flow.order_flow, frames.flow.order_flow)
    assert not told
