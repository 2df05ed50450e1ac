"""The most frequent frames of Binance's futures, which compiled code applies directly."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.kernels.loader import Kernels, for_types_of
from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues.binance_futures import BinanceFutures
from obi_widgets.market_data.venues.many_frames import Applied
from obi_widgets.market_data.venues.replies import FOREVER, Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.venues.many_frames import Frames, TradeRows

READER = Kernels("obi_widgets.market_data.venues.binance_numba")

BOOK_ARGUMENTS = b"", 0, np.empty((2, 1)), 0, np.empty((2, 1)), 0, np.empty((1, 2)), 0
"""Values of the types that a symbol, its last update, its `Book` and its changes have."""

MARKET = "market"
"""Name of the websocket of trades and mark prices."""


class PlainFrames(BinanceFutures):
    """A venue that applies frames in their usual form by compiled code. See `Venue`.

    The effect is that of `received`. A frame in any other form is left to `received`.
    """

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._name = symbol.encode()

    def apply_frame(self, frame: str | bytes, now: int, book: Book) -> int | None:  # noqa: D102
        reader, chain = READER.code, self._chain
        if reader is None or chain.last is None or chain.fresh or chain.waiting:
            return None
        data = frame if isinstance(frame, bytes) else _encoded(frame)
        if data is None:
            return None
        bids, asks = book.bids, book.asks
        (
            what, time, last, bids.count, asks.count, bids.best_key, asks.best_key,
            book.middle, book.end,
        ) = _of_one(reader)(
            data, self._name, chain.last,
            bids.levels, bids.count, asks.levels, asks.count, book.changes, book.end,
        )  # fmt: skip
        if what != reader.DEPTH:
            return None
        chain.last = chain.newest = last
        chain.kept.append(data)
        self._cadence.frame(now)
        event_time: int = time
        return event_time

    def apply_trade(self, frame: str | bytes, now: int, trades: TradeRows) -> bool:  # noqa: D102
        reader = READER.code
        data = frame if isinstance(frame, bytes) else _encoded(frame)
        if reader is None or data is None:
            return False
        count = trades.count
        written: bool = reader.apply_trade(
            data, self._name, now, trades.stamps, trades.amounts, count, *trades.decimals
        )
        if written:
            trades.took(count + 1)
        return written

    def apply_frames(  # noqa: D102
        self, frames: Frames, at: int, since: int, until: int, book: Book, trades: TradeRows
    ) -> Applied:
        reader, chain = READER.code, self._chain
        if reader is None or chain.last is None or chain.fresh or chain.waiting:
            return Applied(at)
        bids, asks = book.bids, book.asks
        (
            what, time, last, bids.count, asks.count, bids.best_key, asks.best_key,
            book.middle, book.end, at, now, quotes, traded, start, end,
        ) = _of_many(reader, trades.amounts.itemsize)(
            frames.data, frames.places, self._name, chain.last,
            bids.levels, bids.count, asks.levels, asks.count, book.changes, book.end,
            at, since, min(until, self._due(), FOREVER),
            trades.stamps, trades.amounts, trades.count, *trades.decimals,
        )  # fmt: skip
        trades.took(traded)
        outputs: list[Output] = []
        if quotes:
            outputs.append(Refused(now, "bookTicker", count=quotes))
        if what != reader.DEPTH:
            return Applied(at, outputs, now)
        chain.last = chain.newest = last
        chain.kept.append(frames.data[start:end])
        self._cadence.frame(now)
        return Applied(at, outputs, now, time)


@cache
def _of_one(reader: Any) -> Any:  # noqa: ANN401
    """Return the kernel ``apply_frame``, for the types that its arguments always have."""
    return for_types_of(reader.apply_frame, b"", *BOOK_ARGUMENTS)


@cache
def _of_many(reader: Any, itemsize: int) -> Any:  # noqa: ANN401
    """Return the kernel ``apply_frames``, for amounts of trades of so many bytes."""
    places, stamps = np.empty((3, 1), np.int64), np.empty((3, 1), np.int64)
    amounts = np.empty((2, 1), f"i{itemsize}")
    return for_types_of(
        reader.apply_frames, b"", places, *BOOK_ARGUMENTS, 0, 0, 0, stamps, amounts, 0, 0, 0
    )


def _encoded(frame: str) -> bytes | None:
    """Return a frame as bytes; None if it may contain a lone surrogate."""
    return frame.encode() if frame.isascii() else None
