"""Simulated LMEX and Binance USD-M: the frames, snapshots and HTTP answers of a true market."""

from __future__ import annotations

import json
import random
from typing import NamedTuple

from .world import World, top

MS = 1_000_000


class Frame(NamedTuple):
    """A message of a venue.

    Attributes
    ----------
    data : str or bytes
        The message as it is sent.
    step : int, optional
        Step of the market after the message; None if it is not about the market.
    time : int, optional
        Its event time, ns.
    kind : str
        ``event``, ``snapshot`` or ``other``.
    """

    data: str | bytes
    step: int | None = None
    time: int | None = None
    kind: str = "other"


class Exchange:
    """One symbol at a venue.

    Attributes
    ----------
    together : int
        Number of steps in one event.
    ids : list of int
        Update number of each step.
    """

    name: str
    symbol: str
    other: str
    tick: float
    base: int
    unit: float
    together = 1
    rest_book: str  # part of the URL of the REST book

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.ids = [1_000_000 + dice.randrange(10**6)]
        self.before = [self.ids[0] - 1]
        self._resetting = False

    def grow(self) -> None:
        """Number the newest step."""
        last = self.ids[-1]
        if self._resetting:
            self._resetting = False
            last = self.dice.choice((self.dice.randrange(1, 1000), last + 10**6))
        self.before.append(last)
        self.ids.append(last + self.stride())

    def stride(self) -> int:
        raise NotImplementedError

    def reset(self) -> None:
        """Restart the update numbers at the next step."""
        self._resetting = True

    def event(self, step: int, **how) -> Frame | None:
        """Return the event with the steps since the last event; None if nothing changed."""
        raise NotImplementedError

    def snapshot(self, step: int, limit: int = 0, **how) -> Frame:
        """Return a snapshot of the book after a step."""
        raise NotImplementedError

    def facts(self) -> str:
        """Return the HTTP answer about the instrument."""
        raise NotImplementedError

    def crossing(self, step: int) -> Frame:
        """Return an event whose best bid is above the best ask."""
        raise NotImplementedError

    def answer(self, url: str, step: int, **how) -> Frame | None:
        """Return the body of an HTTP answer; None for an unknown URL."""
        raise NotImplementedError

    def cross_levels(self, step: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return changed bids and asks that cross the book; without an ask, one is added."""
        book = self.world.at(step)
        asks, bids = top(book, 1, 1), top(book, 0, 1)
        if len(asks):
            return [(int(asks[0]) + 5, 7)], []
        price = int(bids[0]) if len(bids) else self.world.middle
        return [(price, 7)], [(price - 1, 7)]


class Lmex(Exchange):
    """A window of 50 levels a side, chained by sequence numbers."""

    name, symbol, other = "lmex", "BTC-PERP", "ETH-PERP"
    tick, base, unit = 0.5, 108_000, 0.001
    window = 50
    rest_book = "orderbook/L2"

    def __init__(self, world: World, dice: random.Random) -> None:
        super().__init__(world, dice)
        self._published = self._window(world.now)
        self._window_step = 0

    def stride(self) -> int:
        return int(self._window(self.world.now) != self._published)

    def _window(self, book) -> list[dict[int, int]]:
        return [
            {price: int(book[side, price]) for price in top(book, side, self.window).tolist()}
            for side in (0, 1)
        ]

    def _levels(self, levels) -> list[list[str]]:
        return [[f"{(self.base + price) * self.tick:.1f}", str(size)] for price, size in levels]

    def _frame(self, kind, step, sides, *, symbol="", topic="", time=0, past=None) -> Frame:
        symbol = symbol or self.symbol
        time = time or self.world.times[step]
        data = {
            "bids": self._levels(sides[0]),
            "asks": self._levels(sides[1]),
            "seqNum": self.ids[step],
            "prevSeqNum": self.before[step] if past is None else past,
            "type": kind,
            "symbol": symbol,
            "timestamp": time // MS,
        }
        text = json.dumps({"topic": f"update:{topic or symbol}_0", "data": data})
        return Frame(text, step, time, "snapshot" if kind == "snapshot" else "event")

    def event(self, step: int, **how) -> Frame | None:
        window = self._window(self.world.now)
        changes = []
        for old, new in zip(self._published, window, strict=True):
            removed = [(price, 0) for price in old.keys() - new.keys()]
            changed = [(price, size) for price, size in new.items() if old.get(price) != size]
            changes.append(self.dice.sample(removed + changed, len(removed) + len(changed)))
        self._published = window
        if not (changes[0] or changes[1]):
            return None
        return self._frame("delta", step, changes, **how)

    def snapshot(self, step: int, limit: int = 0, **how) -> Frame:  # noqa: ARG002
        bids, asks = (list(side.items()) for side in self._window(self.world.at(step)))
        return self._frame("snapshot", step, (bids, asks[::-1]), past=self.ids[step] - 1, **how)

    def crossing(self, step: int) -> Frame:
        return self._frame("delta", step, self.cross_levels(step - 1))

    def facts(self) -> str:
        return json.dumps([{
            "symbol": self.symbol, "base": "BTC", "quote": "USDT", "contractSize": self.unit,
            "minPriceIncrement": self.tick,
        }])  # fmt: skip

    def answer(self, url: str, step: int, **how) -> Frame | None:
        if "market_summary" in url:
            return Frame(self.facts())
        if self.rest_book in url:
            return self._rest_book(step, **how)
        return None

    def _rest_book(self, step: int, *, symbol="", time=0) -> Frame:
        time = time or self.world.times[step]
        sides = [
            [{"price": price, "size": size} for price, size in self._levels(side.items())]
            for side in self._window(self.world.at(step))
        ]
        body = {
            "buyQuote": sides[0],
            "sellQuote": sides[1],
            "timestamp": time // MS,
            "symbol": symbol or self.symbol,
        }
        return Frame(json.dumps(body), step, time, "snapshot")

    def trade(self, step: int) -> Frame:
        one = {
            "price": (self.base + max(self.world.best)) * self.tick, "size": 5, "side": "BUY",
            "symbol": self.symbol, "tradeId": step, "timestamp": self.world.times[step] // MS,
        }  # fmt: skip
        return Frame(json.dumps({"topic": f"tradeHistoryApiV2:{self.symbol}", "data": [one]}))


class Usdm(Exchange):
    """All levels, chained by update ids; a snapshot has the requested number of levels.

    An event has two steps, so that a snapshot may lie between the two steps of one.
    """

    name, symbol, other = "binance-usdm", "BTCUSDT", "ETHUSDT"
    tick, base, unit = 0.1, 588_000, 0.001
    together = 2
    rest_book = "/depth"

    def stride(self) -> int:
        return self.dice.randint(1, 30)

    def _levels(self, levels) -> list[list[str]]:
        out = []
        for price, size in levels:
            ticks = self.base + price
            out.append([f"{ticks // 10}.{ticks % 10}", f"{size / 1000:.3f}"])
        return out

    def event(self, step: int, **how) -> Frame:
        sides: list[dict[int, int]] = [{}, {}]
        for one in range(max(1, step - self.together + 1), step + 1):
            for side, changes in zip(sides, self.world.changes[one], strict=True):
                side.update(changes)
        return self._frame(step, [side.items() for side in sides], **how)

    def _frame(self, step, sides, *, symbol="", stream="", time=0) -> Frame:
        first = max(1, step - self.together + 1)
        symbol, time = symbol or self.symbol, time or self.world.times[step]
        data = {
            "e": "depthUpdate",
            "E": time // MS + 3,
            "T": time // MS,
            "s": symbol,
            "U": self.before[first] + 1,
            "u": self.ids[step],
            "pu": self.before[first],
            "b": self._levels(sides[0]),
            "a": self._levels(sides[1]),
        }
        name = f"{(stream or symbol).lower()}@depth@100ms"
        text = json.dumps({"stream": name, "data": data}, separators=(",", ":"))
        return Frame(text, step, time, "event")

    def crossing(self, step: int) -> Frame:
        return self._frame(step, self.cross_levels(step - self.together))

    def snapshot(self, step: int, limit: int = 1000, *, symbol="", time=0) -> Frame:
        book, time = self.world.at(step), time or self.world.times[step]
        sides = [
            self._levels((price, int(book[side, price])) for price in top(book, side, limit))
            for side in (0, 1)
        ]
        body = {"lastUpdateId": self.ids[step], "E": time // MS + 3, "T": time // MS,
                "bids": sides[0], "asks": sides[1]}  # fmt: skip
        if symbol:
            body |= {"symbol": symbol, "pair": symbol}
        return Frame(json.dumps(body), step, time, "snapshot")

    def facts(self) -> str:
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}]
        one = {"symbol": self.symbol, "quoteAsset": "USDT", "filters": filters}
        return json.dumps({"symbols": [{**one, "symbol": self.other}, one]})

    def answer(self, url: str, step: int, **how) -> Frame | None:
        if "exchangeInfo" in url:
            return Frame(self.facts())
        if self.rest_book in url:
            limit = url.partition("limit=")[2].partition("&")[0]
            return self.snapshot(step, int(limit or 500), **how)
        return None

    def trade(self, step: int) -> Frame:
        data = {
            "e": "aggTrade", "E": self.world.times[step] // MS, "s": self.symbol, "a": step,
            "p": "60000.1", "q": "0.5", "f": 1, "l": 1, "T": self.world.times[step] // MS,
            "m": True,
        }  # fmt: skip
        return Frame(json.dumps({"stream": f"{self.symbol.lower()}@aggTrade", "data": data}))


EXCHANGES: dict[str, type[Exchange]] = {one.name: one for one in (Lmex, Usdm)}
