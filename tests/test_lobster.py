"""Files of LOBSTER: an order book and its messages."""

from __future__ import annotations

import datetime as dt
import gzip
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from formats_tools import load, refused, states

NAME = "AAPL_2012-06-21_34200000_57600000_{}_2.csv"
# 9:30 in New York was 13:30 UTC on that day.
OPEN = int(dt.datetime(2012, 6, 21, 13, 30, tzinfo=dt.UTC).timestamp()) * 10**9

BOOK = [
    "5859400,200,5853300,18,5859800,200,5853000,150",
    "5859400,200,5853400,18,5859800,200,5853300,18",
    "5859100,100,5853400,18,9999999999,0,-9999999999,0",
    "5859100,60,5853400,18,5859400,200,5853300,18",
]
MESSAGES = [
    "34200.004241176,1,16113575,18,5853300,1",
    "34200.025551909,1,16120456,18,5853400,1",
    "34200.201743000,3,16120480,18,5859400,-1",
    "34200.201781500,4,16120481,40,5859100,-1",
]
AT = [OPEN + ns for ns in (4_241_176, 25_551_909, 201_743_000, 201_781_500)]
STATES = [
    (AT[0], [585.33, 585.30], [18, 150], [585.94, 585.98], [200, 200]),
    (AT[1], [585.34, 585.33], [18, 18], [585.94, 585.98], [200, 200]),
    (AT[2], [585.34, -1], [18, 0], [585.91, -1], [100, 0]),
    (AT[3], [585.34, 585.33], [18, 18], [585.91, 585.94], [60, 200]),
]


@pytest.fixture
def pair(tmp_path):
    """Write both files; return the path of the order book."""

    def write(book=BOOK, messages=MESSAGES, name=NAME, pack=bytes):
        for kind, lines in (("orderbook", book), ("message", messages)):
            text = "".join(f"{line}\n" for line in lines)
            (tmp_path / name.format(kind)).write_bytes(pack(text.encode()))
        return tmp_path / name.format("orderbook")

    return write


def test_prices_sizes_and_times_are_exact(pair):
    history, told = load(pair())
    assert states(history) == STATES
    assert not told
    assert history.tick_size == 0.01
    assert (history.instrument.venue, history.instrument.symbol) == ("nasdaq", "AAPL")
    assert history.instrument.quote == "USD"
    notes = " ".join(history.notes)
    assert "There is no receive time" in notes
    assert "The tick size is not in the file" in notes
    # Every event has a line, so the order flow is known.
    assert history.flow.events.tolist() == [0, 1, 1, 1]


def test_an_execution_is_a_trade_of_the_other_side(pair):
    messages = [MESSAGES[0], "34200.1,4,1,5,5853300,1", "34200.2,5,0,7,5859000,-1",
                "34200.3,6,0,9,5859000,-1"]  # fmt: skip
    history, _ = load(pair(messages=messages))
    table = history.trades
    assert table.streamed
    # A seller hit the buy order; a buyer took the sell order. A cross has no taker.
    assert (table.side.tolist(), table.price.tolist()) == ([-1, +1], [585.33, 585.90])
    assert table.size.tolist() == [5, 7]
    assert "cross trade, which has no taker 1" in " ".join(history.notes)


@pytest.mark.parametrize(("date", "hour"), [("2012-01-20", 14), ("2012-06-21", 13)])
def test_midnight_is_that_of_new_york_in_winter_and_summer(pair, date, hour):
    history, _ = load(pair(name=NAME.replace("2012-06-21", date)))
    first = dt.datetime.fromtimestamp(int(history.time[0]) // 10**9, tz=dt.UTC)
    assert (str(first.date()), first.hour, first.minute) == (date, hour, 30)
    assert first.astimezone(ZoneInfo("America/New_York")).hour == 9


def test_either_file_leads_to_the_pair_and_both_are_one(pair, tmp_path):
    book = pair(pack=gzip.compress)
    message = tmp_path / NAME.format("message")
    for paths in (message, [book, message], [message, book]):
        assert states(load(paths)[0]) == STATES


def test_days_follow_each_other_with_a_gap(pair):
    paths = [pair(), pair(name=NAME.replace("06-21", "06-22"))]
    history, told = load(paths)
    assert len(states(history)) == 8
    assert history.gaps == 1
    assert "Nothing is known between" in told


def test_a_halt_is_a_gap(pair):
    messages = [MESSAGES[0], "34200.1,7,0,0,-1,-1", "34300.1,7,0,0,0,-1", "34400.1,7,0,0,1,-1"]
    history, told = load(pair(messages=messages))
    assert [one[0] - OPEN for one in states(history)] == [4_241_176, 100_100_000_000,
                                                          200_100_000_000]  # fmt: skip
    assert history.gaps == 1
    assert "Trading was halted." in told


def test_a_crossed_line_is_no_book(pair):
    book = [BOOK[0], "5853000,200,5853400,18,5859800,200,5853300,18", *BOOK[2:]]
    history, told = load(pair(book=book))
    assert states(history) == [STATES[0], *STATES[2:]]
    assert "best bid 585.34 is not below ask 585.3" in told


def test_a_file_without_its_other_half_or_its_name_is_refused(pair, tmp_path):
    book = pair()
    (tmp_path / NAME.format("message")).unlink()
    error = refused(book)
    assert f"{book.name} needs {NAME.format('message')}, which is not beside it" in str(error)
    other = book.rename(tmp_path / "book.csv")
    assert "book.csv looks like a file of LOBSTER, and its name has no date" in str(refused(other))


def test_a_date_that_is_none_is_refused(pair):
    assert "the date 2012-13-21, which is no day" in str(
        refused(pair(name=NAME.replace("06-21", "13-21")))
    )
    assert "no day from 2000 to 2099" in str(refused(pair(name=NAME.replace("2012", "1912"))))


@pytest.mark.parametrize(
    ("kind", "line", "what"),
    [
        ("message", "86400.1,1,1,18,5853300,1", "time is 86400.1, not seconds of a day"),
        ("message", "34199.1,1,1,18,5853300,1", "time is 34199.1, before the line before it"),
        ("message", "34200.2,one,1,18,5853300,1", "type is 'one', not a whole number"),
        ("message", "34200.2,1,1,18,5853300", "it has 5 values, and the file has 6 columns"),
        ("orderbook", "-5,200,5853400,18,5859800,200,5853300,18", "is -5, not a price"),
        ("orderbook", "5859400,-2,5853400,18,5859800,200,5853300,18", "is -2, not a size"),
        ("orderbook", "5859400,200,5853400,18", "it has 4 values, and the file has 8 columns"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(pair, kind, line, what):
    lines = {"orderbook": [*BOOK], "message": [*MESSAGES]}
    lines[kind][2] = line
    error = refused(pair(lines["orderbook"], lines["message"]))
    assert (error.line, error.path.name) == (3, NAME.format(kind))
    assert what in str(error)


def test_a_file_that_is_cut_off_keeps_the_lines_that_both_have(pair):
    book = pair()
    book.write_bytes(book.read_bytes()[:-10])
    history, told = load(book)
    assert states(history) == STATES[:3]
    assert "Line 4 of" in told
    assert "goes on after line 3" in told


def test_many_lines_are_read_in_batches(pair, monkeypatch):
    monkeypatch.setattr("obi_widgets.feeds.formats.csv_batches.BATCH", 512)
    monkeypatch.setattr("obi_widgets.feeds.recording.files.BLOCK_SIZE", 256)
    count = 300
    book = [f"{5859400 + 100 * (n % 5)},{n + 1},5853300,18,5869800,200,5853000,150"
            for n in range(count)]  # fmt: skip
    messages = [f"{34200 + n / 8:.9f},1,{n},18,5853300,1" for n in range(count)]
    history, told = load(pair(book, messages))
    assert not told
    assert history.sizes(-1)[:, 0].tolist() == list(range(1, count + 1))
    assert np.array_equal(history.time, OPEN + np.arange(count) * 125_000_000)
