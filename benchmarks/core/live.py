"""The live path: the imbalance after every message, and a whole recording at once."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import obi_widgets as obi
from benchmarks.layout import newest_signal
from obi_widgets.feeds.market import Market
from obi_widgets.kernels import loader
from obi_widgets.market_data.venues.binance_usdm import BinanceUsdm
from obi_widgets.settings.parameters import Parameters

from . import peers
from .data import LEVELS, Frames, captures, frames, lines
from .signal import DECAY, EXACT
from .table import Row, Section, release, took
from .timing import Lap, Timed, interleave

SYMBOLS = ("btcusdt", "ethusdt")


def start(data: Frames, symbol: str) -> Market:
    """Return a market that is in sync, before the first message that continues the snapshot."""
    market = Market(BinanceUsdm(symbol.upper()), levels=LEVELS, interval=0)
    market.handle(market.venue.received(data.snapshot, 1), 1)
    return market


def each_message(data: Frames, parameters: Parameters, symbol: str) -> Lap:
    """Return the imbalance after every message: venue, book, history and signal."""
    market, out = start(data, symbol), []
    receive, newest = market.receive, newest_signal(market, parameters)
    changed = market.changed_at
    began = perf_counter()
    for time, text in data.depth:
        receive(text, time)
        if market.changed_at != changed:  # not a message from before the snapshot
            changed = market.changed_at
            out.append(newest())
    return Lap(out, perf_counter() - began)


def no_signal(data: Frames, symbol: str) -> Lap:
    """Take the messages, and ask nothing."""
    market = start(data, symbol)
    began = perf_counter()
    for time, text in data.depth:
        market.receive(text, time)
    return Lap([], perf_counter() - began)


def agree(name: str, lap: Lap, ours: Lap) -> None:
    """Raise unless a peer saw the same."""
    if len(lap.values) != len(ours.values):
        raise AssertionError(f"{name} made {len(lap.values)} of {len(ours.values)} values.")
    worst = float(np.max(np.abs(np.subtract(lap.values, ours.values))))
    if not worst <= EXACT:
        raise AssertionError(f"{name} differs by {worst}.")


def run(*, quick: bool) -> Section:
    """Time the imbalance after every message."""
    section = Section("The live path")
    if not captures():
        section.notes.append("The captures are not here, so nothing of this was run.")
        return section
    loader.wait()
    parameters = Parameters(decay=DECAY, depth=LEVELS)
    names = peers.installed()
    left_out = set(peers.PEERS) - set(names)
    for symbol in SYMBOLS[: 1 if quick else None]:
        data = frames(symbol, 1000 if quick else 4000)
        ours = each_message(data, parameters, symbol)
        designs = {
            "ours": lambda data=data, symbol=symbol: each_message(data, parameters, symbol),
            "book": lambda data=data, symbol=symbol: no_signal(data, symbol),
        }
        peers.SYMBOL = symbol.upper()
        for name in names:
            peer = peers.PEERS[name][0]
            agree(name, peer(data, DECAY, LEVELS), ours)
            designs[name] = lambda data=data, peer=peer: peer(data, DECAY, LEVELS)
        timed = interleave(designs, rounds=3 if quick else 5, warm=0)
        _rows(section, timed, names, symbol, data)
    for name in sorted(left_out):
        section.notes.append(f"{name} did not install here, and is left out.")
    return section


def _rows(section: Section, timed: Timed, names: list[str], symbol: str, data: Frames) -> None:
    each = 1 / len(data.depth)
    cost = {name: timed.of(name).times(each) for name in timed.seconds}
    for name in names:
        _, package, terms, least = peers.PEERS[name]
        section.rows.append(
            Row(
                f"{symbol.upper()}, imbalance after every message",
                took(cost["ours"], "µs"), f"{took(cost[name], 'µs')} {release(package)}",
                timed.ratio(name, "ours"), terms, least=least,
            )
        )  # fmt: skip
    micro = {name: one.median * 1e6 for name, one in cost.items()}
    section.notes.append(
        f"{symbol.upper()}: {len(data.depth):,} messages of {data.size:,.0f} bytes. Of ours, "
        f"{micro['book']:.1f} µs decode, check, and keep book and history, "
        f"{micro['ours'] - micro['book']:.1f} µs ask for the imbalance. What a session takes, with "
        "entries, is told above."
    )


def tape(path: Path, most: int | None) -> tuple[Path, float]:
    """Write a capture without gzip; return it and its megabytes."""
    found = lines(captures(), most)
    path.write_bytes(b"".join(found))
    return path, path.stat().st_size / 1e6


def load_order_book(path: Path) -> dict[str, np.ndarray]:
    """Return every book state of a capture, by order_book and orjson."""
    import orjson
    from order_book import OrderBook

    book, last, waiting = OrderBook(max_depth=LEVELS), None, []
    times, tops = [], []

    def put(data: dict) -> None:
        for side, levels in ((book.bids, data["b"]), (book.asks, data["a"])):
            for price, size in levels:
                price, size = float(price), float(size)
                if size:
                    side[price] = size
                elif price in side:
                    del side[price]
        times.append(data["T"])
        tops.append((book.bids.to_list(), book.asks.to_list()))

    with path.open("rb") as file:
        for line in file:
            message = orjson.loads(line[line.index(b" ") + 1 :])
            data = message.get("data")
            if data is None:
                last = message["lastUpdateId"]
                put({"T": message["T"], "b": message["bids"], "a": message["asks"]})
                for data in waiting:
                    if data["u"] >= last:
                        put(data)
            elif data["e"] == "depthUpdate":
                if last is None:
                    waiting.append(data)
                else:
                    put(data)
    out = {"time": np.array(times, np.int64) * 1_000_000}
    for number, side in enumerate(("bid", "ask")):
        both = np.full((len(tops), LEVELS, 2), math.nan)
        for row, top in enumerate(tops):
            both[row, : len(top[number])] = top[number]
        out[side] = both
    return out


def same_states(history: obi.History, theirs: dict[str, np.ndarray]) -> None:
    """Compare every level of every state; messages of one time are in one order in both."""
    for side, name in ((+1, "bid"), (-1, "ask")):
        np.testing.assert_allclose(history.prices(side), theirs[name][:, :, 0], rtol=1e-12)
        np.testing.assert_allclose(history.sizes(side), theirs[name][:, :, 1], rtol=1e-6)


def run_load(*, quick: bool) -> Section:
    """Time a whole recording."""
    section = Section("A recording at once")
    if not captures():
        section.notes.append("The captures are not here, so nothing of this was run.")
        return section
    with tempfile.TemporaryDirectory() as folder:
        path, size = tape(Path(folder) / "capture.txt", 15_000 if quick else None)
        every = obi.load(path, levels=LEVELS, interval=0)
        same_states(every, load_order_book(path))
        timed = interleave(
            {
                "every": lambda: obi.load(path, levels=LEVELS, interval=0),
                "usual": lambda: obi.load(path),
                "peer": lambda: load_order_book(path),
            },
            rounds=3 if quick else 5, warm=0,
        )  # fmt: skip
    for name, what, terms, least in (
        ("every", f"every state, {LEVELS} levels", "ours checks every number and the order", 10),
        ("usual", "`obi.load(path)`: 50 levels, ten states a second",
         "the peer keeps 20 levels of every state", None),
    ):  # fmt: skip
        section.rows.append(
            Row(
                f"{size:.1f} MB of BTCUSDT, {what}", took(timed.of(name), "ms"),
                f"{took(timed.of('peer'), 'ms')} {release('order_book')}, {release('orjson')}",
                timed.ratio("peer", name), terms, least=least,
            )
        )  # fmt: skip
    section.notes.append(
        f"{len(every):,} states from {size / timed.of('every').median:.0f} MB/s of text. Both read "
        "the same file without gzip, trades and best prices in it included."
    )
    return section
