"""What the comparisons are run on: synthetic days of books, and captures of real ones."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import obi_widgets as obi
from benchmarks.layout import BLOCK, Levels

TICK = 0.1
RATE = 10  # states a second
DAY = 24 * 3600 * RATE
LEVELS = 20

CAPTURES = Path(__file__).parents[3] / "shared" / "data" / "binance_usdm"


@dataclass(frozen=True)
class Arrays:
    """Books as anyone would have them: float64, (T, L), best first."""

    time: np.ndarray
    bid_price: np.ndarray
    bid_size: np.ndarray
    ask_price: np.ndarray
    ask_size: np.ndarray

    def history(self) -> obi.History:
        return obi.History.from_arrays(
            self.time, self.bid_price, self.bid_size, self.ask_price, self.ask_size, tick_size=TICK
        )

    def head(self, states: int) -> Arrays:
        return Arrays(*(getattr(self, name)[:states] for name in self.__dataclass_fields__))


def synthetic(states: int = DAY, levels: int = LEVELS, seed: int = 7) -> Arrays:
    """Return books like those of a perpetual on bitcoin: tight, a few ticks between levels.

    Best prices walk by whole ticks around 64,000; the spread is a tick nine times in ten; levels
    lie one to nine ticks apart, mostly one to three; sizes are lognormal. One state in 50,000 is
    a book out of sync.
    """
    dice = np.random.default_rng(seed)
    steps = dice.choice([-3, -1, 0, 1, 3], states, p=[0.02, 0.1, 0.76, 0.1, 0.02])
    bid = 640_000 + np.cumsum(steps)
    ask = bid + 1 + (dice.random(states) < 0.1) * dice.integers(1, 20, states)
    time = 1_700_000_000_000_000_000 + np.arange(states) * (1_000_000_000 // RATE)
    lost = dice.random(states) < 2e-5
    sides = []
    for best, sign in ((bid, -1), (ask, +1)):
        gaps = dice.choice([1, 2, 3, 5, 9], (states, levels), p=[0.5, 0.25, 0.12, 0.08, 0.05])
        gaps[:, 0] = 0
        price = (best[:, None] + sign * np.cumsum(gaps, axis=1)) / 10
        price[lost] = np.nan
        slow = np.repeat(dice.normal(0, 0.7, (states // 50 + 1, 1)), 50, axis=0)[:states]
        size = np.exp(dice.standard_normal((states, levels), dtype=np.float32) + slow)
        sides += [price, np.round(size, 3).astype(np.float64) + 0.001]
    return Arrays(time, *sides)


def longer(day: obi.History, days: int) -> obi.History:
    """Return a history of several days, each in memory of its own."""
    whole = len(day) // BLOCK * BLOCK  # only the last block may be part of one
    day = day[:whole]
    length = int(day.time[-1] - day.time[0]) + 1_000_000_000 // RATE
    times = np.concatenate([day.time + number * length for number in range(days)])
    blocks = tuple(
        Levels(block.ticks.copy(), block.sizes.copy()) for _ in range(days) for block in day.blocks
    )
    return replace(
        day,
        time=times,
        received=times,
        bid=np.tile(day.bid, days),
        ask=np.tile(day.ask, days),
        blocks=blocks,
    )


def captures(symbol: str = "btcusdt") -> list[Path]:
    """Return the captured files of a symbol in the order of time; none where there are none."""
    return sorted(CAPTURES.glob(f"{symbol}_*.gz"))


def lines(paths: list[Path], most: int | None = None) -> list[bytes]:
    """Return what was captured, a line a frame."""

    def read() -> Iterator[bytes]:
        for path in paths:
            with gzip.open(path) as file:
                yield from file

    return [line for _, line in zip(range(most or 10**9), read(), strict=False)]


@dataclass(frozen=True)
class Frames:
    """Depth messages of a capture: the snapshot's text, and each that continues it.

    ``both`` has the trades between them too, and of each whether it is of the book.
    """

    snapshot: str
    depth: list[tuple[int, bytes]]
    both: list[tuple[int, bytes, bool]]

    @property
    def size(self) -> float:
        """Mean bytes of a message."""
        return sum(len(text) for _, text in self.depth) / len(self.depth)


def frames(symbol: str = "btcusdt", most: int | None = None) -> Frames:
    """Return the bytes that websockets subscribed to the book and to trades would have brought."""
    snapshot, depth, both = "", [], []
    for line in lines(captures(symbol)):
        time, _, text = line.rstrip(b"\n").partition(b" ")
        if b"@depth" in text[:60]:
            depth.append((int(time), text))
            both.append((int(time), text, True))
        elif b"@aggTrade" in text[:60] or b"@trade" in text[:60]:
            both.append((int(time), text, False))
        elif text.startswith(b'{"lastUpdateId"'):
            snapshot = text.decode()
    last = json.loads(snapshot)["lastUpdateId"]
    updates = (json.loads(text)["data"]["u"] for _, text in depth)
    first = next(row for row, update in enumerate(updates) if update >= last)
    depth = depth[first:][:most]
    begin, end = (
        next(n for n, one in enumerate(both) if one[1] is depth[row][1]) for row in (0, -1)
    )
    return Frames(snapshot, depth, both[begin : end + 1])
