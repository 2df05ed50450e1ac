"""The fees that a venue charges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fees:
    """The fees of one venue, in its lowest tier and without discounts.

    `obi_widgets.fees` returns them for a venue. Check your own tier with the venue.

    Attributes
    ----------
    maker_bps, taker_bps : float
        Fee of one trade that makes or takes liquidity, bps of the trade's value. A round trip pays
        it twice. Negative for a rebate.
    product : str
        The product that the fees apply to.
    as_of : str
        The month of the venue's schedule, as ``"2026-10"``.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.fees("binance-usdm").taker_bps
    5.0
    """

    maker_bps: float
    taker_bps: float
    product: str
    as_of: str
