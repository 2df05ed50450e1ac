"""Seconds of a made-up market in the protocol of every venue: ``python -m tests.make_captures``.

What is written to ``tests/data`` is a recording as `obi_widgets.record` makes it. How a venue says
it stands in the venue's own test file: ``tests/test_<file of the venue>.py`` has

- ``SYMBOLS``, two symbols that there can be;
- ``speak(symbol, market)``, which returns the `Record` of everything on the wire, from the first
  answer on. It lets the market go on by ``market.step()``.
"""

from __future__ import annotations

import importlib
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

from obi_widgets.feeds.recording import Record, Recorder
from obi_widgets.market_data.venues import VENUES

DATA = Path(__file__).parent / "data"
BEGIN = 1_700_000_000_000  # ms
STEPS = 60
EVERY = 100  # ms

LATE = 7  # ms from an event to its receipt


@dataclass
class Step:
    """What happened at a time: new sizes by price, and what was traded."""

    ms: int
    bids: list[tuple[str, int]]
    asks: list[tuple[str, int]]
    price: str
    traded: int
    buys: bool


@dataclass
class MadeMarket:
    """A book of whole lots of 0.001 at whole ticks of 0.1, and what changes of it.

    Attributes
    ----------
    sides : list of dict
        Lots by tick, bids first.
    ms : int
        The time.
    """

    seed: int
    middle: int = 600_000
    ms: int = BEGIN
    sides: list[dict[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        bids = {self.middle - n: self.random.randint(1, 5000) for n in range(1, 31)}
        asks = {self.middle + n: self.random.randint(1, 5000) for n in range(31)}
        self.sides = [bids, asks]

    def step(self) -> Step:
        """Let a tenth of a second pass."""
        self.ms += EVERY
        draw = self.random
        bids, asks = self.sides
        before = [dict(bids), dict(asks)]
        traded, buys = draw.randint(1, 50), draw.random() < 0.5
        touch = min(asks) if buys else max(bids)
        if draw.random() < 0.3:  # the touch is taken, and the other side follows
            traded = (asks if buys else bids).pop(touch)
            (bids if buys else asks)[touch] = draw.randint(1, 5000)
        for side in self.sides:
            for tick in draw.sample(sorted(side), 3):
                side[tick] = draw.randint(1, 5000)
        changed = [
            [(price(t), new.get(t, 0)) for t in sorted({*old, *new}) if old.get(t) != new.get(t)]
            for old, new in zip(before, self.sides, strict=True)
        ]
        return Step(self.ms, *changed, price(touch), traded, buys)

    def whole(self) -> list[list[tuple[str, int]]]:
        """Return prices and lots of both sides, best first."""
        bids, asks = self.sides
        return [
            [(price(tick), bids[tick]) for tick in sorted(bids, reverse=True)],
            [(price(tick), asks[tick]) for tick in sorted(asks)],
        ]

    def truth(self, levels: int) -> list[dict[float, float]]:
        """Return the sizes by price of the best levels of both sides, in coins."""
        return [{float(at): lots / 1000 for at, lots in side[:levels]} for side in self.whole()]


def price(tick: int) -> str:
    """Return a tick as a price."""
    return f"{tick // 10}.{tick % 10}"


def received(ms: int) -> int:
    """Return when what happened at a time is heard here, ns."""
    return (ms + LATE) * 1_000_000


def module_of(name: str):
    """Return the test file of a venue: of the file that its protocol stands in."""
    return importlib.import_module(f"test_{VENUES[name].__module__.rpartition('.')[2]}")


def spoken(name: str, *, symbol: int = 0, seed: int = 1) -> tuple[str, list[Record], MadeMarket]:
    """Return a symbol of a venue, all that is heard of it, and the market as it then is."""
    module, market = module_of(name), MadeMarket(seed)
    chosen = module.SYMBOLS[symbol]
    return chosen, list(module.speak(chosen, market)), market


def path_of(name: str) -> Path:
    """Return where the capture of a venue is kept."""
    return DATA / f"{name}.txt"


def write(name: str, path: Path) -> None:
    """Write the capture of a venue."""
    symbol, records, _ = spoken(name)
    recorder = Recorder(path, name, symbol)
    for record in records:
        recorder.write(record)
    recorder.close()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))  # as pytest does
    DATA.mkdir(exist_ok=True)
    for venue in VENUES:
        path_of(venue).unlink(missing_ok=True)
        write(venue, path_of(venue))
