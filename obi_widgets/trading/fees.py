"""What venues charge who trades little: a start for the costs, not a quotation."""

from __future__ import annotations

from dataclasses import dataclass

from obi_widgets.errors import SettingsError, quoted


@dataclass(frozen=True)
class Fees:
    """Fees of one venue's lowest tier, without discounts.

    Attributes
    ----------
    maker_bps, taker_bps : float
        Of one side of a trade, bps of its value; negative is a rebate.
    product : str
        What they are charged for.
    as_of : str
        The month they were last seen to hold: check your own tier with the venue.
    """

    maker_bps: float
    taker_bps: float
    product: str
    as_of: str


PRESETS = {
    "binance": Fees(10.0, 10.0, "spot, regular user", "2026-10"),
    "binance-usdm": Fees(2.0, 5.0, "USDⓈ-M futures, regular user, USDT", "2026-10"),
    "bybit": Fees(2.0, 5.5, "linear perpetuals, non-VIP", "2026-10"),
    "hyperliquid": Fees(1.5, 4.5, "perpetuals, tier 0, no staking", "2025-05"),
    "okx": Fees(2.0, 5.0, "perpetual swaps, regular user", "2026-10"),
}
"""By venue. One that is not here publishes figures that contradict each other, has different ones
by country, or none that could be read: LMEX, BTSE, Coinbase and Kraken among
them."""


def fees(venue: str) -> Fees:
    """Return what a venue charges who trades little, as far as it is known.

    Parameters
    ----------
    venue : str
        As in ``venue:SYMBOL``.

    Returns
    -------
    Fees
        With the month in which they held. Check your own tier.

    Raises
    ------
    SettingsError
        A venue whose fees are not known here: none is ever guessed.
    """
    if not isinstance(venue, str) or venue not in PRESETS:
        raise SettingsError(
            f"The fees of {quoted(venue)} are not known here.",
            f"Give fee_bps as the venue tells it to you. Known are: {', '.join(sorted(PRESETS))}.",
        )
    return PRESETS[venue]
