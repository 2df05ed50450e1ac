"""Keeps to what venues allow: new and open websockets, messages that are sent, and requests.

A venue counts these for an address, so they are counted for all feeds of this process together, by
the host. What the venue answers to too many requests is known to `obi_widgets.feeds.limits`. A new
websocket, and a request by HTTP, waits for both: after a ban, what has waited does not all go out
at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection

from obi_widgets.feeds.limits import LIMITS, Wait
from obi_widgets.market_data.venues.base import NOTHING_UNSENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from websockets.client import ClientProtocol
    from websockets.typing import DataLike

    from obi_widgets.feeds.limits import RateLimits, Tell
    from obi_widgets.market_data.venues.budget import Budget, Rate

STEP = 1.0
"""Longest time between two reports of a wait, seconds."""


class Window:
    """Keeps to a rate. Safe to use from any thread only under its owner's lock."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def wait(self, rate: Rate, now: float, count: int = 1) -> float:
        """Return the seconds until so many more are allowed; 0 if they are now."""
        before = rate.most - min(count, rate.most)  # of those so far, what may be within the time
        if not rate.most or len(self._times) <= before:
            return 0.0
        return max(self._times[-before - 1] + rate.seconds - now, 0.0)

    def take(self, rate: Rate, now: float, count: int = 1) -> None:
        """Count so many."""
        if rate.most:
            self._times.extend([now] * min(count, rate.most))
            while len(self._times) > rate.most:
                self._times.popleft()


class Budgets:
    """What the feeds of this process have used of the budgets of hosts. For any thread.

    Parameters
    ----------
    limits : RateLimits
        What hosts have answered.
    """

    def __init__(self, limits: RateLimits = LIMITS) -> None:
        self._lock = threading.Lock()
        self._limits = limits
        self._connects: dict[str, Window] = {}
        self._messages: dict[str, Window] = {}
        self._requests: dict[str, Window] = {}
        self._open: Counter[str] = Counter()

    def open_websockets(self, url: str) -> int:
        """Return the number of websockets to a host that are open, or are being opened."""
        with self._lock:
            return self._open[_host(url)]

    def try_open(self, url: str, budget: Budget) -> Wait | None:
        """Count a new websocket, if it is allowed; return what it has to wait for otherwise.

        Who waits is not counted: after a wait of all, they are still opened at the venue's rate.
        """
        host, now = _host(url), time.monotonic()
        with self._lock:
            left, status = self._limits.left(url)
            if left:
                return Wait(left, status)
            if 0 < budget.websockets <= self._open[host]:
                count = f"allows {budget.websockets:,} connections from one address at once"
                why = f"{count}, and this process has as many"
                return Wait(STEP, why=why, open_ended=True)
            window = self._connects.setdefault(host, Window())
            if wait := window.wait(budget.connects, now):
                return Wait(wait, why=f"allows new connections at a rate of {budget.connects}")
            left, status = self._limits.try_acquire(url)
            if left:  # a request was the first one after the wait
                return Wait(left, status)
            window.take(budget.connects, now)
            self._open[host] += 1
            return None

    def try_request(self, url: str, budget: Budget, weight: int = 1) -> Wait | None:
        """Count a request by HTTP, if it is allowed; return what it has to wait for otherwise."""
        host, now = _host(url), time.monotonic()
        with self._lock:
            left, status = self._limits.left(url)
            if left:
                return Wait(left, status)
            window = self._requests.setdefault(host, Window())
            if wait := window.wait(budget.requests, now, weight):
                why = f"allows requests of a weight of {budget.requests}"
                return Wait(wait, why=why, then="The next one goes out")
            left, status = self._limits.try_acquire(url)
            if left:  # another was the first one after the wait
                return Wait(left, status)
            window.take(budget.requests, now, weight)
            return None

    def closed(self, url: str) -> None:
        """Count a websocket as closed."""
        with self._lock:
            self._open[_host(url)] -= 1

    @asynccontextmanager
    async def websocket(self, url: str, budget: Budget, tell: Tell) -> AsyncIterator[float]:
        """Wait until a websocket may be opened, and count it until the end of the block.

        Parameters
        ----------
        url : str
            Its URL.
        budget : Budget
            That of the venue.
        tell : callable
            Called about once a second while it waits, with what it waits for.

        Yields
        ------
        float
            When it may be opened, by `time.monotonic`.
        """
        while (wait := self.try_open(url, budget)) is not None:
            tell(wait)
            await asyncio.sleep(min(wait.seconds, STEP))
        try:
            yield time.monotonic()
        finally:
            self.closed(url)

    async def message(self, url: str, budget: Budget, own: Window) -> None:
        """Wait until a message may be sent, and count it.

        Messages wait in the order of the calls if the caller awaits one after the other.

        Parameters
        ----------
        url : str
            URL of the websocket.
        budget : Budget
            That of the venue.
        own : Window
            The messages of this websocket.
        """
        while True:
            now = time.monotonic()
            with self._lock:
                window = own
                if budget.messages_by == "address":
                    window = self._messages.setdefault(_host(url), Window())
                wait = window.wait(budget.messages, now)
                if not wait:
                    window.take(budget.messages, now)
                    return
            await asyncio.sleep(wait)


class LimitedConnection(ClientConnection):
    """A websocket that sends in order, as fast as its venue allows.

    Parameters
    ----------
    url : str
        Its URL.
    budget : Budget
        That of the venue.
    protocol, **options
        See `ClientConnection`.
    """

    unsent: frozenset[str] = NOTHING_UNSENT
    """See `Venue.unsent`: requests of one market do not wait for long."""

    def __init__(self, url: str, budget: Budget, protocol: ClientProtocol, **options: Any) -> None:  # noqa: ANN401
        super().__init__(protocol, **options)
        self.connected_at = time.monotonic()
        self._url, self._budget = url, budget
        self._sent = Window()
        self._order = asyncio.Lock()

    async def send(self, message: Any, **options: Any) -> None:  # noqa: ANN401
        """Send a message once the venue allows one more."""
        await self._turn()
        await super().send(message, **options)

    async def ping(self, data: DataLike | None = None) -> Awaitable[float]:
        """Send a ping once the venue allows one more message."""
        await self._turn()
        return await super().ping(data)

    async def _turn(self) -> None:
        async with self._order:
            await BUDGETS.message(self._url, self._budget, self._sent)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


BUDGETS = Budgets()
"""What this process has used."""
