"""Units in the names of what is traded: BTC where a declaration says base units."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from obi_widgets.presentation.texts.formatting import shortened

if TYPE_CHECKING:
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.signals.signal import Signal

BASE, RATIO = "base units", "quote/base"
"""What signals declare, whatever is traded."""

LETTERS = 8
"""Of a base unit that is shown in a unit; a longer one is shortened in its middle."""


def base_of(instrument: Instrument) -> str:
    """Return the name of the base unit as far as the symbol tells it; else an empty text."""
    symbol = instrument.symbol.partition("_")[0]  # without the kind of contract, as ETHUSD_PERP
    base = symbol.partition("-")[0]
    if base == symbol:
        base = base.removesuffix(instrument.quote) if instrument.quote else ""
    return base if base != symbol else ""


@lru_cache(64)
def unit_of(signal: Signal, instrument: Instrument | None) -> str:
    """Return the unit of a signal for one instrument: "BTC", "BTC/s"; as declared if not known."""
    if instrument is None or not (base := base_of(instrument)):
        return signal.unit
    base = shortened(base, LETTERS)
    unit = signal.unit.replace(BASE, base)
    return unit.replace(RATIO, f"{instrument.quote}/{base}") if instrument.quote else unit
