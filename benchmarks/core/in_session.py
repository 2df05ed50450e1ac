"""From frame bytes in hand to state, flow, trades, signal and entries current, in a session.

Ours is what a session does: its market receives the frame, and its analysis is brought up to date
with the history, after every message of the book. A screen asks for that ten times a second, so a
session in use does it as often at most. The peers keep their own book, and `Followed` does the rest
for them: the same numbers, in plain Python, with no history kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, islice
from time import perf_counter

import numpy as np

import obi_widgets as obi
from obi_widgets.kernels import loader
from obi_widgets.market_data.venues.binance_plain import MARKET
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters

from . import peers
from .data import DAY, LEVELS, Frames, captures, frames, synthetic
from .live import SYMBOLS, start
from .references import one_book
from .signal import DECAY, EXACT
from .table import Row, Section, release, took
from .timing import Lap, interleave

RANKS = 10
LOT = 1000
"""Lots in a base unit: sizes of both captures have three decimals at most."""

HOLD = 5.0
"""Seconds of an entry, so that many begin and end within the messages."""


@dataclass(frozen=True)
class Made:
    """What each design must agree on: values by state, and sums over all of them."""

    signal: list[float]
    order_flow: list[int]
    trades: int
    sides: list[int]


class Followed:
    """What a user would write beside a peer's book: signal, flow by rank, trades and entries."""

    def __init__(self, parameters: Parameters, bids: list, asks: list) -> None:
        self.decay, self.depth = parameters.decay, parameters.depth
        self.threshold, self.hold = parameters.threshold, round(parameters.hold_seconds * 1e9)
        self.signal: list[float] = []
        self.order_flow: list[list[int]] = []
        self.trades: list[tuple[int, float, float]] = []  # the state, price, size
        self.entries: list[list] = []  # side, time and price in, time and price out
        self.before = _keys(bids, asks)

    def state(self, time: int, bids: list, asks: list) -> None:
        """Follow a state; best levels first, (price, size) each."""
        after = _keys(bids, asks)
        self.order_flow.append(_changes(self.before, after))
        self.before = after
        value = one_book(bids, asks, self.decay, self.depth)
        self.signal.append(value)
        last = self.entries[-1] if self.entries else None
        if last is not None and len(last) == 3:
            if time < last[1] + self.hold:
                return
            last += [time, bids[0][0] if last[0] > 0 else asks[0][0]]
        if abs(value) > self.threshold:
            side = 1 if value > 0 else -1
            self.entries.append([side, time, asks[0][0] if side > 0 else bids[0][0]])

    def trade(self, price: float, size: float) -> None:
        """Follow a trade, which belongs to the next state; size is below 0 of a sale."""
        self.trades.append((len(self.signal), price, size))

    @property
    def made(self) -> Made:
        sums = [sum(rank) for rank in zip(*self.order_flow, strict=True)]
        return Made(self.signal, sums, len(self.trades), [entry[0] for entry in self.entries])


def _keys(bids: list, asks: list) -> tuple[list, list]:
    """Return the ranks of both sides, asks' prices times −1: greater is better."""
    return (
        [(price, round(size * LOT)) for price, size in bids[:RANKS]],
        [(-price, round(size * LOT)) for price, size in asks[:RANKS]],
    )


def _changes(before: tuple[list, list], after: tuple[list, list]) -> list[int]:
    """Return order-flow imbalance by rank; see `obi_widgets.history.flow`."""
    if before == after:
        return [0] * RANKS
    added = []
    for was, now in zip(before, after, strict=True):
        side = []
        for (old_key, old), (key, new) in zip(was, now, strict=True):
            side.append((new if key >= old_key else 0) - (old if key <= old_key else 0))
        added.append(side)
    return [bid - ask for bid, ask in zip(*added, strict=True)]


def ours(data: Frames, parameters: Parameters, symbol: str) -> Lap:
    """Do what a session does for a frame of its screen, after every message of the book."""
    market, analysis = start(data, symbol), Analysis(parameters)
    receive, history = market.receive, market.history
    began = perf_counter()
    for time, text, is_book in data.both:
        receive(text, time, BOOK if is_book else MARKET)
        if is_book:
            analysis.update(history(), parameters)
    seconds = perf_counter() - began
    seen = market.history()
    assert seen.flow is not None
    sums = np.rint(seen.flow.base_units(seen.flow.order_flow.sum(axis=0)) * LOT).astype(int)
    made = Made(
        analysis.signal.tolist()[1:], sums.tolist(), len(seen.trades), analysis.trades.side.tolist()
    )  # the snapshot's own state is none of the messages'
    return Lap([made], seconds)


def sorted_dict(data: Frames, parameters: Parameters, symbol: str) -> Lap:  # noqa: ARG001
    """Keep sortedcontainers' dictionaries, fed by orjson."""
    import orjson
    from sortedcontainers import SortedDict

    snapshot = orjson.loads(data.snapshot)
    bids = SortedDict({-float(price): float(size) for price, size in snapshot["bids"]})
    asks = SortedDict({float(price): float(size) for price, size in snapshot["asks"]})

    def best() -> tuple[list, list]:
        top = [(-key, size) for key, size in islice(bids.items(), LEVELS)]
        return top, list(islice(asks.items(), LEVELS))

    followed, last = Followed(parameters, *best()), snapshot["lastUpdateId"]
    began = perf_counter()
    for _, text, is_book in data.both:
        event = orjson.loads(text)["data"]
        if not is_book:
            size = float(event["q"])
            followed.trade(float(event["p"]), -size if event["m"] else size)
            continue
        if event["u"] < last:
            continue
        last = event["u"]
        for side, levels, sign in ((bids, event["b"], -1), (asks, event["a"], 1)):
            for price, size in levels:
                key, size = sign * float(price), float(size)
                if size:
                    side[key] = size
                else:
                    side.pop(key, None)
        followed.state(event["T"] * 1_000_000, *best())
    return Lap([followed.made], perf_counter() - began)


def ccxt(data: Frames, parameters: Parameters, symbol: str) -> Lap:  # noqa: ARG001
    """Give ccxt pro's message handler what its client makes of a frame."""
    import orjson

    async def play() -> Lap:
        exchange, book = peers.ccxt_exchange(orjson.loads(data.snapshot))
        followed = Followed(parameters, book["bids"], book["asks"])

        def ready(result: object) -> None:
            if result is book:
                followed.state(book["timestamp"] * 1_000_000, book["bids"], book["asks"])
                return
            trade = result[-1]
            size = trade["amount"]
            followed.trade(trade["price"], -size if trade["side"] == "sell" else size)

        client = peers.Client(ready)
        began = perf_counter()
        for _, text, _ in data.both:
            exchange.handle_message(client, orjson.loads(text))
        seconds = perf_counter() - began
        await exchange.close()
        return Lap([followed.made], seconds)

    return asyncio.run(play())


PEERS: dict[str, tuple[Callable[[Frames, Parameters, str], Lap], str, str, float]] = {
    "ccxt": (ccxt, "ccxt", "its handler with orjson, and `Followed`; no socket, no history", 4.0),
    "sorted_dict": (
        sorted_dict, "sortedcontainers", "with orjson and `Followed`; no check, no history", 2.7
    ),
}  # fmt: skip
"""Each with the package that it is, how its terms differ, and the goal."""


def agree(name: str, theirs: Made, mine: Made) -> None:
    """Raise unless a peer made the same of every message."""
    if len(theirs.signal) != len(mine.signal):
        raise AssertionError(f"{name}: {len(theirs.signal)} states of {len(mine.signal)}.")
    worst = float(np.max(np.abs(np.subtract(theirs.signal, mine.signal))))
    if not worst <= EXACT:
        raise AssertionError(f"{name}: a signal differs by {worst}.")
    for what in ("order_flow", "trades", "sides"):
        if getattr(theirs, what) != getattr(mine, what):
            raise AssertionError(
                f"{name}: {what} is {getattr(theirs, what)}, and ours {getattr(mine, what)}."
            )


def run(*, quick: bool) -> Section:
    """Time a session's own path beside peers that do the same."""
    section = Section("A message, in a session")
    if not captures():
        section.notes.append("The captures are not here, so nothing of this was run.")
        return section
    loader.wait()
    parameters = Parameters(decay=DECAY, depth=LEVELS, hold_seconds=HOLD)
    names = [name for name, peer in PEERS.items() if find_spec(peer[1])]
    for symbol in SYMBOLS[: 1 if quick else None]:
        peers.SYMBOL = symbol.upper()
        data = frames(symbol, 1000 if quick else 4000)
        mine = ours(data, parameters, symbol).values[0]
        designs = {"ours": lambda data=data, symbol=symbol: ours(data, parameters, symbol)}
        for name in names:
            peer = PEERS[name][0]
            agree(name, peer(data, parameters, symbol).values[0], mine)
            designs[name] = lambda data=data, peer=peer, symbol=symbol: peer(
                data, parameters, symbol
            )
        timed = interleave(designs, rounds=3 if quick else 7, warm=0)
        each = 1 / len(data.depth)
        for name in names:
            _, package, terms, least = PEERS[name]
            section.rows.append(
                Row(
                    f"{symbol.upper()}, to state, flow, trades, signal and entries",
                    took(timed.of("ours").times(each), "µs"),
                    f"{took(timed.of(name).times(each), 'µs')} {release(package)}",
                    timed.ratio(name, "ours"), terms, least=least,
                )
            )  # fmt: skip
        section.notes.append(
            f"{symbol.upper()}: {len(data.depth):,} messages of the book, and {mine.trades:,} "
            f"trades between them, whose time counts; {len(mine.sides)} entries."
        )
    return section


MOVE = 150.0
"""Milliseconds that a move of a slider may take over a day."""


def run_touch(*, quick: bool) -> Section:
    """Time a move of a slider of a user's NumPy signal on the touch, over a day of states."""
    section = Section("A user's signal on the touch, a move of its slider")

    @obi.signal(range=(-1, 1), needs="touch")
    def tilted_queue(history: obi.History, *, power: obi.Number(0.1, 4) = 1.0) -> np.ndarray:
        bid, ask = history.rank(0)[1].astype(float) ** power
        with np.errstate(invalid="ignore"):  # a side that is empty
            return (bid - ask) / (bid + ask)

    history = synthetic(DAY // 10 if quick else DAY).history()
    analysis = Analysis(Parameters(tilted_queue))
    moves = count(1.1, 0.01)

    def move() -> None:
        analysis.update(history, Parameters(tilted_queue, power=next(moves)))

    timed = interleave({"move": move}, rounds=5 if quick else 15)
    spent = timed.of("move").times(1e3)
    section.notes.append(
        f"{len(history):,} states, with signal, entries and results: {spent} ms, "
        f"of at most {MOVE:g}."
    )
    return section
