"""Order flow by the papers' formula, in plain Python: whole books, sorted at each event."""

from __future__ import annotations

import gzip
import heapq
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RANKS = 10


class Ladder:
    """One side of a book: size in lots (int) by price (float)."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.sizes: dict[float, int] = {}

    def put(self, levels: list[tuple[float, int]]) -> None:
        for price, size in levels:
            if size:
                self.sizes[price] = size
            else:
                self.sizes.pop(price, None)

    def best(self) -> list[tuple[float, int]]:
        pick = heapq.nlargest if self.sign > 0 else heapq.nsmallest
        return [(price, self.sizes[price]) for price in pick(RANKS, self.sizes)]


def _bid_part(before: tuple | None, after: tuple | None) -> int:
    if before is None and after is None:
        return 0
    if before is None or (after is not None and after[0] > before[0]):
        return after[1]
    if after is None or after[0] < before[0]:
        return -before[1]
    return after[1] - before[1]


def _ask_part(before: tuple | None, after: tuple | None) -> int:
    if before is None and after is None:
        return 0
    if before is None or (after is not None and after[0] < before[0]):
        return after[1]
    if after is None or after[0] > before[0]:
        return -before[1]
    return after[1] - before[1]


def order_flow(before: list[list], after: list[list]) -> list[int]:
    """Return the order flow of an event by rank, from the best levels before and after it."""

    def at(levels: list[tuple[float, int]], rank: int) -> tuple | None:
        return levels[rank] if rank < len(levels) else None

    return [
        _bid_part(at(before[0], rank), at(after[0], rank))
        - _ask_part(at(before[1], rank), at(after[1], rank))
        for rank in range(RANKS)
    ]


def messages(paths: list[Path]) -> Iterator[tuple[str, int, dict]]:
    """Yield book messages and trades of a Binance capture: kind, receive time in ns, data.

    The kind is ``snapshot``, ``change`` or ``trade``. Changes that the snapshot already includes
    have no levels. Changes received before the snapshot are yielded at its receive time.
    """
    waiting, last = [], None
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                now, _, text = line.partition(" ")
                data = json.loads(text)
                data = data.get("data", data)
                if data.get("e") == "trade":
                    if float(data["p"]) > 0:
                        yield "trade", int(now), data
                    continue
                if "lastUpdateId" in data:
                    if last is None:
                        last = data["lastUpdateId"]
                        bids, asks = data["bids"], data["asks"]
                        yield "snapshot", int(now), {"T": data["T"], "b": bids, "a": asks}
                elif data.get("e") == "depthUpdate":
                    waiting.append(data)
                if last is None:
                    continue
                for event in waiting:
                    if event["u"] < last:
                        continue
                    if event["u"] == last:  # the snapshot includes the whole event
                        event |= {"b": [], "a": []}
                    last = event["u"]
                    yield "change", int(now), event
                waiting.clear()


def of_capture(paths: list[Path]) -> tuple[list[int], list[int], list[list[int]]]:
    """Return receive and event times and order flow of a Binance capture, in lots of 0.001.

    The first is the snapshot; its flow is 0.
    """
    received, times, flows, before = [], [], [], None
    sides = Ladder(+1), Ladder(-1)

    def lots(text: str) -> int:
        whole, _, places = text.partition(".")
        assert len(places) == 3
        return int(whole + places)

    for kind, now, data in messages(paths):
        if kind == "trade":
            continue
        for side, name in zip(sides, "ba", strict=True):
            side.put([(float(price), lots(size)) for price, size in data[name]])
        after = [side.best() for side in sides]
        received.append(now)
        times.append(1_000_000 * data["T"])
        flows.append([0] * RANKS if before is None else order_flow(before, after))
        before = after
    return received, times, flows
