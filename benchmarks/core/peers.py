"""Each peer as a user of it would get the imbalance after every depth message of Binance.

All take the text of messages as a websocket brings them, start from the same snapshot, and
return the imbalance after each message, and the seconds that the messages took: getting ready
does not count. Each is a library, used by its public names or by the handler that it gives a
message to; sockets are left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from time import perf_counter

from .data import Frames
from .references import one_book
from .timing import Lap

Live = Callable[[Frames, float, int], Lap]
SYMBOL = "BTCUSDT"


def order_book(frames: Frames, decay: float, depth: int) -> Lap:
    """Keep order_book's C dictionaries, float keys, fed by orjson."""
    import orjson
    from order_book import OrderBook

    book = OrderBook(max_depth=depth)
    snapshot = orjson.loads(frames.snapshot)
    bids, asks = book.bids, book.asks
    for side, levels in ((bids, snapshot["bids"]), (asks, snapshot["asks"])):
        for price, size in levels:
            side[float(price)] = float(size)
    last, out = snapshot["lastUpdateId"], []
    began = perf_counter()
    for _, text in frames.depth:
        data = orjson.loads(text)["data"]
        if data["u"] < last:
            continue
        if not (data["pu"] == last or data["U"] <= last):
            raise AssertionError("The capture has a gap.")
        last = data["u"]
        for side, levels in ((bids, data["b"]), (asks, data["a"])):
            for price, size in levels:
                price, size = float(price), float(size)
                if size:
                    side[price] = size
                elif price in side:
                    del side[price]
        out.append(one_book(bids.to_list(), asks.to_list(), decay, depth))
    return Lap(out, perf_counter() - began)


def sorted_dict(frames: Frames, decay: float, depth: int) -> Lap:
    """Keep sortedcontainers' dictionaries, fed by orjson."""
    import orjson
    from sortedcontainers import SortedDict

    snapshot = orjson.loads(frames.snapshot)
    bids = SortedDict({-float(price): float(size) for price, size in snapshot["bids"]})
    asks = SortedDict({float(price): float(size) for price, size in snapshot["asks"]})
    last, out = snapshot["lastUpdateId"], []
    began = perf_counter()
    for _, text in frames.depth:
        data = orjson.loads(text)["data"]
        if data["u"] < last:
            continue
        last = data["u"]
        for side, levels, sign in ((bids, data["b"], -1), (asks, data["a"], 1)):
            for price, size in levels:
                key, size = sign * float(price), float(size)
                if size:
                    side[key] = size
                else:
                    side.pop(key, None)
        best = [(-key, size) for key, size in islice(bids.items(), depth)]
        out.append(one_book(best, list(islice(asks.items(), depth)), decay, depth))
    return Lap(out, perf_counter() - began)


class Client:
    """What ccxt's handler wants to know of a websocket."""

    url = "wss://fstream.binance.com/ws"

    def __init__(self, ready: Callable[[object], None]) -> None:
        self.subscriptions: dict = {}
        self.futures: dict = {}
        self.ready = ready

    def resolve(self, result: object, _: str) -> None:
        self.ready(result)

    def reject(self, error: Exception, _: str) -> None:
        raise error


def ccxt(frames: Frames, decay: float, depth: int) -> Lap:
    """Give ccxt pro's message handler what its client makes of a frame."""
    import orjson

    async def play() -> Lap:
        out: list[float] = []
        exchange, _ = ccxt_exchange(orjson.loads(frames.snapshot))

        def ready(book: dict) -> None:
            out.append(one_book(book["bids"], book["asks"], decay, depth))

        client = Client(ready)
        began = perf_counter()
        for _, text in frames.depth:
            exchange.handle_message(client, orjson.loads(text))
        seconds = perf_counter() - began
        await exchange.close()
        return Lap(out, seconds)

    return asyncio.run(play())


def ccxt_exchange(snapshot: dict) -> tuple[object, dict]:
    """Return ccxt pro's exchange, and its book as the snapshot tells it."""
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm()
    exchange.set_markets([_market(exchange)])
    book = exchange.order_book({}, 1000)
    parsed = exchange.parse_order_book(snapshot, "BTC/USDT:USDT")
    parsed["nonce"] = snapshot["lastUpdateId"]
    book.reset(parsed)
    exchange.orderbooks["BTC/USDT:USDT"] = book
    return exchange, book


def _market(exchange: object) -> dict:
    return exchange.safe_market_structure(
        {
            "id": SYMBOL, "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT",
            "settle": "USDT", "type": "swap", "swap": True, "linear": True, "contract": True,
        }
    )  # fmt: skip


def cryptofeed(frames: Frames, decay: float, depth: int) -> Lap:
    """Give cryptofeed's message handler the text; its callback gets the book."""
    from cryptofeed.defines import BINANCE_FUTURES, L2_BOOK
    from cryptofeed.exchanges import BinanceFutures
    from cryptofeed.symbols import Symbols

    pair = "BTC-USDT-PERP"
    Symbols.set(BINANCE_FUTURES, {pair: SYMBOL}, {"instrument_type": {pair: "perpetual"}})
    out: list[float] = []

    async def ready(book: object, _: float) -> None:
        if book.delta is None:
            return  # the snapshot
        sides = []
        for side in (book.book.bids, book.book.asks):
            best = (side.index(level) for level in range(depth))
            sides.append([(float(price), float(size)) for price, size in best])
        out.append(one_book(*sides, decay, depth))

    class Answer:
        async def read(self, _: str) -> str:
            return frames.snapshot

    async def play() -> Lap:
        feed = BinanceFutures(symbols=[pair], channels=[L2_BOOK], callbacks={L2_BOOK: ready})
        feed.http_conn = Answer()
        began = perf_counter()
        for time, text in frames.depth:
            await feed.message_handler(text, None, time / 1e9)
        return Lap(out, perf_counter() - began)

    logging.getLogger("feedhandler").setLevel(logging.ERROR)
    return asyncio.run(play())


def nautilus_trader(frames: Frames, decay: float, depth: int) -> Lap:
    """Decode with nautilus_trader's Binance adapter, and apply to its book."""
    import msgspec
    from nautilus_trader.adapters.binance.common.schemas.market import (
        BinanceDepth,
        BinanceOrderBookMsg,
    )
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.enums import BookType
    from nautilus_trader.model.identifiers import InstrumentId

    name = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
    book = OrderBook(name, BookType.L2_MBP)
    decode = msgspec.json.Decoder(BinanceOrderBookMsg).decode
    snapshot = msgspec.json.decode(frames.snapshot, type=BinanceDepth)
    book.apply_deltas(snapshot.parse_to_order_book_snapshot(name, 0))
    last, out = snapshot.lastUpdateId, []
    began = perf_counter()
    for time, text in frames.depth:
        message = decode(text)
        if message.data.u < last:
            continue
        last = message.data.u
        book.apply_deltas(message.data.parse_to_order_book_deltas(name, time))
        bids = [(float(one.price), one.size()) for one in book.bids()[:depth]]
        asks = [(float(one.price), one.size()) for one in book.asks()[:depth]]
        out.append(one_book(bids, asks, decay, depth))
    return Lap(out, perf_counter() - began)


PEERS: dict[str, tuple[Live, str, str, float | None]] = {
    "order_book": (
        order_book, "order_book", "with orjson; float keys, no check of numbers, no history", 3
    ),
    "sorted_dict": (
        sorted_dict, "sortedcontainers", "with orjson; no check of numbers, no history", None
    ),
    "ccxt": (ccxt, "ccxt", "its handler with orjson; no socket, no `limit()`, no history", 4),
    "cryptofeed": (
        cryptofeed, "cryptofeed", "its handler; exact decimals, which the imbalance makes floats",
        10,
    ),
    "nautilus_trader": (
        nautilus_trader, "nautilus_trader",
        "its adapter's decoder and book, an object a level; no bus, no cache", None,
    ),
}  # fmt: skip
"""Each with the package that it is, how its terms differ, and the goal."""


def installed() -> list[str]:
    """Return the names of those that can be imported here."""
    return [name for name, peer in PEERS.items() if find_spec(peer[1])]
