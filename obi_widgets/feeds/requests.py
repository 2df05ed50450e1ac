"""HTTP requests, with limits on time, on the size of an answer, and by what the host allows."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx

from obi_widgets.feeds.budgets import BUDGETS
from obi_widgets.feeds.limits import LIMITS, http_date
from obi_widgets.market_data.venues.budget import Budget

if TYPE_CHECKING:
    from obi_widgets.feeds.limits import Tell

ANSWER_WITHIN = 10.0
"""Timeout of a whole answer, seconds, however slowly its bytes arrive."""

LARGEST_BODY = 64 * 2**20
"""Largest body of an answer, bytes after decompression."""

NO_BUDGET = Budget()

_CHUNK = 64 * 2**10
_COUNTDOWN_STEP = 1.0
"""Seconds between two reports of the time left while a request waits."""


class Answer(NamedTuple):
    """An answer to a request.

    Attributes
    ----------
    status : int
        The HTTP status; 0 if the request failed, and the body then says why.
    body : str
        The text of the answer.
    date_ns : int, optional
        The server's clock, ns UTC, with a resolution of one second. None if the answer has no
        ``Date`` header, or comes from a cache.
    """

    status: int
    body: str
    date_ns: int | None = None


class Requests:
    """An HTTP client that keeps the limits. An async context manager, for one event loop.

    Parameters
    ----------
    proxy : str, optional
        URL of the proxy; empty for none. None: those that the environment names.
    """

    def __init__(self, *, proxy: str | None = None) -> None:
        # `ask` limits the whole time: with a timeout for each read, a server could send slowly for
        # ever. Only gzip is accepted, since it can be decompressed in pieces up to a limit.
        self._client = httpx.AsyncClient(
            timeout=None,
            proxy=proxy or None,
            trust_env=proxy is None,
            headers={"Accept-Encoding": "gzip"},
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def wait_for_limit(
        self, url: str, tell: Tell, budget: Budget = NO_BUDGET, weight: int = 1
    ) -> float:
        """Wait until the host's rate limit and the venue's budget allow a request; count it.

        Parameters
        ----------
        url : str
            URL of the request.
        tell : callable
            Called once a second while it waits, with what it waits for.
        budget : Budget
            That of the venue.
        weight : int
            What the request counts in it.

        Returns
        -------
        float
            When it may be sent, by `time.monotonic`.
        """
        while True:
            wait = BUDGETS.try_request(url, budget, weight)
            if wait is None:
                return time.monotonic()
            tell(wait)
            await asyncio.sleep(min(wait.seconds, _COUNTDOWN_STEP))

    async def ask(self, url: str, sent: float, body: str = "") -> Answer:
        """Return the answer to a GET, or to a POST; a failure is an `Answer` of status 0.

        Parameters
        ----------
        url : str
            URL of the request.
        sent : float
            The time that `wait_for_limit` returned.
        body : str
            JSON to send by POST; empty for a GET.
        """
        request = self._client.stream(
            "POST" if body else "GET",
            url,
            content=body or None,
            headers={"Content-Type": "application/json"} if body else None,
        )
        try:
            async with asyncio.timeout(ANSWER_WITHIN), request as answer:
                received = await _body(answer)
        except TimeoutError:
            return Answer(0, f"no whole answer came within {ANSWER_WITHIN:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, zlib.error, ValueError, OSError) as error:
            return Answer(0, str(error) or type(error).__name__)
        LIMITS.record_answer(url, answer.status_code, answer.headers, received, sent)
        cached = "age" in answer.headers
        date = None if cached else http_date(answer.headers.get("date", ""))
        return Answer(answer.status_code, received, date)


async def _body(answer: httpx.Response) -> str:
    """Return an answer's text.

    Raises
    ------
    ValueError
        If it is too large, cut short, or compressed by something other than gzip.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise ValueError(f"the answer is compressed by {encoding!r}, which was not asked for")
    decompressor = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    body = bytearray()
    async for chunk in answer.aiter_raw(_CHUNK):
        room = LARGEST_BODY + 1 - len(body)
        body += chunk[:room] if decompressor is None else decompressor.decompress(chunk, room)
        if len(body) > LARGEST_BODY:
            raise ValueError(f"the answer is larger than {LARGEST_BODY // 2**20} MiB")
    if decompressor is not None and body and not decompressor.eof:
        raise ValueError("the answer's compressed body was cut short")
    return body.decode("utf-8", "replace")
