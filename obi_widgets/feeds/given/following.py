"""Following books that a user's code gives: calls of `obi_widgets.Feed`, or an iterator.

A generator is read in a thread of its own, since its next book may take long; an async generator in
the event loop of the feed's thread. So neither a long cell stops them, nor do they stop the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from obi_widgets.errors import SourceError, quoted
from obi_widgets.feeds import base, elapsed
from obi_widgets.feeds.given.checks import BadBookError
from obi_widgets.market_data.venues.replies import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.feeds.given.feed import Feed
    from obi_widgets.feeds.given.venue import Given
    from obi_widgets.feeds.market import Market
    from obi_widgets.market_data.venues.replies import Output

log = logging.getLogger(__name__)

T = TypeVar("T")

ENDED = ("The books have ended.", "Run the cell again, with a new iterator, to go on.")
CLOSED = ("The feed was closed: no books follow.", "")
YIELD_EVERY = 64
"""Books after which the event loop gets a turn, also if an async iterator never waits."""

END_WITHIN = 1.0
"""Seconds that an iterator has to end when the session is closed; then it is left alone."""

SHAPE = "Give tuples (time, bids, asks), each side a list of (price, size)."


class GivenFeed(base.Feed):
    """Gives books to a market, in the order in which they come.

    Parameters
    ----------
    market : Market
        Its venue is a `Given`.
    calls : Feed, optional
        Whose calls give books.
    books : iterator or async iterable, optional
        Gives tuples ``(time, bids, asks)``.
    """

    kind = "given"
    market: Market
    overlooked = FOREVER
    """See `Market.vouch`. A user's code gives books at its own pace, and by its own threads."""

    def __init__(
        self,
        market: Market,
        venue: Given,
        *,
        calls: Feed | None = None,
        books: Iterator[Any] | AsyncIterable[Any] | None = None,
    ) -> None:
        super().__init__(market)
        self._venue = venue
        self._calls, self._books = calls, books
        self._lock = threading.Lock()  # books come in a user's threads
        self._stop = threading.Event()
        self._arrived = elapsed.monotonic_ns()
        market.start(0)
        market.explain("No book has come yet.", "")
        if calls is not None:
            calls._follow(self)

    def now(self) -> int:
        """Return the newest time of the books, and the time since then by the steady clock."""
        return self._venue.newest + elapsed.monotonic_ns() - self._arrived

    def place(self) -> base.Place:  # noqa: D102
        raise SourceError(
            f"A link carries no data, and these are {self._venue.source}.",
            "Save them by lab.history.save('books.parquet'), and open the lab on that file: "
            "obi.Lab('books.parquet').link().",
        )

    # -- from any thread -------------------------------------------------------------------

    def book(self, time: object, bids: object, asks: object, received: object = None) -> bool:
        """Apply a book; return whether it was used."""
        return self._take(lambda: self._venue.book(time, bids, asks, received))

    def trade(self, *given: Any) -> bool:  # noqa: ANN401
        """Apply a trade; return whether it was used."""
        used = self._take(lambda: self._venue.trade(*given))
        if used:
            self.market.stream_trades()
        return used

    def _take(self, make: Callable[[], list[Output]]) -> bool:
        with self._lock:
            if self.market.state == "closed":
                return False
            venue = self._venue
            before = venue.count
            outputs = make()
            self._arrived = elapsed.monotonic_ns()
            self.messages += 1
            self.market.messages += 1
            self.market.handle(outputs, venue.newest)
            self.market.vouch(venue.quiet, self.overlooked)
            if venue.count == before:
                return True
            self.market.unused = venue.unused
            return False

    def _item(self, item: object) -> None:
        """Apply what an iterator gave."""
        if isinstance(item, tuple | list) and len(item) == 3:
            self.book(*item)
            return
        if isinstance(item, str | Path):
            raise SourceError(
                f"The iterator gave the path {quoted(str(item))}, not a book.",
                "To show recordings, give a list: obi.Lab(sorted(folder.glob('*.gz'))).",
            )
        error = BadBookError("no book", f"An iterator gave {quoted(item)}.", SHAPE)
        self._take(lambda: self._venue.refuse(error))

    def end(self, detail: str, advice: str) -> None:
        """Close the market, when no book is being applied."""
        self._stop.set()
        with self._lock:
            self.market.end(detail, advice)

    # -- the feed's thread -----------------------------------------------------------------

    async def run(self) -> None:  # noqa: D102
        try:
            detail, advice = await self._follow()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 a user's; shown and logged
            detail, advice = _failed(error)
        finally:
            self._stop.set()
            if self._calls is not None:
                self._calls._leave(self)
        self.end(detail, advice)

    async def _follow(self) -> tuple[str, str]:
        """Wait for the end of the books; return what to say of it."""
        if self._calls is not None:
            while not self._calls.closed:
                await asyncio.sleep(base.TICK)
                self._look()
            return CLOSED
        books, self._books = self._books, None  # not held longer than it is read
        if isinstance(books, AsyncIterable):
            reading = asyncio.create_task(self._read_async(aiter(books)))
        else:
            assert books is not None
            reading = asyncio.create_task(self._read_in_thread(books))
        await self._until_done(reading)
        return ENDED

    async def _until_done(self, reading: asyncio.Task[T]) -> T:
        """Wait for the end of a task that reads books, and return its result."""
        try:
            while not reading.done():
                await asyncio.wait([reading], timeout=base.TICK)
                self._look()
        finally:
            self._stop.set()
            reading.cancel()
            await asyncio.wait([reading], timeout=2 * END_WITHIN)
        return await reading

    def _look(self) -> None:
        """Keep a state that has waited for its interval, and say when no book has come for long."""
        silent = elapsed.monotonic_ns() - self._arrived
        with self._lock:
            if silent >= 1e9 * self.market.interval:
                self.market.settle()
            if silent > self._venue.quiet:
                self.market.overdue(f"No book came for {silent / 1e9:,.0f} s.", self.now())
            self.market.vouch(self._venue.quiet - silent, self.overlooked)

    async def _read_async(self, books: AsyncIterator[Any]) -> None:
        count = 0
        try:
            async for item in books:
                self._item(item)
                count += 1
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        finally:
            if (close := getattr(books, "aclose", None)) is not None:
                await close()

    async def _read_in_thread(self, books: Iterator[Any]) -> None:
        """Read an iterator in a thread, which ends with the iterator's next book if stopped."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_exception(error) if error is not None else ended.set_result(None)

        def read() -> None:
            error: Exception | None = None
            try:
                self._read(books)
            except Exception as raised:  # noqa: BLE001 told where it is awaited
                error = raised
            try:
                loop.call_soon_threadsafe(end, error)
            except RuntimeError:
                log.debug("The feed had ended already.")

        threading.Thread(target=read, name="obi-books", daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            await asyncio.wait([ended], timeout=END_WITHIN)
            raise

    def _read(self, books: Iterator[Any]) -> None:
        try:
            for item in books:
                if self._stop.is_set():
                    break
                self._item(item)
        finally:
            if (close := getattr(books, "close", None)) is not None:
                close()


def _failed(error: Exception) -> tuple[str, str]:
    """Return what to say of an iterator that raised an error."""
    if isinstance(error, SourceError):
        return error.what, error.advice
    log.error("An iterator of books failed.", exc_info=error)
    advice = "Mend it, and run the cell again. The log has the traceback."
    if isinstance(error, RuntimeError) and "loop" in str(error):
        advice = (
            "An async iterator runs in an event loop of its own: make inside it what it waits for, "
            "or give the books by obi.Feed from the notebook's loop."
        )
    return f"The iterator of books failed: {error!r}.", advice
