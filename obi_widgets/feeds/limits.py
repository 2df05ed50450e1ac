"""Limits of the rate of requests, honoured by everything in this process that asks a host.

A host that answers 418 or 429 (or 403, where it means that) counts the requests of an address,
not those of a session. So its wait holds for every session, and for HTTP and websockets alike.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obi_widgets.market_data.venues.http_answers import limits_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_WAIT = 1.0
"""Seconds to wait after a first 429 that does not say how long; then twice as long each time."""

LONGEST_WAIT = 300.0
"""Seconds, where the host does not say how long."""

BAN = 120.0
"""Seconds after a 418 at least: the address is banned by then, and asking lengthens the ban."""

BLOCK = 600.0
"""Seconds after a 403 for too many requests, which Bybit gives ten minutes."""

LONGEST_TOLD = 7 * 86_400.0
"""Seconds that a host can make us wait at most: bans are of three days at most."""

ANSWERED_WITHIN = 15.0
"""Seconds that the first request after a wait has for itself, before another may try."""

_TIMESTAMP = 1e9
"""A number of seconds this large is a time since 1970."""


@dataclass
class _Limit:
    status: int
    refusals: int
    since: float  # monotonic
    until: float  # monotonic


class RateLimits:
    """What hosts have said about the rate of requests. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[str, _Limit] = {}

    def turn(self, url: str) -> tuple[float, int]:
        """Return how long a request must wait, and the HTTP status that made it so.

        Returns
        -------
        seconds : float
            0: ask now. After a wait only one request goes out; the others wait for its answer.
        status : int
            0 without a limit.
        """
        with self._lock:
            limit = self._limits.get(_host(url))
            if limit is None:
                return 0.0, 0
            now = time.monotonic()
            left = limit.until - now
            if left > 0:
                return left, limit.status
            limit.until = now + ANSWERED_WITHIN
            return 0.0, limit.status

    def note(
        self, url: str, status: int, headers: Mapping[str, str], body: str, sent: float
    ) -> None:
        """Take note of an answer.

        Parameters
        ----------
        url : str
            What was asked.
        status : int
            Of the answer; 101 when a websocket was opened.
        headers : mapping
            Of the answer; names are looked up in lower case.
        body : str
            Of the answer.
        sent : float
            When the request went out, by `time.monotonic`.
        """
        host, now = _host(url), time.monotonic()
        told = _retry_after(headers) if status >= 400 else None
        with self._lock:
            limit = self._limits.get(host)
            if told is None and not limits_rate(status, body):
                if limit is not None and sent >= limit.since:
                    del self._limits[host]
                return
            if limit is None:
                limit = self._limits[host] = _Limit(status, 0, now, now)
            # Requests that were under way together are refused together: that is one refusal.
            if limit.refusals == 0 or sent >= limit.since:
                limit.refusals, limit.since = limit.refusals + 1, now
                limit.until = now
            limit.status = status
            wait = _own_wait(status, limit.refusals) if told is None else told
            limit.until = max(limit.until, now + wait)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _own_wait(status: int, refusals: int) -> float:
    least = {418: BAN, 403: BLOCK}.get(status, 0.0)
    return max(least, min(FIRST_WAIT * 2.0 ** min(refusals - 1, 30), LONGEST_WAIT))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` tells; None without one that can be read.

    It is a number of seconds or a date; some venues give a time since 1970, in seconds or
    milliseconds. Times are by the host's own clock, which ``Date`` tells.
    """
    told = headers.get("retry-after", "").strip()
    try:
        number = float(told)
    except ValueError:
        date = http_date(told)
        if date is None:
            return None
        wait = (date - _host_clock(headers)) / 1e9
    else:
        if number >= _TIMESTAMP:
            number = number / 1e3 if number >= 100 * _TIMESTAMP else number
            wait = number - _host_clock(headers) / 1e9
        else:
            wait = number
    # NaN and negative numbers are no wait that was told.
    return min(max(wait, FIRST_WAIT), LONGEST_TOLD) if wait >= 0 else None


def _host_clock(headers: Mapping[str, str]) -> int:
    date = http_date(headers.get("date", ""))
    return time.time_ns() if date is None else date


def http_date(text: str) -> int | None:
    """Return the time that an HTTP date tells, ns UTC; None for what is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (TypeError, ValueError, OverflowError, OSError):
        return None


LIMITS = RateLimits()
"""Those of this process."""
