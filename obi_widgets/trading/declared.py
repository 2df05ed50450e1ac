"""What an entry and its costs depend on, beside the signal: the parameters that settings gather."""

from __future__ import annotations

from obi_widgets.parameters import Bps, Choice, Parameter, Seconds

HOLD = Parameter(
    "hold_seconds",
    Seconds(0.1, 86_400, slider=(1, 120, 1)),
    20.0,
    "How long an entry is held, in seconds of the exchange's time.",
)
PRICE = Parameter(
    "price",
    Choice("touch", "mid"),
    "touch",
    "The touch: long in at the ask, out at the bid; or mid, which nobody gets.",
)
FEE = Parameter(
    "fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    5.0,
    "Of one side of a trade, in bps of the value traded; negative is a rebate.",
)

PARAMETERS = {one.name: one for one in (HOLD, PRICE, FEE)}
"""By name."""
