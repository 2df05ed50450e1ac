"""Everything that goes wrong, by name, and plans of it."""

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
"""At the next event on the book's websocket."""

LINK = ("cut off", "half-open", "stall", "late", "cannot connect")
"""On the book's websocket as a whole."""

REST = (
    "slow answer", "stale answer", "answer of an error", "answer limited", "no answer",
    "answer of garbage", "answer of another symbol", "answer ahead of time",
    "answer back in time",
)  # fmt: skip
"""At the next answers with a book."""

SNAPSHOT = ("unreadable before a snapshot",)
"""Just before the next snapshot."""

VENUE = ("sequence reset",)

CLOCK = ("clock forward", "clock back", "clock back, untold")

PICTURES = ("silent subscription", "pictures stand still", "pictures go back")
"""At the next subscription, which is not served for a while: the book is read by REST."""

LMEX = (
    "stale snapshot", "snapshot of another symbol", "snapshot ahead of time",
    "snapshot back in time", *PICTURES,
)  # fmt: skip
"""At the next subscription."""

NEW_BOOK = {*REST, *SNAPSHOT, *LMEX}
"""Faults of a new book: something else has to go wrong before one is asked for."""


def kinds(venue: str) -> tuple[str, ...]:
    """Return the names of the faults of a venue."""
    common = FRAME + LINK + REST + SNAPSHOT + VENUE + CLOCK
    return common + LMEX if venue == "lmex" else common


class Fault(NamedTuple):
    """A fault: when (ns from the beginning), which, and how much (0 to 1)."""

    at: int
    kind: str
    size: float


def plan(venue: str, dice: random.Random, seconds: float) -> list[Fault]:
    """Return faults in the order of time; some begin before the first book."""
    if venue == "lmex" and dice.random() < 0.4:
        return _pictures(dice, seconds)
    names = [one for one in kinds(venue) if venue != "lmex" or one not in (*REST, *PICTURES)]
    weights = [2 if one in LINK else 1 for one in names]  # some meet what is cut off already
    chosen = dice.choices(names, weights, k=dice.randint(2, 14))
    return _timed(dice, seconds, chosen)


def _pictures(dice: random.Random, seconds: float) -> list[Fault]:
    """Return faults of a book that is read by REST, since subscriptions are not served."""
    faults = _timed(dice, seconds, dice.choices(LINK + CLOCK, k=dice.randint(0, 3)))
    for begins in (0.0, dice.uniform(0.4, 0.7) * seconds):
        for kind in (dice.choice(PICTURES), *dice.sample(REST, 4)):
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
