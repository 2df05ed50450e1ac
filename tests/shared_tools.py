"""Markets of one venue by one websocket, without a websocket: what each would hear, and ask for."""

from __future__ import annotations

import asyncio
import functools
import random
import re

from history_tools import same
from make_captures import spoken

from obi_widgets.feeds.connections.outbox import Outbox
from obi_widgets.feeds.connections.routing import Routing, Seat
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.budget import Rate
from obi_widgets.market_data.venues.replies import Connect, Reconnect, Send
from obi_widgets.market_data.venues.symbols import parse

RENAMED = {"BTC": "XYZ", "btc": "xyz", "XBT": "XYZ"}


def third(name, seed):
    """Return the capture of a venue's first symbol by another name."""
    symbol, records, _ = spoken(name, seed=seed)
    assert parse(symbol).base == "BTC"
    for old, new in RENAMED.items():
        symbol = symbol.replace(old, new)
        records = [record._replace(text=record.text.replace(old, new)) for record in records]
    return symbol, records


@functools.cache
def captures(name):
    """Return three markets of a venue: their symbols, and all that is heard of each."""
    first, second = (spoken(name, symbol=one, seed=one + 1)[:2] for one in (0, 1))
    return [first, second, third(name, 3)]


def interleaved(captured, seed):
    """Return (which market, record) in a random order that keeps that of each market.

    Every record gets a receive time of its own.
    """
    draw = random.Random(seed)
    left = [list(reversed(records)) for _, records in captured]
    mixed, now = [], captured[0][1][0].time
    while any(left):
        which = draw.choice([n for n, one in enumerate(left) for _ in range(min(len(one), 3))])
        now += draw.randrange(1, 2_000_000)
        mixed.append((which, left[which].pop()._replace(time=now)))
    return mixed


def new_market(name, symbol):
    return Market(VENUES[name](symbol), interval=0)


def separately(name, captured, mixed):
    """Return the markets when each has its own websockets."""
    markets = [new_market(name, symbol) for symbol, _ in captured]
    for which, record in mixed:
        market = markets[which]
        if market.state == "connecting" and not market.steady_now:
            market.start(record.time)
        record.apply(market)
    return markets


class Shared:
    """Markets by one websocket of each kind.

    Attributes
    ----------
    markets : list of Market
        The markets.
    sent : list of str
        What was sent, in order.
    left : list of (int, str)
        The markets that wanted to connect again, and by which websocket.
    """

    def __init__(self, name, symbols):
        self.name, self.symbols = name, symbols
        self.sharing = VENUES[name].sharing
        self.markets = [new_market(name, symbol) for symbol in symbols]
        self.sent, self.left = [], []
        self.routing, self.outbox, self._seats, self._urls = {}, {}, {}, {}
        self._clock, self._numbers = 0.0, {}

    def start(self, which, now):
        self._carry_out(which, self.markets[which].start(now))

    def tick(self, now):
        for which, market in enumerate(self.markets):
            self._carry_out(which, market.tick(now))

    def leave(self, which, reason, now):
        """Let a market's parts be closed, as if it connected again."""
        for (owner, name), seat in list(self._seats.items()):
            if owner == which:
                for needed in self.routing[name].leave(seat):
                    self._ask(name, needed)
                del self._seats[owner, name]
                self._carry_out(which, self.markets[which].disconnected(name, reason, now))

    def come_back(self, which, now):
        """Let its parts be opened again."""
        for owner, name in list(self._urls):
            if owner == which and (owner, name) not in self._seats:
                self.hear(which, Record(now, "open", name, ""))

    def hear(self, which, record):
        """Let a record come: a frame by the shared websocket, anything else to its market."""
        market, name = self.markets[which], record.name
        if record.kind == "open":
            routing = self.routing.setdefault(name, Routing(self.sharing))
            self.outbox.setdefault(name, Outbox(self.sharing, Rate()))
            seat = self._seats[which, name] = Seat(market.venue.names)
            seat.which = which
            routing.seats.append(seat)
            _, first = self.sharing.address(self._urls.get((which, name), ""))
            if first is not None:
                self._ask(name, routing.subscribe(seat, first))
        if record.kind != "frame":
            self._carry_out(which, record.apply(market))
            return
        frame = self.numbered(name, record.text).encode()
        given, _ = self.routing[name].route(frame, self.outbox[name].requests)
        for seat, text in given:
            told = record._replace(text=text.decode())
            self._carry_out(seat.which, told.apply(self.markets[seat.which]))

    def numbered(self, name, text):
        """Return a frame as the venue numbers it among those of all markets."""
        if self.name != "coinbase" or '"sequence_num"' not in text:
            return text
        number = self._numbers[name] = self._numbers.get(name, -1) + 1
        return re.sub(r'("sequence_num"\s*:\s*)\d+', rf"\g<1>{number}", text, count=1)

    def _carry_out(self, which, replies):
        for reply in replies:
            match reply:
                case Connect():
                    self._urls[which, reply.socket] = reply.url
                case Send():
                    seat = self._seats[which, reply.socket]
                    asked = self.sharing.read(reply.text)
                    if asked is None:
                        self.outbox[reply.socket].say(reply.text, self._clock)
                    else:
                        self._ask(reply.socket, self.routing[reply.socket].subscribe(seat, asked))
                case Reconnect():
                    self.left.append((which, reply.socket))

    def _ask(self, name, needed):
        outbox = self.outbox[name]
        if needed is not None:
            outbox.ask(needed)
        while True:
            self._clock += 1.0
            text, wait = outbox.next(self._clock)
            if text:
                self.sent.append(text)
            elif wait is None:
                return


def shared(name, captured, mixed):
    """Return what has heard all by shared websockets."""
    all_of_it = Shared(name, [symbol for symbol, _ in captured])
    started = set()
    for which, record in mixed:
        if which not in started:
            started.add(which)
            all_of_it.start(which, record.time)
        all_of_it.hear(which, record)
    return all_of_it


def symbols_in(text, symbols):
    """Return which of these symbols a text that was sent is about."""
    return {
        symbol
        for symbol in symbols
        if re.search(rf"(?<![a-z0-9]){re.escape(symbol)}(?![a-z0-9])", text, re.IGNORECASE)
    }


def identical(one, other):
    """Assert that two histories hold the same, to the bit: states, flow, trades, context, depth."""
    same(one, other)
    assert one.received.tolist() == other.received.tolist()
    assert one.sha256() == other.sha256()
    for name in ("order_flow", "events"):
        assert getattr(one.flow, name).tolist() == getattr(other.flow, name).tolist()
    for table in ("trades", "context"):
        first, second = getattr(one, table), getattr(other, table)
        assert first.sha256() == second.sha256()
        assert first.stamps.tolist() == second.stamps.tolist()
    assert one.depth.sha256() == other.depth.sha256()
    assert one.large_levels.sha256() == other.large_levels.sha256()
    assert repr(one) == repr(other)


async def turns(count=20):
    """Let the others of this event loop have so many turns."""
    for _ in range(count):
        await asyncio.sleep(0)
