"""Binance USDⓈ-M futures.

The book is a REST snapshot continued by diff-depth events: an event belongs to it when its ``pu``
is the last event's ``u``; the first one after the snapshot has ``U <= lastUpdateId <= u`` (or
follows it exactly). Trades and mark price come on a websocket of their own.
Event time is ``T``, the matching engine's, as trades have it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct

from obi_widgets.events import Delta, Mark, Refused, Snapshot, Status, Trade
from obi_widgets.signals import compiling
from obi_widgets.venues.base import (
    BOOK,
    DECODE_ERRORS,
    FOREVER,
    SECOND,
    Connect,
    Fetch,
    Output,
    Reconnect,
    Skimmed,
    Venue,
    WireLevel,
    WireTime,
    refused,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.book import Book

MARKET = "market"
INSTRUMENT, SNAPSHOT = "instrument", "snapshot"

MILLISECOND = 1_000_000

Id: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""Of an update."""


class _Depth(Struct):
    T: WireTime
    s: str
    U: Id
    u: Id
    pu: Id
    b: list[WireLevel]
    a: list[WireLevel]


class _Trade(Struct):
    T: WireTime
    s: str
    p: float
    q: float
    m: bool
    a: int = 0  # of an aggregate
    t: int = 0  # of a single trade


class _Mark(Struct):
    E: WireTime
    s: str
    p: float
    i: float
    r: float


class _Event(Struct):
    e: str = ""
    stream: str = ""
    data: Raw = Raw()
    lastUpdateId: Id = 0  # noqa: N815


class _Snapshot(Struct):
    lastUpdateId: Id  # noqa: N815
    T: WireTime
    bids: list[WireLevel]
    asks: list[WireLevel]


class _Filter(Struct):
    filterType: str  # noqa: N815
    tickSize: float = 0.0  # noqa: N815


class _Symbol(Struct):
    symbol: str
    quoteAsset: str  # noqa: N815
    filters: list[_Filter]


class _Symbols(Struct):
    symbols: list[_Symbol]


_events = msgspec.json.Decoder(_Event, strict=False)
_depths = msgspec.json.Decoder(_Depth, strict=False)
_trades = msgspec.json.Decoder(_Trade, strict=False)
_marks = msgspec.json.Decoder(_Mark, strict=False)
_snapshots = msgspec.json.Decoder(_Snapshot, strict=False)
_symbols = msgspec.json.Decoder(_Symbols, strict=False)


class BinanceUsdm(Venue):
    """Binance USDⓈ-M futures. See `Venue` for the methods."""

    name = "binance-usdm"
    label = "Binance USD-M"
    endpoints: ClassVar[Mapping[str, str]] = {
        BOOK: "wss://fstream.binance.com/public",
        MARKET: "wss://fstream.binance.com/market",
        "rest": "https://fapi.binance.com",
    }

    silence = 60 * SECOND
    snapshot_within = 10 * SECOND
    buffered = 10_000  # events that wait for a snapshot: minutes of the busiest symbol

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._open: set[str] = set()
        self._waiting: deque[_Depth] = deque(maxlen=self.buffered)
        self._last: int | None = None  # u of the newest event applied; None without a book
        self._fresh = False  # whether the snapshot has not been continued by an event yet
        self._asked_at = 0  # for the snapshot under way; 0: none is
        self._heard_at = 0
        # For compiled code: the symbol, and where it puts a frame's levels in between.
        self._name = symbol.encode()
        self._changes = np.empty((4096, 2))

    # -- life ------------------------------------------------------------------------------

    def start(self, now: int) -> list[Output]:  # noqa: D102
        return [Status(now, "connecting", "Reading the instrument."), self._instrument()]

    def _instrument(self, delay: int = 0) -> Fetch:
        # The answer lists every symbol: there is no parameter to choose one.
        return Fetch(INSTRUMENT, f"{self.urls['rest']}/fapi/v1/exchangeInfo", delay)

    def _snapshot(self, now: int, delay: int = 0) -> Fetch:
        self._asked_at = now + delay
        url = f"{self.urls['rest']}/fapi/v1/depth?symbol={self.symbol}&limit=1000"
        return Fetch(SNAPSHOT, url, delay)

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: D102
        self._open.add(socket)
        if socket == MARKET:
            return []
        self._heard_at = now
        self._forget()
        return [Status(now, "syncing", "Waiting for the first event, then the snapshot.")]

    def _forget(self) -> None:
        self._waiting.clear()
        self._last = None
        self._asked_at = 0

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: D102
        was_open = socket in self._open
        self._open.discard(socket)
        if socket == MARKET:
            return []
        self._forget()
        return [self.lost(was_open, reason, now)]

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        asked_at = self._asked_at
        self._forget()
        lost = Status(now, "gap", f"The book was thrown away: {reason}.", "Asking for a new one.")
        if asked_at > now:
            self._asked_at = asked_at  # that request is yet to be sent, and will do
            return [lost]
        # A second's delay: a snapshot weighs 20 of the 2,400 requests a minute.
        return [lost, self._snapshot(now, SECOND)]

    def _due(self) -> int:
        """Return the local time from which `tick` does something."""
        if BOOK not in self._open:
            return FOREVER
        silent = self._heard_at + self.silence + 1
        return min(silent, self._asked_at + self.snapshot_within + 1) if self._asked_at else silent

    def tick(self, now: int) -> list[Output]:  # noqa: D102
        if now < self._due():
            return []
        if now - self._heard_at > self.silence:
            self._heard_at = now
            reason = f"nothing was heard for {self.silence // SECOND} s"
            return [Status(now, "stale", f"{self.label}: {reason}."), Reconnect(BOOK, reason)]
        return [self._snapshot(now)]

    # -- answers ---------------------------------------------------------------------------

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: D102
        if name == SNAPSHOT:
            if not self._asked_at:
                return []  # the connection that it was to be continued by is gone
            if status != 200:
                return self.no_answer(self._snapshot(now, 5 * SECOND), status, body, now)
            return self.received(body, now)
        if status != 200:
            return self.no_answer(self._instrument(5 * SECOND), status, body, now)
        try:
            symbols = _symbols.decode(body).symbols
        except DECODE_ERRORS as error:
            detail = f"{self.label}'s list of symbols cannot be read: {error}"
            return [
                Status(now, "connecting", f"{detail}.", "Trying again."),
                self._instrument(5 * SECOND),
            ]
        found = [one for one in symbols if one.symbol == self.symbol]
        if not found:
            return [self.unlisted(now)]
        ticks = [one.tickSize for one in found[0].filters if one.filterType == "PRICE_FILTER"]
        stream = self.symbol.lower()
        return [
            self.instrument(
                quote=found[0].quoteAsset, tick_size=ticks[0] if ticks else 0.0, contract_size=1.0
            ),
            Connect(BOOK, f"{self.urls[BOOK]}/stream?streams={stream}@depth@100ms"),
            Connect(
                MARKET,
                f"{self.urls[MARKET]}/stream?streams={stream}@aggTrade/{stream}@markPrice@1s",
            ),
        ]

    # -- frames ----------------------------------------------------------------------------

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: D102
        try:
            event = _events.decode(frame)
            body: str | bytes | Raw = frame
            if event.stream:
                body, event = event.data, _events.decode(event.data)
            if event.lastUpdateId:
                return self._read_snapshot(_snapshots.decode(body), now)
            if event.e == "depthUpdate":
                self._heard_at = now
                return self._read_depth(_depths.decode(body), now)
            if event.e in ("trade", "aggTrade"):
                return self._read_trade(_trades.decode(body), now)
            if event.e == "markPriceUpdate":
                return self._read_mark(_marks.decode(body), now)
        except DECODE_ERRORS:
            unread = refused(frame, now, "unreadable")
            # On the book's websocket it may have been a change.
            lost = self.resync("a frame was unreadable", now) if socket == BOOK else []
            return [unread, *lost]
        return [Refused(now, event.e or "unknown", text(frame))]

    def follow(self, frame: str | bytes, now: int, book: Book) -> int | None:  # noqa: D102
        reader = compiling.reader
        if reader is None or self._last is None or self._fresh or not frame.isascii():
            return None
        bids, asks = book.bids, book.asks
        what, time, self._last, bids.count, asks.count = reader.follow(
            frame.encode() if isinstance(frame, str) else frame,
            self._name, self._last, bids.levels, bids.count, asks.levels, asks.count, self._changes,
        )  # fmt: skip
        if what != reader.DEPTH:
            return None
        self._heard_at = now
        return int(time)

    def skim(self, data: bytes, at: int, until: int, book: Book) -> Skimmed:  # noqa: D102
        reader = compiling.reader
        if reader is None or self._last is None or self._fresh:
            return Skimmed(at)
        bids, asks = book.bids, book.asks
        what, time, self._last, bids.count, asks.count, at, now, lines, quotes, trade = (
            reader.lines(
                data, self._name, self._last, bids.levels, bids.count, asks.levels, asks.count,
                self._changes, at, min(until, self._due(), FOREVER),
            )
        )  # fmt: skip
        outputs: list[Output] = []
        if quotes:
            outputs.append(Refused(now, "bookTicker", count=quotes))
        if trade >= 0:
            received, _, frame = data[trade : data.index(b"\n", trade)].partition(b" ")
            outputs += self.received(frame, int(received), MARKET)
        if what != reader.DEPTH:
            return Skimmed(at, lines, outputs, now)
        self._heard_at = now
        return Skimmed(at, lines, outputs, now, time)

    def _read_depth(self, depth: _Depth, now: int) -> list[Output]:
        if depth.s != self.symbol:
            return [Refused(now, "other symbol", text(depth.s))]
        if self._last is None:
            self._waiting.append(depth)
            return [] if self._asked_at else [self._snapshot(now)]
        return self._follow(depth, now)

    def _read_snapshot(self, snapshot: _Snapshot, now: int) -> list[Output]:
        self._asked_at = 0
        if self._last is not None:
            return [Refused(now, "snapshot of a book that is in sync")]
        last, first = snapshot.lastUpdateId, self._waiting[0] if self._waiting else None
        if first is not None and last < first.U and last != first.pu:
            return [self._snapshot(now, SECOND)]  # older than what was buffered
        self._last = last
        self._fresh = True
        time = snapshot.T * MILLISECOND
        outputs: list[Output] = [
            Snapshot(time, now, last, snapshot.bids, snapshot.asks),
        ]
        waiting, self._waiting = self._waiting, deque(maxlen=self.buffered)
        for depth in waiting:
            if self._last is None:
                self._waiting.append(depth)  # the chain broke: for the next snapshot
            else:
                outputs += self._follow(depth, now)
        return outputs

    def _follow(self, depth: _Depth, now: int) -> list[Output]:
        last = self._last
        if self._fresh and depth.u < (last or 0):
            return []  # the snapshot has it already
        follows = depth.pu == last or (self._fresh and depth.U <= (last or 0) <= depth.u)
        if not follows:
            return self.resync(f"event {depth.u} does not follow {last}", now)
        self._fresh = False
        self._last = depth.u
        return [Delta(depth.T * MILLISECOND, now, depth.u, depth.b, depth.a)]

    def _read_trade(self, trade: _Trade, now: int) -> list[Output]:
        if trade.s != self.symbol:
            return [Refused(now, "other symbol", text(trade.s))]
        side = -1 if trade.m else +1  # m: the buyer was the maker, so the taker sold
        time = trade.T * MILLISECOND
        return [Trade(time, now, trade.p, trade.q, side, trade.a or trade.t)]

    def _read_mark(self, mark: _Mark, now: int) -> list[Output]:
        if mark.s != self.symbol:
            return [Refused(now, "other symbol", text(mark.s))]
        return [Mark(mark.E * MILLISECOND, now, mark.p, mark.i, mark.r)]
