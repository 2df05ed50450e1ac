"""Large levels of a Binance capture by the rule as it is written, in plain Python, from raw frames.

It keeps its own book and its own usual sizes, event by event.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import flow_reference

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 10**9

ENDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)


class Market(NamedTuple):
    """What was read of a capture.

    Levels are dicts; ``final`` is the time until which they are known; states are (time, bid, ask);
    trades are (time, price).
    """

    levels: list[dict]
    final: int
    states: list[tuple[int, float, float]]
    trades: list[tuple[int, float]]


def of_capture(paths: list[Path]) -> Market:
    """Return the large levels, the states and the trades of a capture; change nothing of them."""
    return _read(tuple(paths))


@functools.cache
def _read(paths: tuple[Path, ...]) -> Market:
    books, known, trades, levels, told = ({}, {}), None, [], {}, []
    usual, counted, mid, due, look = {}, [{} for _ in ENDS], math.nan, 0, 0
    states, every_trade, gone = [], [], []

    def where(price):
        away = 1e4 * abs(price - mid) / mid
        return next((n for n, end in enumerate(ENDS) if away < end), None)

    def begin(side, price, size, time, found):
        levels[side, price] = {
            "price": price, "side": side, "born": time, "found": found, "size": size,
            "largest": size, "removed": 0.0, "traded": 0.0, "ended": None,
            "usual": usual[where(price)], "least": 4.0 * usual[where(price)] / 2, "known": None,
            "grew": False, "eaten": False, "refills": 0, "waits": False,
        }  # fmt: skip
        told.append(levels[side, price])

    def second(level, time):
        """Take note of what a level did in the second that has ended."""
        if time - level["born"] < SECOND and level["ended"] is None:
            return
        if level["known"] is None:
            level["known"] = time
        else:
            level["waits"] |= level["eaten"]
            if level["grew"]:
                level["refills"] += level["waits"]
                level["waits"] = False
        level["grew"] = level["eaten"] = False

    for kind, _, data in flow_reference.messages(paths):
        if kind == "trade":
            trades.append(data)
            every_trade.append((1_000_000 * data["T"], float(data["p"])))
            continue
        time = 1_000_000 * data["T"]
        # A trade is taken into account with the first event that is not before it.
        while trades and 1_000_000 * trades[0]["T"] <= time:
            trade = trades.pop(0)
            maker = +1 if trade["m"] else -1
            level = levels.get((maker, float(trade["p"])))
            if level is not None:
                level["traded"] += float(trade["q"])
                level["eaten"] = True
        for side, book, name in ((+1, books[0], "b"), (-1, books[1], "a")):
            for text, amount in data[name]:
                price, size = float(text), float(amount)
                book[price] = size
                if not size:
                    del book[price]
                if kind == "snapshot":
                    continue
                level = levels.get((side, price))
                if level is not None:
                    level["removed"] += max(level["size"] - size, 0.0)
                    level["grew"] |= size > level["size"]
                    level["largest"] = max(level["largest"], size)
                    level["size"] = size
                    if size < level["least"]:
                        level["ended"] = time
                        gone.append(levels.pop((side, price)))
                elif (
                    side * price >= side * known[side]
                    and where(price) in usual
                    and size >= 4.0 * usual[where(price)]
                ):
                    begin(side, price, size, time, found=False)
        if kind == "snapshot":
            known = {+1: min(books[0]), -1: max(books[1])}
        states.append((time, max(books[0]), min(books[1])))
        if time < due:
            continue
        due = (time // SECOND + 1) * SECOND
        final = time
        for level in (*levels.values(), *gone):
            second(level, time)
        gone.clear()
        if time < look:
            continue
        look = time + 5 * SECOND
        mid = (max(books[0]) + min(books[1])) * 0.5
        for sizes in counted:
            for size in sizes:
                sizes[size] *= 2.0 ** (-1 / 12)
        reached = [
            (side, price, size)
            for side, book in zip((+1, -1), books, strict=True)
            for price, size in sorted(book.items(), key=lambda one, side=side: -side * one[0])
            if side * price >= side * known[side] and where(price) is not None
        ]
        for _, price, size in reached:
            part, octave = math.frexp(size)
            step = math.floor(part * 8) / 4 * 2.0 ** (octave - 1)  # a quarter of an octave
            counted[where(price)][step] = counted[where(price)].get(step, 0.0) + 1.0
        for n, sizes in enumerate(counted):
            total, so_far = sum(sizes[size] for size in sorted(sizes)), 0.0
            for size in sorted(sizes):
                so_far += sizes[size]
                if so_far >= 0.95 * total:
                    usual[n] = size
                    break
        for side, price, size in reached:
            if size >= 4.0 * usual[where(price)] and (side, price) not in levels:
                begin(side, price, size, time, found=True)
    long = [
        level for level in told
        if (level["ended"] or final) - level["born"] >= SECOND
        and (level["ended"] is None or level["ended"] <= final)
    ]  # fmt: skip
    return Market(long, final, states, every_trade)
