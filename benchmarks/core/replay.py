"""A recording in hftbacktest: converted once, then replayed by compiled code."""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numba
import numpy as np

import obi_widgets as obi
from obi_widgets.settings.parameters import Parameters

from .data import LEVELS, Frames, captures, frames
from .signal import DECAY, EXACT
from .table import Row, Section, release, took
from .timing import interleave

TICK, LOT = 0.1, 0.001
FAR = 20_000  # ticks beyond which no level is looked for


@numba.njit
def _side(depth, sign, best, count, tick_size, mid, decay):
    """Add up the nearest levels of a side."""
    total, found, tick = 0.0, 0, best
    while found < count and abs(tick - best) < FAR:
        size = depth.bid_qty_at_tick(tick) if sign > 0 else depth.ask_qty_at_tick(tick)
        if size > 0:
            total += size * np.exp(-decay * 1e4 * abs(tick * tick_size - mid) / mid)
            found += 1
        tick -= sign
    return total


@numba.njit
def _walk(hbt, decay, count, values):
    """Write the imbalance after each message; return how many there were."""
    seen, last = 0, -1
    while hbt.wait_next_feed(False, 10**18) == 2:
        depth = hbt.depth(0)
        if hbt.current_timestamp != last:
            seen, last = seen + 1, hbt.current_timestamp
        mid = (depth.best_bid + depth.best_ask) / 2
        bid = _side(depth, 1, depth.best_bid_tick, count, depth.tick_size, mid, decay)
        ask = _side(depth, -1, depth.best_ask_tick, count, depth.tick_size, mid, decay)
        values[seen - 1] = (bid - ask) / (bid + ask)
    return seen


def convert(path: Path) -> np.ndarray:
    """Make events of a capture, by hftbacktest's own reader."""
    from hftbacktest.data.utils import binancefutures

    with contextlib.redirect_stdout(io.StringIO()):  # it tells of its progress
        return binancefutures.convert(str(path), buffer_size=2_000_000)


def walk(events: np.ndarray, most: int) -> np.ndarray:
    """Replay events through a backtest that orders nothing."""
    from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest

    asset = (
        BacktestAsset().data(events).linear_asset(1.0).constant_order_latency(0, 0)
        .power_prob_queue_model(2.0).no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
        .tick_size(TICK).lot_size(LOT)
    )  # fmt: skip
    backtest = HashMapMarketDepthBacktest([asset])
    values = np.full(most, np.nan)
    seen = _walk(backtest, DECAY, LEVELS, values)
    backtest.close()
    return values[:seen]


def write(data: Frames, path: Path) -> Path:
    """Write the messages of the book alone, as a capture without compression to speak of."""
    first = data.depth[0][0] - 1_000_000
    lines = [(first, data.snapshot.encode()), *data.depth]
    body = b"".join(b"%d %b\n" % line for line in lines)
    path.write_bytes(gzip.compress(body, 1) if path.suffix == ".gz" else body)
    return path


def run(*, quick: bool) -> Section:
    """Compare the way from a file to the imbalance after every message."""
    section = Section("A recording, replayed by hftbacktest")
    if not captures() or not find_spec("hftbacktest"):
        section.notes.append("The captures are not here, or hftbacktest did not install: left out.")
        return section
    data = frames("btcusdt", 1000 if quick else None)
    parameters = Parameters(decay=DECAY, depth=LEVELS)
    with tempfile.TemporaryDirectory() as folder:
        path = write(data, Path(folder) / "book.txt")
        packed = write(data, Path(folder) / "book.gz")

        def ours() -> np.ndarray:
            history = obi.load(path, market="binance-usdm:BTCUSDT", levels=LEVELS, interval=0)
            return obi.imbalance(history, parameters)

        history = obi.load(path, market="binance-usdm:BTCUSDT", levels=LEVELS, interval=0)
        events = convert(packed)
        most = len(data.depth) + 10
        theirs, exact = walk(events, most), ours()
        # A message is one of theirs only when no other came in the same nanosecond.
        last_of_each = np.append(np.diff(history.received) > 0, True)
        exact = exact[last_of_each][:-1]  # at the last one a backtest says that it has ended
        if len(theirs) != len(exact):
            raise AssertionError(f"hftbacktest saw {len(theirs)} of {len(exact)} messages.")
        if not np.max(np.abs(theirs - exact)) <= EXACT:
            raise AssertionError("hftbacktest does not give the same imbalance.")
        timed = interleave(
            {
                "ours": ours,
                "again": lambda: obi.imbalance(history, parameters),
                "convert": lambda: convert(packed),
                "walk": lambda: walk(events, most),
                "gunzip": lambda: gzip.decompress(packed.read_bytes()),
            },
            rounds=3 if quick else 5,
        )
    name = release("hftbacktest")
    convert_less = [
        one - other
        for one, other in zip(timed.seconds["convert"], timed.seconds["gunzip"], strict=True)
    ]
    timed.seconds["all"] = [
        one + other for one, other in zip(convert_less, timed.seconds["walk"], strict=True)
    ]
    for kind, peer, what, terms in (
        ("ours", "all", "file to the imbalance of every message",
         "its reader needs gzip, whose time is taken off; its book matches orders too"),
        ("again", "walk", "the imbalance of every message once more",
         "it replays each change of a level, and asks after each; ours kept the books"),
    ):  # fmt: skip
        section.rows.append(
            Row(
                f"{len(data.depth):,} messages, {what}", took(timed.of(kind), "ms"),
                f"{took(timed.of(peer), 'ms')} {name}", timed.ratio(peer, kind), terms,
            )
        )  # fmt: skip
    section.notes.append(
        f"Its replay alone takes {took(timed.of('walk'), 'ms')}, with the events in memory and its "
        "code compiled."
    )
    return section
