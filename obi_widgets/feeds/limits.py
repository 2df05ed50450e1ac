"""Rate limits of hosts, shared by all requests of this process.

A host that answers 418 or 429 (some venues answer 403) counts the requests of an IP address, not
of a session. So its limit applies to every session, and to both HTTP and websockets.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from obi_widgets.market_data.venues.http_answers import limited, limits_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tell: TypeAlias = Callable[["Wait"], None]

FIRST_WAIT = 1.0
"""Seconds to wait after a first 429 without ``Retry-After``; doubled at each further refusal."""

LONGEST_WAIT = 300.0
"""Longest wait, seconds, when the host sends no ``Retry-After``."""

BAN = 120.0
"""Shortest wait, seconds, after a 418: the address is banned, and requests lengthen the ban."""

BLOCK = 600.0
"""Shortest wait, seconds, after a 403 for too many requests: Bybit blocks for ten minutes."""

LONGEST_RETRY_AFTER = 7 * 86_400.0
"""Longest ``Retry-After`` that is obeyed, seconds: bans last three days at most."""

ANSWERED_WITHIN = 15.0
"""Seconds that the first request after a wait has for its answer, before another may try."""

_TIMESTAMP = 1e9
"""A ``Retry-After`` of at least this many seconds is a time since 1970, not a duration."""


class Wait(NamedTuple):
    """What a request or a new websocket waits for.

    Attributes
    ----------
    seconds : float
        How long it waits, as far as is known.
    status : int
        The HTTP status by which the host imposed the wait; 0 if it did not.
    why : str
        What the venue allows, or is sent, if it waits for that: how a sentence about it goes on.
    open_ended : bool
        Whether it waits until another websocket is closed.
    then : str
        What is done after the wait: how a sentence begins.
    """

    seconds: float
    status: int = 0
    why: str = ""
    open_ended: bool = False
    then: str = "The next one is opened"

    def words(self, label: str) -> tuple[str, str]:
        """Return why, and what comes after, in a sentence each; ``label`` is the venue's name."""
        seconds = math.ceil(self.seconds)
        if self.status:
            span = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60):,} min"
            detail, advice = limited(label, self.status), f"The next request goes out in {span}."
        else:
            detail, advice = f"{label} {self.why}.", f"{self.then} in {seconds} s."
        if self.open_ended:
            advice = "The next one is opened when another is closed: close a lab of this venue."
        return detail, advice


@dataclass
class _Limit:
    status: int
    refusals: int
    since: float  # the newest refusal, by time.monotonic
    until: float  # the end of the wait, by time.monotonic


class RateLimits:
    """The rate limit of each host, learnt from its answers. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[str, _Limit] = {}

    def left(self, url: str) -> tuple[float, int]:
        """Return the same as `try_acquire`, without taking the one request after a wait."""
        with self._lock:
            return self._left(self._limits.get(_host(url)))

    def try_acquire(self, url: str) -> tuple[float, int]:
        """Return how long a request must wait, and the HTTP status that imposed the wait.

        Returns
        -------
        seconds : float
            0: send now. After a wait only one request gets 0; the others wait for its answer.
        status : int
            0 if the host has no limit.
        """
        with self._lock:
            limit = self._limits.get(_host(url))
            left, status = self._left(limit)
            if limit is not None and not left:
                limit.until = time.monotonic() + ANSWERED_WITHIN
            return left, status

    @staticmethod
    def _left(limit: _Limit | None) -> tuple[float, int]:
        if limit is None:
            return 0.0, 0
        return max(limit.until - time.monotonic(), 0.0), limit.status

    def record_answer(
        self, url: str, status: int, headers: Mapping[str, str], body: str, sent: float
    ) -> None:
        """Update the host's limit from an answer.

        Parameters
        ----------
        url : str
            URL of the request.
        status : int
            HTTP status of the answer; 101 if a websocket was opened.
        headers : mapping
            Headers of the answer; names are looked up in lower case.
        body : str
            Body of the answer.
        sent : float
            When the request was sent, by `time.monotonic`.
        """
        host, now = _host(url), time.monotonic()
        retry_after = _retry_after(headers) if status >= 400 else None
        with self._lock:
            limit = self._limits.get(host)
            if retry_after is None and not limits_rate(status, body):
                if limit is not None and sent >= limit.since:
                    del self._limits[host]
                return
            if limit is None:
                limit = self._limits[host] = _Limit(status, 0, now, now)
            # Requests in flight together are refused together: count them as one refusal.
            if limit.refusals == 0 or sent >= limit.since:
                limit.refusals, limit.since = limit.refusals + 1, now
                limit.until = now
            limit.status = status
            wait = _backoff(status, limit.refusals) if retry_after is None else retry_after
            limit.until = max(limit.until, now + wait)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _backoff(status: int, refusals: int) -> float:
    """Return the wait, in seconds, after an answer without ``Retry-After``."""
    shortest = {418: BAN, 403: BLOCK}.get(status, 0.0)
    return max(shortest, min(FIRST_WAIT * 2.0 ** min(refusals - 1, 30), LONGEST_WAIT))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the wait of ``Retry-After`` in seconds; None if it is missing or unreadable.

    It is a number of seconds or a date; some venues send a time since 1970, in seconds or
    milliseconds. Times are by the host's own clock, which the ``Date`` header gives.
    """
    value = headers.get("retry-after", "").strip()
    try:
        number = float(value)
    except ValueError:
        date = http_date(value)
        if date is None:
            return None
        wait = (date - _host_clock(headers)) / 1e9
    else:
        if number >= _TIMESTAMP:
            number = number / 1e3 if number >= 100 * _TIMESTAMP else number
            wait = number - _host_clock(headers) / 1e9
        else:
            wait = number
    # NaN and negative numbers count as unreadable.
    return min(max(wait, FIRST_WAIT), LONGEST_RETRY_AFTER) if wait >= 0 else None


def _host_clock(headers: Mapping[str, str]) -> int:
    date = http_date(headers.get("date", ""))
    return time.time_ns() if date is None else date


def http_date(text: str) -> int | None:
    """Return the time of an HTTP date, ns UTC; None if the text is no date."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (TypeError, ValueError, OverflowError, OSError):
        return None


LIMITS = RateLimits()
"""The limits of this process."""
