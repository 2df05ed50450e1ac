"""Kraken's checksums: documented ones, and of thousands of changes beside a plain book."""

from __future__ import annotations

import json
import random
import zlib

import pytest
from exchange_tools import SECOND, captured, levels_of, names
from kraken_tools import (
    ASKS,
    MS,
    Kraken10,
    acknowledged,
    book,
    checksum,
    connected,
    listing,
)

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues.kraken import Kraken
from obi_widgets.market_data.venues.kraken_messages import CheckedBook, books
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.streamed import INSTRUMENT

# -- documented checksums ------------------------------------------------------------------


def documented(name):
    lines = captured(f"kraken_v2/{name}").read_text().splitlines()
    return [line for line in lines if line.strip()]


@pytest.mark.parametrize(
    ("name", "symbol", "decimals", "checksums"),
    [
        ("kraken_docs_guide_btcusd_crc3310070434.json", "BTC/USD", (1, 8), [3310070434]),
        ("kraken_docs_maticusd_book.jsonl", "MATIC/USD", (4, 8), [2439117997, 2114181697]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_all_documented_checksums_are_right(name, symbol, decimals, checksums, known):
    """Also where the decimals of the market are not known, as in a recording without them."""
    frames = documented(name)
    assert [json.loads(one)["data"][0]["checksum"] for one in frames] == checksums
    (first,), *later = (books.decode(json.dumps(json.loads(one)["data"])) for one in frames)
    checked = CheckedBook(100, decimals if known else (0, 0), first)
    assert checked.verified
    for (change,) in later:
        checked.apply(change)
        assert checked.verified
    venue = connected(symbol, decimals) if known else Kraken(symbol)
    venue.received(acknowledged(ms=MS - 10), 0)
    outputs = [one for frame in frames for one in venue.received(frame, SECOND)]
    assert names(outputs) == ["Snapshot", "Delta"][: len(frames)]


@pytest.mark.parametrize(
    "name",
    ["kraken_docs_guide_btcusd_crc3310070434.json", "kraken_docs_maticusd_book.jsonl"],
)
def test_a_documented_book_with_one_size_changed_is_noticed(name):
    """By one in the last decimal, at each of the twenty levels."""
    (data,) = json.loads(documented(name)[0])["data"]
    for side in ("bids", "asks"):
        for level in data[side]:
            right = level["qty"]
            level["qty"] = round(right + 1e-8, 8)
            (wrong,) = books.decode(json.dumps([data]))
            assert not CheckedBook(100, (1, 8), wrong).verified
            level["qty"] = right


@pytest.mark.parametrize(
    ("text", "whole"),
    [("5e-05", "5000"), ("0.00005000", "5000"), ("123456789.12345678", "12345678912345678"),
     ("1E1", "1000000000"), ("10", "1000000000")],
)  # fmt: skip
def test_numbers_are_read_exactly_however_they_are_written(text, whole):
    """A float holds 123456789.12345678 as 123456789.12345678 only by luck: it has 17 digits."""
    crc = zlib.crc32(f"10050{whole}".encode())
    data = f'[{{"symbol":"A/B","asks":[{{"price":100.5,"qty":{text}}}],"checksum":{crc}}}]'
    (told,) = books.decode(data)
    assert CheckedBook(10, (2, 8), told).verified


# -- a long market, with a plain book beside it --------------------------------------------


@pytest.mark.parametrize("lost", [None, 0.01])
def test_thousands_of_changes_against_a_plain_book(lost):
    """No message tells of a level that falls out of the ten best.

    Where messages are lost, the book is thrown away and never wrong.
    """
    draw = random.Random(3)
    whole = [
        {round(100 - 0.1 * n, 1): 1.0 for n in range(1, 31)},
        {round(100 + 0.1 * n, 1): 1.0 for n in range(31)},
    ]

    def best():
        bids, asks = (sorted(side.items()) for side in whole)
        return [dict(bids[::-1][:10]), dict(asks[:10])]

    venue = Kraken10("BTC/USD")
    market = Market(venue, interval=0)
    market.handle(venue.fetched(INSTRUMENT, 200, listing(), 0), 0)
    market.connected(BOOK, MS * 1_000_000)
    shown, states, live = None, 0, 0
    for step in range(4000):
        ms = MS + 1000 * step
        for side, sign in zip(whole, (-1, +1), strict=True):
            for _ in range(draw.randint(0, 3)):
                price = draw.choice(sorted(side)[:15] if sign > 0 else sorted(side)[-15:])
                side[price] = round(draw.random() * 10 ** draw.randint(-7, 3) + 1e-8, 8)
            if draw.random() < 0.3:  # the best level is taken, or a better one comes
                touch = min(side) if sign > 0 else max(side)
                better = round(touch - sign * 0.1, 1)
                if draw.random() < 0.5 and better not in whole[sign < 0]:
                    side[better] = 0.5
                elif len(side) > 20:
                    del side[touch]
        now = best()
        if shown is None:
            frame = book("snapshot", ms, *(side.items() for side in now), checksum(*now))
        else:
            changes = [
                [*((price, 0) for price in old if price not in full),
                 *((price, size) for price, size in new.items() if old.get(price) != size)]
                for old, new, full in zip(shown, now, whole, strict=True)
            ]  # fmt: skip
            for side in changes:
                draw.shuffle(side)
            frame = book("update", ms, *changes, checksum(*now))
        shown = now
        if lost and draw.random() < lost and market.state == "live":
            continue
        replies = market.receive(frame, ms * 1_000_000) + market.tick(ms * 1_000_000)
        if any('"subscribe"' in reply.text for reply in replies):
            shown = None
        states += 1
        live += market.state == "live"
        if market.state == "live":
            assert [*levels_of(market.book)] == now
    assert states == live == 4000 if lost is None else 0.9 * states < live < states


def test_a_lost_change_below_the_ten_best_is_noticed_when_it_gets_among_them():
    """The checksum is of the ten best of a hundred levels: the venue verifies no more."""
    bids = {float(price): 1.0 for price in range(80, 100)}
    venue = connected()
    whole = book("snapshot", MS, bids.items(), ASKS.items(), checksum(bids, ASKS))
    venue.received(whole, SECOND)
    bids[85.0] = 2.0  # this message is lost
    seen = []
    for price in range(99, 84, -1):  # then the best level is taken, again and again
        del bids[float(price)]
        frame = book("update", MS + 100 - price, [(price, 0)], [], checksum(bids, ASKS))
        seen.append(names(venue.received(frame, 9 * SECOND))[0])
    assert seen[:5] == ["Delta"] * 4 + ["Status"]  # 85 is then the tenth


def test_a_book_is_kept_to_its_depth():
    far = {round(90 - 0.1 * n, 1): 1.0 for n in range(20)}
    levels = [{"price": price, "qty": size} for price, size in far.items()]
    (whole,) = books.decode(json.dumps([{"symbol": "A/B", "bids": levels}]))
    checked = CheckedBook(5, (1, 8), whole)
    best = dict(sorted(far.items(), reverse=True)[:5])
    del best[90.0]
    change = {"symbol": "A/B", "bids": [{"price": 90.0, "qty": 0}], "checksum": checksum(best, {})}
    (told,) = books.decode(json.dumps([change]))
    checked.apply(told)
    assert checked.verified  # the sixth has not come back
