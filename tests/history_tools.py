"""Random books, and the ways in which they become a history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from obi_widgets.history.columns import History
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument

NAN = float("nan")
MS = 1_000_000
SECOND = 1_000_000_000

START = 1_700_006_400 * SECOND  # midnight

# Tick sizes, each with how a whole number of ticks is spelled in decimal: the price that a venue's
# text would be read as.
GRIDS = {
    0.1: lambda n: float(f"{n // 10}.{n % 10}"),
    0.01: lambda n: float(f"{n // 100}.{n % 100:02d}"),
    0.25: lambda n: float(f"{n // 4}.{n % 4 * 25:02d}"),
    5.0: lambda n: float(f"{n * 5}"),
    1e-8: lambda n: float(f"{n // 10**8}.{n % 10**8:08d}"),
}


@st.composite
def ladders(draw, *, levels, widest):
    """One state's ticks and sizes: bids, asks; either may be empty."""
    bid = draw(st.integers(levels * widest + 1, 2 * levels * widest + 1000))
    best = {+1: bid, -1: bid + draw(st.integers(1, 40))}
    gaps = st.lists(st.integers(1, widest), max_size=levels)
    sides = []
    for side in (+1, -1):
        kind = draw(st.sampled_from(["full", "full", "full", "empty"]))
        steps = [0, *draw(gaps)][:levels] if kind == "full" else []
        ticks = [best[side] - side * away for away in np.cumsum(steps, dtype=int).tolist()]
        sizes = [draw(st.sampled_from([0.001, 0.5, 1.0, 3.25, 1000.0])) for _ in ticks]
        sides.append((ticks, sizes))
    return tuple(sides)


def books(*, levels=6, widest=8, most=12):
    """Several states: each a ladder of both sides, or None where the book was lost."""
    return st.lists(
        st.one_of(st.none(), *[ladders(levels=levels, widest=widest)] * 4),
        min_size=1,
        max_size=most,
    )


def arrays(states, levels, price_of):
    """Return bid prices, bid sizes, ask prices and ask sizes, (T, levels), NaN where nothing is."""
    out = np.full((4, len(states), levels), NAN)
    for row, state in enumerate(states):
        for which, (ticks, sizes) in enumerate(state or ()):
            out[2 * which, row, : len(ticks)] = [price_of(n) for n in ticks]
            out[2 * which + 1, row, : len(sizes)] = sizes
    return tuple(out)


def early(time, *columns, received_ns=None, **options):
    """Return a history whose times are small numbers, as a test has them: no border takes those."""
    if received_ns is not None:
        received_ns = START + np.asarray(received_ns)
    time = START + np.asarray(time, np.int64)
    made = History.from_arrays(time, *columns, received_ns=received_ns, **options)
    return replace(made, time=made.time - START, received=made.received - START)


def make(states, *, levels=6, tick_size=0.1, every=100 * MS, start=SECOND):
    time = start + every * np.arange(len(states))
    return early(time, *arrays(states, levels, GRIDS[tick_size]), tick_size=tick_size)


def writer(*, tick_size=0.1, **options):
    return HistoryWriter(Instrument("test", "X", tick_size=tick_size), **{"interval": 0, **options})


def book(bids, asks):
    """Return a book of these levels."""
    made = Book()
    made.replace(bids, asks)
    return made


def write(into, state, time, received=None, price_of=GRIDS[0.1]):
    """Append a state of `books`; None is a gap."""
    received = time if received is None else received
    if state is None:
        into.gap(received)
        return
    sides = [[(price_of(n), q) for n, q in zip(*side, strict=True)] for side in state]
    into.append(time, received, book(*sides))


def same(one: History, other: History) -> None:
    """Assert that two histories hold the same states."""
    assert len(one) == len(other)
    for name in ("time", "bid", "ask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for side in (+1, -1):
        levels = min(one.levels, other.levels)
        np.testing.assert_array_equal(one.prices(side)[:, :levels], other.prices(side)[:, :levels])
        np.testing.assert_array_equal(one.sizes(side)[:, :levels], other.sizes(side)[:, :levels])
