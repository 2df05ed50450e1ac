"""Opens websockets, within what their venue allows."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from obi_widgets.feeds.budgets import BUDGETS, LimitedConnection
from obi_widgets.feeds.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from obi_widgets.feeds.limits import Tell
    from obi_widgets.market_data.venues.budget import Budget

LARGEST_FRAME = 15 * 2**20
"""Largest frame, bytes after decompression. One venue's first book had five million, and a line of
a recording may have 16 MiB. A frame that is not JSON is escaped, and may then be too long for a
line: the recorder counts such frames."""

OPEN_WITHIN = 10.0
"""Timeout of a websocket's handshake, seconds."""


class Dialler(NamedTuple):
    """How the websockets of a market are opened. It knows no feed: a shared websocket outlives one.

    Attributes
    ----------
    budget : Budget
        What the venue allows.
    proxy : str, optional
        URL of the proxy; empty for none. None: those that the environment names.
    origin : str
        The ``Origin`` that is sent; empty for none.
    """

    budget: Budget
    proxy: str | None = None
    origin: str = ""

    @asynccontextmanager
    async def open(self, url: str, tell: Tell) -> AsyncIterator[LimitedConnection]:
        """Open a websocket as soon as that is allowed; close it at the end of the block.

        Parameters
        ----------
        url : str
            Its URL.
        tell : callable
            Called about once a second while it waits, with what it waits for.

        Raises
        ------
        Exception
            Why it cannot be opened: of DNS, a certificate, a proxy, an HTTP status.
        """
        async with BUDGETS.websocket(url, self.budget, tell) as sent:
            opening = connect(
                url,
                max_size=LARGEST_FRAME,
                open_timeout=OPEN_WITHIN,
                close_timeout=1.0,
                proxy=True if self.proxy is None else self.proxy or None,
                origin=Origin(self.origin) if self.origin else None,
                create_connection=cast("Any", partial(LimitedConnection, url, self.budget)),
            )
            try:
                socket: Any = await opening
            except InvalidStatus as error:
                headers = {n.lower(): v for n, v in error.response.headers.raw_items()}
                LIMITS.record_answer(url, error.response.status_code, headers, text_of(error), sent)
                raise
            LIMITS.record_answer(url, 101, {}, "", sent)
            try:
                yield socket
            finally:  # `async with` would tell the venue of an error if this is cancelled
                await socket.close()


def text_of(error: InvalidStatus) -> str:
    """Return the text of a refusal."""
    return bytes(error.response.body or b"").decode("utf-8", "replace")
