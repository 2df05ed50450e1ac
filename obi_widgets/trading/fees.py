"""What venues charge who trades little: a start for the costs, not a quotation."""

from __future__ import annotations

from obi_widgets.errors import SettingsError, quoted
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import VENUES, known_venue
from obi_widgets.market_data.venues.binance_spot import BinanceSpot

OTHERS = {
    "binance": BinanceSpot.fees,  # its name in settings of earlier versions
}
"""By earlier names, and of venues that are not decoded here: one that is says them itself. One that
is nowhere publishes figures that contradict each other, has different ones by country, or none that
could be read: LMEX, BTSE, Coinbase and Kraken among them."""


def known_fees() -> dict[str, Fees]:
    """Return the known fees by venue, sorted by name."""
    known = {**OTHERS, **{name: one.fees for name, one in VENUES.items() if one.fees is not None}}
    return dict(sorted(known.items()))


def fees(venue: str) -> Fees:
    """Return a venue's fees at its lowest tier, if they are known.

    Parameters
    ----------
    venue : str
        As in ``venue:SYMBOL``, in capitals or not.

    Returns
    -------
    Fees
        The fees and the month in which they were valid. Check your own tier.

    Raises
    ------
    SettingsError
        If the venue's fees are not known; they are never guessed.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.fees("binance-usdm").taker_bps
    5.0
    """
    known = known_fees()
    own = known_venue(venue) if isinstance(venue, str) else None
    venue = own.name if own is not None else venue
    if not isinstance(venue, str) or venue not in known:
        raise SettingsError(
            f"The fees of {quoted(venue)} are not known here.",
            f"Give fee_bps as the venue tells it to you. Known are: {', '.join(known)}.",
        )
    return known[venue]
