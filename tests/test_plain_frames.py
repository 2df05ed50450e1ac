"""Compiled code reads plain frames, alone and by many lines; nothing tells that it did."""

from __future__ import annotations

import gzip
import random
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from exchange_tools import SECOND, captured, levels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.feeds.loading import Player, play
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording
from obi_widgets.market_data.venues.binance_plain import READER
from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
from obi_widgets.settings.parameters import Parameters

T0 = 1_700_000_000 * SECOND
SYMBOLS = ("btcusdt", "ethusdt")
PARAMETERS = [
    Parameters(decay=decay, depth=depth, band_bps=band, weighting=weighting)
    for decay, depth in ((0.0, 1), (0.3, None), (2.0, 10))
    for band, weighting in ((None, "size"), (0.8, "size"), (None, "notional"), (3.0, "notional"))
]
SNAPSHOT = (
    '{"lastUpdateId":10,"E":1700000000000,"T":1700000000000,'
    '"bids":[["99.9","1.000"],["99.5","2.5"]],"asks":[["100.1","1.5"],["100.20","3"]]}'
)
HEAD = (
    '{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":1700000000000,"s":"BTCUSDT",'
)
FIRST = HEAD + '"U":5,"u":11,"pu":10,"b":[],"a":[]}}'


def plainly(recording, **options):
    """Return the market that decoders in Python lead to, and what it would have sent."""
    with pytest.MonkeyPatch.context() as without:
        use(without, "numpy")
        return one_by_one(recording, **options)


def one_by_one(recording, **options):
    market = Market(recording.make_venue(), **options)
    replies = []
    for record in recording:
        replies += market.tick(record.time)
        replies += record.apply(market)
    return market, replies


def at_once(recording, **options):
    market = Market(recording.make_venue(), **options)
    player = Player(market)
    for chunk in recording.chunks():
        player.play(chunk)
    return market, None


def told_of(venue):
    """Return what a venue knows, its frames as bytes."""
    names = "_chain", "_cadence", "_backoff", "_beside", "_ratio"
    parts = {name: vars(getattr(venue, name)) for name in names}
    parts["_beside"] = parts["_beside"] | {"_channels": vars(venue._beside._channels)}
    kept = [
        frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
        for frame in venue._chain.kept
    ]
    parts["_chain"] = parts["_chain"] | {"kept": kept, "_greatest": venue._chain.seen}
    return vars(venue) | parts | {"_changes": None}


def told(market):
    """Return all that can be told of a market, and that it ends."""
    facts = {
        name: getattr(market, name)
        for name in ("state", "detail", "advice", "changed_at", "refused")
    }
    tape = market._writer.tape.trades
    every = tape.table(10**9)  # also those after the last state
    facts |= {"trades": [column.tolist() for column in (*every.stamps, every.price, every.size)]}
    facts |= {"levels": levels_of(market.book), "venue": told_of(market.venue)}
    facts |= {"best": (market.book.bids.best_key, market.book.asks.best_key)}
    facts |= {"lag": repr(market.lag), "notes": market.notes}
    market.end("", "")
    history = market.history()
    facts |= {
        "history": history.sha256(),
        "received": history.received.tolist(),
        "taken": [history.trade_ends.tolist(), history.taken.bought.tolist()],
        "context": history.context.to_frame().to_dict("list"),
        "grid": history.tick_size,
        "widths": [block.ticks.dtype for block in history.blocks],
    }
    return facts, history


def same(recording, **options):
    """Assert that a recording comes to the same in every way; return its history."""
    (market, replies), (other, others) = (
        way(recording, **options) for way in (plainly, one_by_one)
    )
    assert replies == others
    facts, history = told(market)
    assert told(other)[0] == facts
    assert told(at_once(recording, **options)[0])[0] == facts
    return history


@pytest.fixture
def left(monkeypatch):
    """Frames that compiled code left to the decoders in Python."""
    frames, received = [], BinanceUsdm.received

    def listen(self, frame, now, socket="book"):
        if socket == "book":
            frames.append(frame)
        return received(self, frame, now, socket)

    monkeypatch.setattr(BinanceUsdm, "received", listen)
    return frames


# -- captures ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize(
    "options", [{"interval": 0, "levels": 20}, {"interval": 0.1, "levels": 1}, {}], ids=str
)
def test_a_capture_comes_to_the_same(symbol, options):
    paths = [captured(f"binance_usdm/{symbol}_202407{day}.gz") for day in (18, 19)]
    history = same(Recording(paths), **options)
    assert len(history) > 4000
    assert obi.load(paths, **options).sha256() == history.sha256()


@pytest.mark.slow
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_of_a_capture_nearly_all_is_plain(symbol, left):
    recording = Recording([captured(f"binance_usdm/{symbol}_202407{day}.gz") for day in (18, 19)])
    at_once(recording)
    assert 0 < len(left) < 300  # of some 70,000
    del left[:]
    one_by_one(recording)
    assert sum("depthUpdate" in frame for frame in left) < 20  # of some 9,000


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_trades_of_a_websocket_of_their_own_are_plain_and_come_to_the_same(symbol, monkeypatch):
    lines = gzip.decompress(captured(f"binance_usdm/{symbol}_20240718.gz").read_bytes())
    frames = [line.partition(b" ") for line in lines.splitlines()[:20_000]]
    read, received = [], BinanceUsdm.received
    monkeypatch.setattr(
        BinanceUsdm, "received", lambda self, *of: read.append(of) or received(self, *of)
    )
    facts = []
    assert READER.wait()
    for reader in (READER.code, None):
        monkeypatch.setattr(READER, "code", reader)
        market = Market(BinanceUsdm(symbol.upper()), levels=5, interval=0.5)
        market.connected("book", 1)
        read.clear()
        traded = 0
        for at, _, frame in frames:
            is_trade = b"rade" in frame[:60]
            traded += is_trade
            # What came at one time, and a clock that was set back.
            now = int(at) // 10**7 * 10**7 - (is_trade and traded % 50 == 0) * 10**8
            market.receive(frame, now, "market" if is_trade else "book")
        facts.append(told(market)[0])
        if reader is not None:
            assert traded > 500
            assert sum(socket == "market" for *_, socket in read) < traded / 10
    assert facts[0] == facts[1]
    assert len(facts[0]["trades"][0]) > 500


def test_markets_of_several_threads_do_not_meet():
    paths = [captured(f"binance_usdm/{symbol}_20240718.gz") for symbol in SYMBOLS]
    alone = [obi.load(path, interval=0).sha256() for path in paths]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            together = pool.map(lambda path: obi.load(path, interval=0).sha256(), paths)
            assert list(together) == alone


@pytest.mark.slow
@BOTH
def test_the_newest_imbalance_is_the_last_of_the_history(code, monkeypatch):
    recording = Recording(captured("binance_usdm/btcusdt_20240718.gz"))
    market = Market(recording.make_venue(), levels=200, interval=0)
    newest_by = [obi.imbalance.newest_by(dict(one.values)) for one in PARAMETERS]
    assert market.history().newest is None
    use(monkeypatch, code)
    values = []
    for record in recording:
        before = market.changed_at
        play(market, record)
        if market.changed_at != before:
            values.append([newest(market.history().newest) for newest in newest_by])
    assert len(values) > 3000
    for one, ours in zip(PARAMETERS, np.transpose(values), strict=True):
        every = obi.imbalance(market.history(), one)
        np.testing.assert_array_equal(ours, every[-len(ours) :])
        assert np.isfinite(ours).any()
    market.handle(market.venue.resync("so", record.time), record.time)
    assert all(np.isnan(newest(market.history().newest)) for newest in newest_by)


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_capture_comes_to_the_same(seed, tmp_path):
    source, chance = captured("binance_usdm/btcusdt_20240718.gz"), random.Random(seed)
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    lines = lines[: chance.choice([2000, 5000])]
    snapshots = [line for line in lines if "lastUpdateId" in line[:40]]
    out = []
    for number, line in enumerate(lines):
        if number < 100 or chance.random() > 0.02:
            out.append(line)
            continue
        match chance.randrange(8):
            case 0:
                pass  # lost
            case 1:
                out += [line, line]
            case 2:
                time, _, said = line.partition(" ")
                at = chance.randrange(1, len(said))
                other = chance.choice('01 9\\"x')
                out.append(f"{time} {said[:at]}{other}{said[at + 1 :]}")
            case 3:
                out.append(line[: chance.randrange(25, len(line))])
            case 4:
                out.append(line.replace(",", ", ").replace(":", " : "))
            case 5:
                out.append(re.sub(r'"(\d+\.\d+)","0.000"', r'"\1","1e2"', line))
            case 6:  # a level that crosses the book, or not
                out.append(re.sub(r'"b":\[\[', '"b":[["64100.05","7.000"],[', line))
            case 7:
                time, _, said = snapshots[0].partition(" ")
                followed = re.search(r'"pu":(\d+)', line)
                if followed:
                    said = re.sub(r"(lastUpdateId.:)\d+", rf"\g<1>{followed[1]}", said)
                out += [line.partition(" ")[0] + " " + said, line]
    path = tmp_path / "damaged"
    path.write_text("\n".join(out) + "\n")
    for interval in (0, 0.1):
        history = same(Recording(path), interval=interval)
    assert history.gaps > 0


# -- frames ------------------------------------------------------------------------------------


def recorded(tmp_path, *frames, every=SECOND // 20, opened=False, symbol="BTCUSDT"):
    """Return a recording of a book in sync, and these lines or frames, of such a contract."""
    start = ['@open ["book",""]'] if opened else []
    lines = [*start, FIRST.replace('"u":11,"pu":10', '"u":10,"pu":4'), SNAPSHOT, FIRST, *frames]
    path = tmp_path / "odd"
    data = b"".join(
        (line if line[:1].isdigit() else f"{T0 + (34 + n) * every} {line}").encode() + b"\n"
        for n, line in enumerate(lines)
    )
    data = data.replace(b'"s":"BTCUSDT"', f'"s":"{symbol}"'.encode())
    path.write_bytes(data.replace(b'"btcusdt@', f'"{symbol.lower()}@'.encode()))
    return Recording(path, market=f"binance-usdm:{symbol}")


def depth(bids, asks='["100.1","2.5"]', numbers='"U":12,"u":12,"pu":11'):
    return f'{HEAD}{numbers},"b":[{bids}],"a":[{asks}]}}}}'


TRADE = (
    '{"stream":"btcusdt@x","data":{"e":"trade","E":1,"T":2,"s":"BTCUSDT","t":4,'
    '"p":"15","q":"2","m":true}}'
)
PLAIN = [
    depth('["99.9","0.000"],["99.85","12"]'),
    depth('["99.9","0"],["99.80","0.00"]', '["100.1","0.0000"],["100.2","0"]'),
    depth("", '["1234567.80","12345678901.2345"],["100.15","0.12345678901234"]'),
    depth('["0.00000100000000","1"]'),
    depth('["99.9","1"],["99.9","3"],["99.9","0"],["99.9","2"]'),
    depth("", "", '"nps":"0","U":12,"u":12,"pu":11'),
    depth("", "", '"x":true,"y":false,"pu":11,"u":12,"U":12'),
    depth("", "", '"ps":"BTCUSDT","st":1,"U":12,"u":12,"pu":11'),
    '{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","b":"1","B":"x","a":"y","A":"1"}}',
    TRADE,
    '{"stream":"btcusdt@x","data":{"e":"aggTrade","a":1,"T":2,"s":"BTCUSDT","p":"1","q":"2","m":false}}',
]
ODD = [
    depth('["99.9","1"]').replace("@depth@", "@depth20@"),  # a partial book
    depth('["99.9","1e2"]'),
    depth('["9.99E1","7"]'),
    depth('["99.9","1"],["-1","1"]'),
    depth('["99.9","-1"]'),
    depth('["0","1"]'),
    depth('["99.9","nan"]'),
    depth('["099.9","1"]'),
    depth('["99.","1"]'),
    depth('["9.9.9","1"]'),
    depth('[".5","1"]'),
    depth('["","1"]'),
    depth('[".","1"]'),
    depth('["+99.9","1"]'),
    depth('[99.9,"1"]'),
    depth('["99.9",1]'),
    depth('["99.9","1","x"]'),
    depth('["99.9"]'),
    depth('["99.9","1"],'),
    depth('["99.9","1" ]'),
    depth('["99.90000000000000000000001","1"]'),
    depth('["99.9","1.00000000000000000000001"]'),
    depth('["1e18","1"]'),
    depth('["\\u0039","1"]'),
    depth('["100.1","1"]', ""),  # crosses
    depth("", '["99.9","1"]'),
    depth("", "", '"U":13,"u":13,"pu":12'),  # does not follow
    depth("", "", '"U":12,"u":100000000000000000000,"pu":11'),
    depth("", "", '"U":12,"u":5000000000000000000,"pu":11'),
    depth("", "", '"U":12,"u":12,"pu":11.0'),
    depth("", "", '"U":12,"u":12,"pu":"11"'),
    depth("", "", '"U":12,"u":12,"pu":0011'),
    depth("", "", '"U":12,"u":12'),
    depth("", "", '"U":-1,"u":12,"pu":11'),
    depth("", "", '"U":12,"u":12,"pu":11,"pu":99'),
    depth("", "", '"U":12,"u":12,"pu":11,"s":"ETHUSDT"'),
    depth("", "", '"U":12,"u":12,"pu":11,"T":1700000000200'),
    depth("", "", '"U":12,"u":12,"pu":11,"e":"other"'),
    depth("", "", '"U":12,"u":12,"pu":11,"lastUpdateId":0'),
    depth("", "", '"U":12,"u":12,"pu":11,"stream":"x"'),
    depth("", "", '"U":12,"u":12,"pu":11,"x":null'),
    depth("", "", '"U":12,"u":12,"pu":11,"x":{"y":[1]}'),
    depth("", "", '"U":12,"u":12,"pu":11,"\u00e9":"\u00e9"'),
    depth("").replace('"b":[]', '"b":[],"b":[["99.9","9"]]'),
    depth('["99.9","4"]').replace('"b":[["99.9","4"]],"a":[["100.1","2.5"]]', '"a":[],"b":[]'),
    depth(",".join(f'["{50 + n / 1000}","1"]' for n in range(5000))),
    depth(",".join(f'["{50 + n / 100}","1"]' for n in range(4090))),
    depth("").replace("1700000000000", "7999999999999"),
    depth("").replace("1700000000000", "8000000000000"),
    depth("").replace("BTCUSDT", "ETHUSDT"),
    depth("").replace('"s":"BTCUSDT",', ""),
    depth("").replace('"e":"depthUpdate"', r'"e":"\u0064epthUpdate"'),
    depth("").replace('"e":"depthUpdate",', "").replace('"a":', '"e":"depthUpdate","a":'),
    depth("").replace('{"stream":"btcusdt@depth@0ms","data":', "").replace("}}", "}"),
    depth("").replace("btcusdt@depth@0ms", ""),
    depth("").replace("btcusdt@depth@0ms", "btcusd"),
    depth("").replace("btcusdt@depth@0ms", "btcusdt"),
    depth("").replace("btcusdt@depth@0ms", "btcusdtx@depth@0ms"),
    depth("").replace("btcusdt@depth@0ms", "BTCUSDT@depth@0ms"),
    depth("", "", '"ps":"BTCUSD","U":12,"u":12,"pu":11'),
    depth("", "", '"ps":"BTCUSDT_","U":12,"u":12,"pu":11'),
    depth("", "", '"ps":"btcusdt","U":12,"u":12,"pu":11'),
    depth("", "", '"ps":"","U":12,"u":12,"pu":11'),
    depth("", "", '"st":2,"U":12,"u":12,"pu":11'),
    depth("").replace("}}", '},"more":1}'),
    depth("").replace("}}", "}} "),
    depth("").replace("}}", "}}x"),
    depth("").replace("}}", "}}\x00"),
    depth("").replace("}}", "}"),
    depth("").replace(":", ": ").replace(",", ", "),
    depth("").replace("1700000000000", "1600000000000"),  # the past
    '{"stream":"btcusdt@x","data":{"e":"trade","T":2,"s":"ETHUSDT","p":"1.5","q":"2","m":true}}',
    '{"stream":"btcusdt@x","data":{"e":"trade","T":2,"s":"BTCUSDT","p":"1.5","q":"2"}}',
    '{"stream":"btcusdt@x","data":{"e":"trade","T":2,"s":"BTCUSDT","p":"x","q":"2","m":true}}',
    '{"stream":"btcusdt@x","data":{"e":"trade","T":2,"s":"BTCUSDT","p":"1","q":"2","m":1}}',
    '{"stream":"btcusdt@x","data":{"e":"trade","T":2,"s":"BTCUSDT","p":"1","q":"2","m":tru}}',
    '{"stream":"btcusdt@x","data":{"e":"markPriceUpdate","E":2,"s":"BTCUSDT","p":"1","i":"2","r":"0"}}',
    '{"stream":"x","data":{"e":"bookTicker","u":01}}',
    '{"stream":"x","data":{}}',
    '{"stream":"x"}',
    '{"result":null,"id":1}',
    "pong",
    SNAPSHOT,
    r'@frame ["market","{\"e\":\"depthUpdate\",\"pu\":11}"]',
    '@frame ["market","pong"]',
    '@frame ["book","{}"]',
    '@close ["book","lost"]',
    '@open ["book",""]',
    '@open ["market",""]',
    '@answer ["snapshot",200,"{}"]',
]
AFTER = [
    depth('["98.0","1"]'),
    depth('["98.0","2"]', numbers='"U":13,"u":13,"pu":12'),
    depth('["98.0","3"]', numbers='"U":14,"u":14,"pu":13'),
]


def test_a_trade_that_needs_more_decimals_is_left_once(tmp_path, left):
    finer = TRADE.replace('"15"', '"1.5"')
    recording = recorded(tmp_path, TRADE, finer, finer.replace('"q":"2"', '"q":"3"'), *AFTER)
    history = same(recording, interval=0)
    assert history.trades.price.tolist() == [15.0, 1.5, 1.5]
    del left[:]
    at_once(recording, interval=0)
    assert [frame for frame in left if '"trade"' in frame] == [finer]


@pytest.mark.parametrize("frame", PLAIN)
def test_what_is_plain_is_left_to_compiled_code(frame, tmp_path, left):
    recording = recorded(tmp_path, frame, *AFTER)
    same(recording, interval=0)
    del left[:]
    at_once(recording, interval=0)
    assert frame not in left
    assert len(left) == (5 if "depthUpdate" in frame else 2)  # with what makes the book
    if "depthUpdate" in frame:
        del left[:]
        one_by_one(recording, interval=0)
        assert frame not in left


@pytest.mark.parametrize("frame", ODD)
def test_what_is_odd_comes_to_the_same(frame, tmp_path):
    for interval in (0, 0.1):
        assert len(same(recorded(tmp_path, frame, *AFTER), interval=interval)) > 0


@pytest.mark.parametrize("pair", ["BTCUSDT", "BTCUSDT_241227", "BTCUSD", "BTCUSDT_"])
def test_the_pair_of_a_contract_that_is_delivered_is_told_apart(pair, tmp_path, left):
    frame = depth('["98.0","1"]', "", f'"ps":"{pair}","U":12,"u":12,"pu":11')
    recording = recorded(tmp_path, frame, *AFTER[1:], symbol="BTCUSDT_241227")
    same(recording, interval=0)
    del left[:]
    at_once(recording, interval=0)
    assert any("98.0" in one for one in left) == (pair != "BTCUSDT")


def test_frames_come_as_bytes_and_as_text(tmp_path):
    markets = [one_by_one(recorded(tmp_path))[0] for _ in range(2)]
    markets[0].receive(AFTER[0], SECOND)
    markets[1].receive(AFTER[0].encode(), SECOND)
    assert levels_of(markets[0].book) == levels_of(markets[1].book)
    assert levels_of(markets[0].book)[0][98.0] == 1


DAMAGE = [None, *'01 9\\"x.,-eE[]{}\x00é']
"""What a character becomes; None: the frame is cut off there."""


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*PLAIN, *ODD, *AFTER * 20]),
            st.none() | st.tuples(st.floats(0, 1), st.sampled_from(DAMAGE)),
        ),
        max_size=12,
    ),
    st.sampled_from([0, 0.05, 0.1, 3]),
    st.sampled_from([SECOND // 100, SECOND // 20, SECOND, 40 * SECOND]),
    st.booleans(),
)
def test_any_frames_come_to_the_same(tmp_path_factory, frames, interval, every, opened):
    """In any order, with a byte changed or cut off there, and with silences."""
    lines = []
    for frame, damage in frames:
        if damage is not None and frame[:1] == "{":
            at = int(damage[0] * (len(frame) - 2)) + 1
            frame = frame[:at] + ("" if damage[1] is None else damage[1] + frame[at + 1 :])
        lines.append(frame)
    recording = recorded(tmp_path_factory.mktemp("any"), *lines, every=every, opened=opened)
    same(recording, interval=interval)


@pytest.mark.parametrize("opened", [True, False])
def test_a_silence_is_seen_where_a_connection_is_known_of(opened, tmp_path):
    late = f"{T0 + 500 * SECOND} {depth('')}"
    history = same(recorded(tmp_path, late, *AFTER[1:], opened=opened), interval=0)
    assert history.gaps == opened


def test_times_at_the_end_of_what_they_can_be_come_to_the_same(tmp_path):
    times = (8_999_999_999_999_999_999, 2**63 - 1)
    late = [f"{time} {frame}" for time, frame in zip(times, AFTER, strict=False)]
    for opened in (True, False):
        for interval in (0, 0.1):
            same(recorded(tmp_path, *late, opened=opened), interval=interval)


@pytest.mark.parametrize(
    "line", ["x", "12", "12 ", "12 @what []", "1_2 pong", "99999999999999999999 {}"]
)
def test_a_line_that_is_no_record_is_left_out(line, tmp_path):
    recording = recorded(tmp_path, *AFTER)
    same(recording)
    with recording.paths[0].open("a") as file:
        file.write(line + "\n")
    same(recording)
    assert recording.skipped.first_unreadable == "line 7 of odd"
