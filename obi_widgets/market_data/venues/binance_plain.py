"""The most frequent frames of Binance's futures, which compiled code applies directly."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from obi_widgets.kernels.loader import Kernels
from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues.base import Applied
from obi_widgets.market_data.venues.binance_chain import Chain
from obi_widgets.market_data.venues.connection import Connection
from obi_widgets.market_data.venues.replies import FOREVER, Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.book import Book
    from obi_widgets.market_data.venues.base import Frames, TradeRows

READER = Kernels("obi_widgets.market_data.venues.binance_numba")

MARKET = "market"
"""Name of the websocket of trades and mark prices."""


class PlainFrames(Connection):
    """A venue that applies frames in their usual form by compiled code. See `Venue`.

    The effect is that of `received`. A frame in any other form is left to `received`.
    """

    def __init__(self, symbol: str, *, endpoints: Mapping[str, str] | None = None) -> None:
        super().__init__(symbol, endpoints=endpoints)
        self._chain = Chain()
        self._stream = f"{symbol.lower()}@"
        self._name = symbol.encode()

    @abstractmethod
    def _due(self) -> int:
        """Return the time from which `tick` does something."""

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
        ) = reader.apply_frame(
            data, self._name, chain.last,
            bids.levels, bids.count, asks.levels, asks.count, book.changes, book.room(),
        )  # fmt: skip
        if what != reader.DEPTH:
            return None
        chain.last = chain.newest = last
        chain.kept.append(data)
        self._cadence.frame(now)
        return int(time)

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
        ) = reader.apply_frames(
            frames.data, frames.places, self._name, chain.last,
            bids.levels, bids.count, asks.levels, asks.count, book.changes, book.room(),
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


def _encoded(frame: str) -> bytes | None:
    """Return a frame as bytes; None if it may contain a lone surrogate."""
    return frame.encode() if frame.isascii() else None
