"""Names of the faults, and random plans of faults."""

from __future__ import annotations

import random
from typing import NamedTuple

GARBAGE = {
    "html": "<html>502 Bad Gateway</html>",
    "empty": "",
    "bytes": b"\xff\xfe\x00",
    "list": "[]",
    "object": "{}",
    "no data": '{"topic":"update:BTC-PERP_0"}',
    "acknowledged": '{"event":"subscribe","channel":[]}',
    "error": '{"errors":[{"error":{"code":1007,"message":"User buffer is full."}}]}',
    "half an event": '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}',
    "error of another kind": '{"code":-1121,"msg":"Invalid symbol."}',
    "wrong types": '{"topic":"update:BTC-PERP_0","data":{"bids":5,"seqNum":"x","type":[]}}',
    "nested": "[" * 3000 + "]" * 3000,
    "not a number": '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","T":1e400}}',
}

FRAME = (
    "drop", "repeat", "swap", "truncate", "garbage", "crossed", "time ahead", "time back",
    "other symbol", "other symbol, in sequence", "other stream, our symbol",
)  # fmt: skip
"""Faults of the next event on the book's websocket."""

LINK = ("cut off", "half-open", "stall", "late", "cannot connect")
"""Faults of the connection of the book's websocket."""

REST = (
    "slow answer", "stale answer", "answer of an error", "answer limited", "no answer",
    "answer of garbage", "answer of another symbol", "answer ahead of time",
    "answer back in time",
)  # fmt: skip
"""Faults of the next HTTP answers with a book."""

SNAPSHOT = ("unreadable before a snapshot",)
"""Faults of the event just before the next snapshot."""

VENUE = ("sequence reset",)

CLOCK = ("clock forward", "clock back", "clock back, untold")

REST_BOOKS = ("silent subscription", "REST books repeat", "REST books go back")
"""Faults of the next subscription: it is not served for a while, and the book is read by REST."""

LMEX = (
    "stale snapshot", "snapshot of another symbol", "snapshot ahead of time",
    "snapshot back in time", *REST_BOOKS,
)  # fmt: skip
"""Faults of the next subscription."""

NEW_BOOK = {*REST, *SNAPSHOT, *LMEX}
"""Faults of a new book, which is requested only after another fault."""


def kinds(venue: str) -> tuple[str, ...]:
    """Return the names of the faults of a venue."""
    common = FRAME + LINK + REST + SNAPSHOT + VENUE + CLOCK
    return common + LMEX if venue == "lmex" else common


class Fault(NamedTuple):
    """A fault: its time (ns from the beginning), its name, and its size (0 to 1)."""

    at: int
    kind: str
    size: float


def plan(venue: str, dice: random.Random, seconds: float) -> list[Fault]:
    """Return faults sorted by time; some come before the first book."""
    if venue == "lmex" and dice.random() < 0.4:
        return _rest_books(dice, seconds)
    names = [one for one in kinds(venue) if venue != "lmex" or one not in (*REST, *REST_BOOKS)]
    weights = [
        2 if one in LINK else 1 for one in names
    ]  # some have no effect: the connection is already closed
    chosen = dice.choices(names, weights, k=dice.randint(2, 14))
    return _timed(dice, seconds, chosen)


def _rest_books(dice: random.Random, seconds: float) -> list[Fault]:
    """Return faults for a book that is read by REST because subscriptions are not served."""
    faults = _timed(dice, seconds, dice.choices(LINK + CLOCK, k=dice.randint(0, 3)))
    for begins in (0.0, dice.uniform(0.4, 0.7) * seconds):
        for kind in (dice.choice(REST_BOOKS), *dice.sample(REST, 4)):
            faults.append(Fault(round(begins * 1e9), kind, dice.random()))
    return sorted(faults, key=lambda fault: fault.at)


def _timed(dice: random.Random, seconds: float, chosen: list[str]) -> list[Fault]:
    times = [
        0.0 if kind in NEW_BOOK and dice.random() < 0.2 else dice.uniform(1.0, seconds)
        for kind in chosen
    ]
    return sorted(
        Fault(round(at * 1e9), kind, dice.random()) for at, kind in zip(times, chosen, strict=True)
    )
