"""Raw files of cryptofeed: the frames of several venues, read by the venues' own decoders."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import zstandard
from formats_tools import SECOND, T0, PlainBook, expected, load, refused, states

HEADER = {"t": "header", "format": 2, "exchange": "BINANCE_FUTURES"}
REST = "https://fapi.example/fapi/v1"
STREAMS = "wss://example/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms"
BTC = "binance-usdm:BTCUSDT"


def http(seconds, url, body):
    return {"t": "http", "conn": "x", "ts": T0 / 1e9 + seconds, "url": url,
            "data": json.dumps(body)}  # fmt: skip


def received(seconds, body):
    return {"t": "recv", "conn": "ws", "ts": T0 / 1e9 + seconds, "data": json.dumps(body)}


def depth(seconds, first, last, before, bids, asks, symbol="BTCUSDT"):
    event = {"e": "depthUpdate", "E": T0 // 10**6, "T": round(T0 / 1e6 + 1000 * seconds),
             "s": symbol, "U": first, "u": last, "pu": before, "b": bids, "a": asks}  # fmt: skip
    name = f"{symbol.lower()}@depth@100ms"
    return received(seconds + 0.01, {"stream": name, "data": event})


def snapshot(seconds, number, bids, asks, symbol="BTCUSDT"):
    body = {"lastUpdateId": number, "E": T0 // 10**6,
            "T": round(T0 / 1e6 + 1000 * (seconds - 0.01)), "bids": bids, "asks": asks}  # fmt: skip
    return http(seconds, f"{REST}/depth?symbol={symbol}&limit=1000", body)


LISTING = {"serverTime": T0 // 10**6, "symbols": [
    {"symbol": "BTCUSDT", "quoteAsset": "USDT",
     "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}]},
]}  # fmt: skip
TRADE = {"e": "aggTrade", "E": 1, "a": 7, "s": "BTCUSDT", "p": "100.0", "q": "0.5", "f": 1,
         "l": 1, "T": T0 // 10**6 + 900, "m": True}  # fmt: skip

# Answers stand first, although they came later: the file is sorted by connection.
LINES = [
    HEADER,
    http(0, f"{REST}/exchangeInfo", LISTING),
    snapshot(0.5, 100, [["100.0", "1"]], [["101.0", "2"]]),
    snapshot(0.6, 100, [["50.0", "1"]], [["51.0", "2"]], "ETHUSDT"),
    {"t": "connect", "conn": "ws", "ts": T0 / 1e9, "addr": STREAMS},
    {"t": "send", "conn": "ws", "ts": T0 / 1e9, "data": "{}"},
    depth(0.4, 95, 99, 90, [["100.0", "9"]], []),
    depth(0.7, 99, 105, 99, [["99.9", "3"]], []),
    depth(0.75, 98, 105, 99, [["50.0", "3"]], [], "ETHUSDT"),
    received(0.95, {"stream": "btcusdt@aggTrade", "data": TRADE}),
    depth(1.0, 106, 110, 105, [], [["101.0", "0"], ["101.5", "4"]]),
]


def put(path, lines=LINES, end="\n"):
    data = ("\n".join(map(json.dumps, lines)) + end).encode()
    path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst"])
def test_one_market_of_several_is_read(tmp_path, name):
    history, told = load(put(tmp_path / name), market=BTC, levels=2)
    assert [(one[0] - T0) // 10**6 for one in states(history)] == [490, 700, 1000]
    assert states(history)[-1][1:] == ([100, 99.9], [1, 3], [101.5, -1], [4, 0])
    assert history.instrument.tick_size == 0.1
    assert history.instrument.quote == "USDT"
    assert history.trades.side.tolist() == [-1]
    assert (history.received[-1] - T0) // 10**6 == 1010
    assert not told
    assert "2 lines are of binance-usdm:ETHUSDT" not in " ".join(history.notes)
    assert "1 lines are of binance-usdm:ETHUSDT and were left out." in history.notes


def test_several_markets_must_be_chosen_from(tmp_path):
    error = str(refused(put(tmp_path / "a.jsonl")))
    assert "binance-usdm:BTCUSDT and binance-usdm:ETHUSDT" in error


def test_a_lost_event_is_a_gap_as_it_is_live(tmp_path):
    lines = [*LINES, depth(1.2, 120, 130, 119, [], [["101.7", "1"]])]
    history, told = load(put(tmp_path / "a.jsonl", lines), market=BTC, levels=2)
    assert history.gaps == 1
    assert "event 130 does not follow 110" in told


def test_a_connection_that_is_made_again_is_a_gap(tmp_path):
    lines = [*LINES, {"t": "connect", "conn": "ws", "ts": T0 / 1e9 + 2, "addr": STREAMS}]
    history, told = load(put(tmp_path / "a.jsonl", lines), market=BTC, levels=2)
    assert history.gaps == 1
    assert "was lost: connected again" in told


@pytest.mark.parametrize("venue", ["BITFINEX", "DERIBIT", ""])
def test_a_venue_that_is_not_known_yet_is_named(tmp_path, venue):
    error = refused(put(tmp_path / "a.jsonl", [{**HEADER, "exchange": venue}, *LINES[1:]]))
    said = "does not name its venue" if not venue else (
        f"recorded at {venue}, a venue that is not known here yet"
    )  # fmt: skip
    assert said in str(error)
    assert error.line == 1


def test_a_damaged_line_is_left_out_with_its_number_and_a_cut_one_too(tmp_path):
    path = put(tmp_path / "a.jsonl")
    lines = path.read_text().splitlines()
    lines[8] = lines[8].replace("{", "", 1)
    path.write_text("\n".join(lines))  # the last line has no end
    history, told = load(path, market=BTC, levels=2)
    assert "a.jsonl has a damaged line 9, which was left out." in told
    assert "a.jsonl is cut off after line 10." in told
    assert (history.time[-1] - T0) // 10**6 == 700


# -- one exchange of several venues --------------------------------------------------------


def bybit(seconds, category, kind, number, bids, asks):
    """Return a frame of the book; those of two categories look the same."""
    ms = round(T0 / 1e6 + 1000 * seconds)
    book = {"s": "BTCUSDT", "b": bids, "a": asks, "u": number, "seq": number}
    said = {"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": ms, "data": book, "cts": ms}
    return {**received(seconds + 0.01, said), "conn": category}


def instruments(seconds, category, tick):
    item = {"symbol": "BTCUSDT", "quoteCoin": "USDT", "priceFilter": {"tickSize": tick}}
    answer = {"retCode": 0, "retMsg": "OK", "result": {"category": category, "list": [item]}}
    url = f"https://bybit.example/v5/market/instruments-info?&category={category}&limit=1000"
    return http(seconds, url, answer)


BYBIT = [
    {**HEADER, "exchange": "BYBIT"},
    instruments(-30, "linear", "9"),  # it is asked twice, and the last answer counts
    instruments(0, "linear", "0.5"),
    instruments(0, "spot", "0.01"),
    *({"t": "connect", "conn": category, "ts": T0 / 1e9 + 0.1,
       "addr": f"wss://stream.example/v5/public/{category}"} for category in ("linear", "spot")),
    bybit(0.5, "linear", "snapshot", 7, [["100.0", "1"]], [["101.0", "2"]]),
    bybit(0.6, "spot", "snapshot", 3, [["99.0", "4"]], [["99.5", "5"]]),
    bybit(0.7, "linear", "delta", 8, [["100.0", "3"]], []),
    bybit(0.8, "spot", "delta", 4, [], [["99.5", "6"]]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("market", "tick", "want"),
    [
        ("bybit:BTCUSDT", 0.5, [(500, 100.0, 1, 101.0, 2), (700, 100.0, 3, 101.0, 2)]),
        ("bybit-spot:BTCUSDT", 0.01, [(600, 99.0, 4, 99.5, 5), (800, 99.0, 4, 99.5, 6)]),
    ],
)
def test_one_symbol_of_two_venues_is_told_by_its_websocket(tmp_path, market, tick, want):
    history, told = load(put(tmp_path / "a.jsonl", BYBIT), market=market, levels=1)
    found = [((time - T0) // 10**6, *map(list.pop, rest)) for time, *rest in states(history)]
    assert found == want
    assert history.instrument.tick_size == tick
    assert not told


def test_each_of_the_venues_is_named(tmp_path):
    error = str(refused(put(tmp_path / "a.jsonl", BYBIT)))
    assert "holds several markets: bybit:BTCUSDT and bybit-spot:BTCUSDT." in error
    error = str(refused(put(tmp_path / "b.jsonl", BYBIT), market="bybit-inverse:BTCUSD"))
    assert "not of bybit-inverse:BTCUSD." in error
    one = [line for line in BYBIT if line.get("conn") != "spot"]
    history, _ = load(put(tmp_path / "c.jsonl", one), levels=1)
    assert history.instrument.venue == "bybit"


# -- against captures ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "venue", "symbol", "events"),
    [
        ("binance_futures", "binance-usdm", "SUSHIUSDT", 252),
        ("binance_futures", "binance-usdm", "AKROUSDT", 187),
        ("binance_futures", "binance-usdm", "KEEPUSDT", 131),
        ("binance_futures", "binance-usdm", "CTKUSDT", 179),
        ("binance", "binance-spot", "NKNUSDT", 149),
        ("binance", "binance-spot", "BLZETH", 9),
        ("binance", "binance-spot", "LRCBTC", 13),
        ("binance", "binance-spot", "RUNEEUR", 1),
    ],
)
def test_a_capture_against_a_plain_book(data, name, venue, symbol, events):
    path = data / "wire" / f"{name}.jsonl.zst"
    with path.open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file))
        lines = [json.loads(line) for line in text]
    (body,) = (json.loads(one["data"]) for one in lines
               if one["t"] == "http" and f"/depth?symbol={symbol}" in one["url"])  # fmt: skip
    book, want = PlainBook(), []
    book.replace(body["bids"], body["asks"])
    last, trades = body["lastUpdateId"], []
    for one in lines:
        event = json.loads(one["data"])["data"] if one["t"] == "recv" else {}
        if event.get("s") == symbol and event.get("e") == "depthUpdate" and event["u"] > last:
            book.put(+1, event["b"])
            book.put(-1, event["a"])
            time = event["T" if venue == "binance-usdm" else "E"]
            want.append(expected(time * 10**6, book, 20))
        elif event.get("s") == symbol and event.get("e") == "aggTrade":
            trades.append((event["a"], float(event["p"]), -1 if event["m"] else 1))
    history, told = load(path, market=f"{venue}:{symbol}", levels=20)
    assert len(want) == events
    assert states(history)[-len(want) :] == want
    assert len(history) - len(want) <= 2  # the snapshot, and the event that it contains
    assert history.gaps == 0
    table = history.trades
    assert [*zip(table.id, table.price, table.side, strict=True)] == trades[-len(table) :]
    assert len(trades) - len(table) <= 1
    assert np.array_equal(history.received, np.sort(history.received))
    assert "gap" not in told


def test_times_are_of_a_second(tmp_path):
    lines = [{**one, "ts": one["ts"] / SECOND} if "ts" in one else one for one in LINES]
    assert "damaged line 2" in str(refused(put(tmp_path / "a.jsonl", lines), market=BTC))
