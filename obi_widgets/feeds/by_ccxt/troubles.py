"""Errors of ccxt in words: what the screen shows, and whether and when it is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.errors import ObiError
from obi_widgets.market_data.venues.wire import text

if TYPE_CHECKING:
    from obi_widgets.market_data.events import State

SOON = 1.0
LATER = 30.0
"""Seconds until an exchange is asked again that has no time, or takes no requests."""


class CorruptBookError(Exception):
    """ccxt's book has been impossible for long: it must be built anew."""


class Trouble(NamedTuple):
    """What an error means.

    Attributes
    ----------
    state : str
        State of the market; ``closed`` if it makes no sense to try again.
    detail, advice : str
        What happened, and what to do.
    wait : float
        Shortest time until the next attempt, seconds.
    """

    state: State
    detail: str
    advice: str = ""
    wait: float = SOON


def trouble_of(error: Exception, label: str, *, was_open: bool) -> Trouble:
    """Return what an error means that ccxt raised.

    Parameters
    ----------
    error : Exception
        Of ccxt, or of this package.
    label : str
        The exchange's display name.
    was_open : bool
        Whether books had come.
    """
    from ccxt.base import errors as of

    said = text(str(error), 160).removesuffix(".") or type(error).__name__
    if isinstance(error, ObiError):
        return Trouble("closed", error.what, error.advice)
    if isinstance(error, CorruptBookError):
        return Trouble("gap", f"{said}.")
    if isinstance(error, of.NotSupported):
        return Trouble(
            "closed", f"{label} gives no stream of this book.",
            "Choose another market, or give the books yourself by obi.Feed.",
        )  # fmt: skip
    if isinstance(error, of.BadSymbol):
        return Trouble("closed", f"{label} does not take the symbol: {said}.",
                       "Check how ccxt spells it.")  # fmt: skip
    if isinstance(error, of.AuthenticationError | of.ArgumentsRequired):
        return Trouble(
            "closed", f"{label} wants more than a symbol for its books: {said}.",
            "This package takes no keys: choose another exchange.",
        )  # fmt: skip
    if isinstance(error, of.RestrictedLocation):
        return Trouble(
            "connecting", f"{label} refuses this location: {said}.",
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator.", LATER,
        )  # fmt: skip
    if isinstance(error, of.RateLimitExceeded | of.DDoSProtection):
        return Trouble("connecting", f"{label} takes no requests for a while: {said}.", "", LATER)
    if isinstance(error, of.OnMaintenance):
        return Trouble("connecting", f"{label} is under maintenance: {said}.", "", LATER)
    if isinstance(error, of.ChecksumError):
        return Trouble("gap", f"The book differs from the checksum of {label}: {said}.")
    if isinstance(error, of.NetworkError):
        what = f"The connection to {label} was lost" if was_open else f"{label} cannot be reached"
        return Trouble("connecting", f"{what}: {said}.")
    return Trouble("connecting", f"ccxt failed at {label}: {type(error).__name__}: {said}.")
