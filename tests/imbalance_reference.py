"""The formula of the imbalance in plain Python: loops over levels, without NumPy."""

from __future__ import annotations

import math
from decimal import Decimal

NAN = float("nan")


def reference(bids, asks, settings, exp=math.exp, *, kept, tick_size):
    """Return the imbalance of one book; sides are lists of (price, size), best first.

    ``kept`` is the number of levels kept per side: a side with so many may have more.
    """
    if not bids or not asks:
        return NAN
    mid = (bids[0][0] + asks[0][0]) / 2
    if any(
        len(side) == kept and wants_more(side, mid, settings, tick_size) for side in (bids, asks)
    ):
        return NAN
    totals = []
    for side in (bids, asks):
        total = 0 * exp(mid * 0)
        for price, size in side if settings.depth is None else side[: settings.depth]:
            distance = 1e4 * abs(price - mid) / mid
            if settings.band_bps is not None and distance > settings.band_bps + 1e-9:
                continue
            amount = size * price if settings.weighting == "notional" else size
            weight = exp(-settings.decay * distance)
            total += type(weight)(amount) * weight
        totals.append(total)
    bid, ask = totals
    if bid == 0 or ask == 0:
        return NAN
    return float((bid - ask) / (bid + ask))


def wants_more(side, mid, settings, tick_size):
    """Return whether a level one tick behind the last one would count."""
    if settings.depth is not None and settings.depth <= len(side):
        return False
    if settings.band_bps is None:
        return settings.depth is not None  # without depth and band, the kept levels are used
    behind = abs(side[-1][0] - mid) + tick_size
    return 1e4 * behind / mid <= settings.band_bps + 1e-9


def never_zero(x: float) -> Decimal:
    """Return e^x as a Decimal, which is not 0 even if the float is."""
    return Decimal(x).exp()


def as_lists(history) -> list[tuple[list, list]]:
    """Return each state's bids and asks as (price, size), best first."""
    sides = []
    for side in (+1, -1):
        prices, sizes = history.prices(side).tolist(), history.sizes(side).tolist()
        sides.append(
            [
                [(p, q) for p, q in zip(*row, strict=True) if q == q]
                for row in zip(prices, sizes, strict=True)
            ]
        )
    return list(zip(*sides, strict=True))
