"""HTTP statuses in words, and whether a status means that there were too many requests."""

from __future__ import annotations

from obi_widgets.market_data.venues.wire import text


def explain(label: str, status: int, body: str | bytes) -> tuple[str, str]:
    """Return a sentence about an HTTP status other than 200, and one that says what to do."""
    if status == 0:
        return f"{label} cannot be reached: {text(body, 160)}.", "Trying again every few seconds."
    if limits_rate(status, body):
        return limited(label, status), "The next request waits until it is allowed."
    if status in (403, 451):
        return (
            f"{label} refuses this location (HTTP {status}).",
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator.",
        )
    return f"{label} answered HTTP {status}: {text(body, 160)}.", "Trying again every few seconds."


def limited(label: str, status: int) -> str:
    """Return a sentence: the venue takes no requests for a while, and why."""
    if status == 418:
        why = "has banned this computer's address for a while: it sent too many requests"
    elif status in (403, 429):
        why = "takes no requests for a while: too many came from this computer's address"
    else:
        why = "takes no requests for a while"
    return f"{label} {why} (HTTP {status})."


def limits_rate(status: int, body: str | bytes) -> bool:
    """Return whether an HTTP answer means that there were too many requests.

    Bybit answers these with 403, by which most venues refuse a location. So the text of the answer
    decides.
    """
    if status == 403:
        words = text(body, 4096).lower()
        return any(phrase in words for phrase in _TOO_MANY)
    return status in (418, 429)


_TOO_MANY = ("too frequent", "too many", "rate limit", "ratelimit")
