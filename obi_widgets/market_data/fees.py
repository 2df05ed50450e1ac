"""What a venue charges."""

from __future__ import annotations

from dataclasses import dataclass


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
