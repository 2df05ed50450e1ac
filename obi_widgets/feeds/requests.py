"""HTTP requests with bounds: how long an answer may take, how large it may be, when to ask."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx

from obi_widgets.feeds.limits import LIMITS, http_date

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER_WITHIN = 10.0
"""Seconds for a whole answer, however slowly it comes."""

LARGEST_BODY = 64 * 2**20
"""Bytes of an answer, once decompressed."""

_CHUNK = 64 * 2**10
_LOOK_AGAIN = 1.0
"""Seconds between two looks at a wait, which is shown as it runs down."""


class Answer(NamedTuple):
    """An answer to a request.

    Attributes
    ----------
    status : int
        The HTTP status; 0 when no whole answer came, and the body then says why.
    body : str
        Its text.
    date_ns : int, optional
        The server's clock, ns UTC, to the second. None when it did not tell, and of an answer
        that a cache has kept.
    """

    status: int
    body: str
    date_ns: int | None = None


class Requests:
    """Asks over HTTP, within bounds. A context; for one event loop.

    Parameters
    ----------
    waiting : callable
        Told, again and again, that a request must wait: the seconds that are left, and the HTTP
        status that made it so.
    proxies : bool
        Whether the environment's proxies are asked.
    """

    def __init__(self, waiting: Callable[[float, int], None], *, proxies: bool = True) -> None:
        self._waiting = waiting
        # The time is bounded as a whole, in `get`: a bound of each read lets a server drip.
        # Only gzip is asked for: it can be unpacked piece by piece, up to a bound.
        self._client = httpx.AsyncClient(
            timeout=None, trust_env=proxies, headers={"Accept-Encoding": "gzip"}
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def turn(self, url: str) -> float:
        """Wait until the host of a URL may be asked; return when that was, for `RateLimits`."""
        while True:
            left, status = LIMITS.turn(url)
            if not left:
                return time.monotonic()
            self._waiting(left, status)
            await asyncio.sleep(min(left, _LOOK_AGAIN))

    async def ask(self, url: str, sent: float, body: str = "") -> Answer:
        """Return the answer to a GET, or to a POST; whatever goes wrong is an answer too.

        Parameters
        ----------
        url : str
            What to ask.
        sent : float
            What `turn` returned.
        body : str
            JSON that is sent by POST; a GET when it is empty.
        """
        request = self._client.stream(
            "POST" if body else "GET",
            url,
            content=body or None,
            headers={"Content-Type": "application/json"} if body else None,
        )
        try:
            async with asyncio.timeout(ANSWER_WITHIN), request as answer:
                told = await _body(answer)
        except TimeoutError:
            return Answer(0, f"no whole answer came within {ANSWER_WITHIN:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, zlib.error, ValueError, OSError) as error:
            return Answer(0, str(error) or type(error).__name__)
        LIMITS.note(url, answer.status_code, answer.headers, told, sent)
        kept = "age" in answer.headers
        date = None if kept else http_date(answer.headers.get("date", ""))
        return Answer(answer.status_code, told, date)


async def _body(answer: httpx.Response) -> str:
    """Return an answer's text; raise a ValueError when there is too much of it."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise ValueError(f"the answer is compressed by {coding!r}, which was not asked for")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in coding else None
    body = bytearray()
    async for chunk in answer.aiter_raw(_CHUNK):
        room = LARGEST_BODY + 1 - len(body)
        body += chunk[:room] if unpack is None else unpack.decompress(chunk, room)
        if len(body) > LARGEST_BODY:
            raise ValueError(f"the answer is larger than {LARGEST_BODY // 2**20} MiB")
    if unpack is not None and body and not unpack.eof:
        raise ValueError("the answer's compressed body was cut short")
    return body.decode("utf-8", "replace")
