"""OKX's protocol against the capture, which is of 2022: checksums instead of numbers."""

import json

import pytest
from formats_tools import PlainBook, expected, states
from okx_tools import connected
from wire_captures import followed, frames, sides_agree

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues.wire import PAST_TRADE

MS = 1_000_000

CAPTURED = {"BTC-USDT": (98, 68), "UNI-USD-SWAP": (93, 0), "BTC-USD-220527": (99, 3)}
"""Frames of the book, each with a checksum, and trades after the subscription."""

VALUES = {"BTC-USDT": 0, "UNI-USD-SWAP": 10, "BTC-USD-220527": 100}
"""Value of a contract in USD; 0 for coins."""


@pytest.mark.parametrize("symbol", CAPTURED)
def test_every_frame_of_a_capture_is_decoded_and_every_checksum_is_right(symbol):
    plain, texts, want, mids, sold, tickers, checked = PlainBook(), ({}, {}), [], [], [], 0, 0
    for at, said in frames("okx"):
        channel, name = said["arg"]["channel"], said["arg"]["instId"]
        if "event" in said:
            continue
        tickers += channel == "tickers"
        if name != symbol or channel == "tickers":
            continue
        (data,) = said["data"]
        if channel == "trades":
            sold.append((at, data["side"], float(data["px"]), data["sz"]))
            continue
        if said["action"] == "snapshot":
            plain.replace([], [])
        for side, levels, kept in zip((+1, -1), (data["bids"], data["asks"]), texts, strict=True):
            for price, size, *_ in levels:
                coins = float(size) * VALUES[symbol] / float(price) if VALUES[symbol] else size
                plain.put(side, [(price, coins)])
                kept[float(price)] = (price, size)
                if size == "0":
                    del kept[float(price)]
        best = [sorted(kept, reverse=kept is texts[0])[:25] for kept in texts]
        parts = []
        for place in range(25):
            for kept, prices in zip(texts, best, strict=True):
                parts += kept[prices[place]] if place < len(prices) else ()
        checked += crc32(parts) == data["checksum"]
        want.append(expected(int(data["ts"]) * MS, plain, 20))
        mids.append((at, (max(plain.sides[+1]) + min(plain.sides[-1])) / 2))
    market = followed("okx", f"okx:{symbol}")
    history, (books, after) = market.history(), CAPTURED[symbol]
    assert states(history) == want
    assert (len(want), checked, history.gaps, market.failures) == (books, books, 0, 0)
    assert market.refused == {"tickers": tickers, PAST_TRADE: 1}
    table = history.trades
    told = [(int(at), "buy" if side > 0 else "sell", price) for at, side, price
            in zip(table.received, table.side, table.price, strict=True)]  # fmt: skip
    assert told == [one[:3] for one in sold[1:]]
    assert len(told) == after
    taken = [(at, +1 if side == "buy" else -1, price) for at, side, price, _ in sold[1:]]
    assert sides_agree(taken, mids) == (after, 0)


def crc32(parts):
    """Return the CRC32 of texts, bit by bit, as a signed number."""
    crc = 0xFFFFFFFF
    for byte in ":".join(parts).encode():
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return crc - (1 << 32) if crc >> 31 else crc


def test_one_checksum_that_is_wrong_is_a_gap_in_the_capture():
    """In the midst of a capture; and the book is back only at a snapshot, which never comes."""
    market, number = Market(connected("BTC-USDT")), 0
    for at, said in frames("okx"):
        if said["arg"] == {"channel": "books", "instId": "BTC-USDT"} and "action" in said:
            said["data"][0]["checksum"] += number == 40
            market.receive(json.dumps(said), at)
            assert (market.state == "live") == (number < 40)
            number += 1
    assert number == 98
    assert market.refused == {"delta before a snapshot": 57}


def test_the_capture_has_290_checksums():
    assert sum(books for books, _ in CAPTURED.values()) == 290
