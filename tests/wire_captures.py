"""Raw files of cryptofeed in `../shared/data/wire`, read line by line, without the package."""

from __future__ import annotations

import io
import json
from functools import cache

import zstandard
from exchange_tools import captured

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Recording


@cache
def lines(name: str) -> list[dict]:
    """Return the lines of a file."""
    with captured(f"wire/{name}.jsonl.zst").open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file))
        return [json.loads(line) for line in text]


def frames(name: str, address: str = "") -> list[tuple[int, dict]]:
    """Return the frames of connections to an address: receive time, ns, and what the JSON says."""
    own, found = set(), []
    for line in lines(name):
        if line["t"] == "connect" and address in line["addr"]:
            own.add(line["conn"])
        elif line["t"] == "recv" and line["conn"] in own:
            found.append((round(line["ts"] * 1_000_000) * 1000, json.loads(line["data"])))
    return found


def followed(name: str, market: str) -> Market:
    """Return a market that has followed every frame of a file, and keeps every state."""
    recording = Recording(captured(f"wire/{name}.jsonl.zst"), market=market)
    following = Market(recording.make_venue(), levels=20, interval=0)
    for record in recording:
        following.tick(record.time)
        record.apply(following)
    following.end("", "")
    return following


def sides_agree(trades, mids) -> tuple[int, int]:
    """Return how many trades are on the taker's side of mid, and how many are on the other.

    Parameters
    ----------
    trades : iterable of (received, side, price)
        ``side`` is +1 if the taker bought.
    mids : list of (received, mid)
        Of the book, in order of receipt. A trade is compared with the last mid before it.
    """
    agree = differ = 0
    for received, side, price in trades:
        before = [mid for at, mid in mids if at <= received]
        if before and price != before[-1]:
            right = (price > before[-1]) == (side > 0)
            agree, differ = agree + right, differ + (not right)
    return agree, differ
