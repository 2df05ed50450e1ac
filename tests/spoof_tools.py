"""Fake levels in a real tape: frames of a Binance capture, rewritten, and what is true of each."""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

OF_A_RUN = 5
STANDS, PAUSE = (1_500, 4_000), (500, 2_000)
"""Milliseconds for which a fake level stands, and after which the next one follows."""

AWAY, REACHED = (1.5, 4.0), 1.2
"""Basis points from mid at which it is placed, and from the best price at which it is pulled."""

LARGE = (8.0, 16.0)
"""How many times the 95 % quantile of the sizes within ten basis points it has."""


class Fake(NamedTuple):
    """A fake level; ``pulled`` is 0 while it stands."""

    run: int
    side: int
    price: float
    size: float
    born: int
    pulled: int = 0


class Spoofer:
    """Adds fake levels to the changes of a book, which it keeps as the frames tell it.

    Parameters
    ----------
    every : float
        Seconds from the begin of one run to that of the next.
    decimals : int
        Of a price.
    """

    def __init__(self, every: float, decimals: int, seed: int) -> None:
        self.every, self.decimals = every * 1000, decimals
        self.draw = random.Random(seed)
        self.book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
        self.fakes: list[Fake] = []
        self.shown: Fake | None = None
        self.run, self.side, self.left = -1, 0, 0
        self.next = 0.0  # ms: when the next run begins, or something of this one happens
        self.began = 0

    def snapshot(self, data: dict) -> None:
        for name, side in zip("ba", ("bids", "asks"), strict=True):
            self.book[name].update((float(p), float(q)) for p, q in data[side])

    def change(self, data: dict) -> None:
        """Keep the book, and change a frame to what it is with the fake level."""
        for name, book in self.book.items():
            for price, size in data[name]:
                book[float(price)] = float(size)
                if not float(size):
                    del book[float(price)]
        time, before = data["T"], self.shown
        if not self.began:
            self.began, self.next = time, time + 20_000  # what is usual has to be known
        if before is not None:
            self.look_after(before, time)
        elif time >= self.next:
            if not self.left:
                self.run, self.left = self.run + 1, OF_A_RUN
                self.side = self.draw.choice((+1, -1))
            self.show(time)
        for one in {before, self.shown} - {None}:
            self.write(data, one)

    def show(self, time: int) -> None:
        mid = (max(self.book["b"]) + min(self.book["a"])) / 2
        near = [
            size for book in self.book.values() for price, size in book.items()
            if abs(price / mid - 1) < 1e-3
        ]  # fmt: skip
        price = round(mid * (1 - self.side * self.draw.uniform(*AWAY) / 1e4), self.decimals)
        size = round(self.draw.uniform(*LARGE) * float(np.quantile(near, 0.95)), 3)
        self.shown = Fake(self.run, self.side, price, size, time)
        self.fakes.append(self.shown)
        self.left -= 1
        self.next = time + self.draw.uniform(*STANDS)

    def look_after(self, shown: Fake, time: int) -> None:
        best = max(self.book["b"]) if shown.side > 0 else min(self.book["a"])
        reached = shown.side * (best - shown.price) * 1e4 <= REACHED * best
        if time < self.next and not reached:
            return
        self.fakes[-1], self.shown = shown._replace(pulled=time), None
        self.next = time + self.draw.uniform(*PAUSE)
        if not self.left:
            self.next = max(self.next, self.began + 20_000 + (self.run + 1) * self.every)

    def write(self, data: dict, one: Fake) -> None:
        """Have a frame say what rests at a fake level's price, if that has changed."""
        name = "b" if one.side > 0 else "a"
        told = [level for level in data[name] if float(level[0]) == one.price]
        if one is self.shown and one.born != data["T"] and not told:
            return
        size = self.book[name].get(one.price, 0.0) + (one.size if one is self.shown else 0.0)
        data[name] = [level for level in data[name] if float(level[0]) != one.price]
        data[name].append([f"{one.price:.2f}", f"{size:.3f}"])


def planted(
    paths: list[Path], folder: Path, *, every: float, decimals: int, seed: int
) -> tuple[list[Path], pd.DataFrame]:
    """Write a capture with fake levels; return its files and the truth, a row a fake level.

    Frames of best quotes are left out: a fake level is never the best.
    """
    spoofer, out, synced = Spoofer(every, decimals, seed), [], False
    for path in paths:
        out.append(folder / path.name)
        with gzip.open(path, "rt") as lines, gzip.open(out[-1], "wt", compresslevel=1) as file:
            for line in lines:
                now, _, text = line.partition(" ")
                if "bookTicker" in text[:80]:
                    continue
                frame = json.loads(text)
                data = frame.get("data", frame)
                if "lastUpdateId" in data:
                    synced = True
                    spoofer.snapshot(data)
                elif synced and data.get("e") == "depthUpdate":
                    spoofer.change(data)
                file.write(f"{now} {json.dumps(frame, separators=(',', ':'))}\n")
    truth = pd.DataFrame(spoofer.fakes, columns=Fake._fields)
    for name in ("born", "pulled"):
        truth[name] = pd.to_datetime(truth[name], unit="ms", utc=True)
    return out, truth[truth["pulled"].dt.year > 1970]


def found(table: pd.DataFrame, truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return which fake levels are in a table of `obi.spoofs`, and which of its rows are fake.

    They are the same if side and price are, and both were born within 0.3 s.
    """
    hit, right = np.zeros(len(truth), bool), np.zeros(len(table), bool)
    for at, fake in enumerate(truth.itertuples()):
        same = (table["side"] == fake.side) & ((table["price"] - fake.price).abs() < 1e-6)
        same &= (table["born"] - fake.born).abs() <= pd.Timedelta("0.3s")
        hit[at] = same.any()
        right |= same.to_numpy()
    return hit, right
