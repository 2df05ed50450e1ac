"""What an entry and its costs depend on, beside the signal: the parameters that settings gather."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from obi_widgets.errors import SettingsError
from obi_widgets.parameters import Bps, Choice, Parameter, Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.signals.signal import Signal

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
    "Entries trade at",
)
FEE = Parameter(
    "fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    5.0,
    "Of one side of a trade, in bps of the value traded; negative is a rebate.",
    "Fee, each side",
)
QUANTILE_WINDOW = Parameter(
    "quantile_window",
    Seconds(10, 86_400, slider=(10, 3_600, 10)),
    600.0,
    "Seconds before a state whose values a quantile is taken of, the state itself left out.",
)

PARAMETERS = {one.name: one for one in (HOLD, PRICE, FEE, QUANTILE_WINDOW)}
"""By name."""


class Chosen(Protocol):
    """The values of settings at one moment, as far as entries and fills use them."""

    @property
    def signal(self) -> Signal:
        """What decides."""

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        """The values of the signal's parameters, by name."""

    @property
    def threshold_is(self) -> str:
        """``"value"`` or ``"quantile"``."""

    @property
    def quantile_window(self) -> float:
        """Seconds before a state that a quantile is taken over."""

    @property
    def lookback(self) -> float:
        """Seconds that the signal itself looks back: it has no value before."""

    @property
    def threshold(self) -> float:
        """Long above it, short below its negative."""

    @property
    def hold_seconds(self) -> float:
        """How long an entry is held."""

    @property
    def price(self) -> str:
        """What an entry pays: ``"touch"`` or ``"mid"``."""

    @property
    def fee_bps(self) -> float:
        """Of one side of a trade."""

    def values_of(self, signal: Signal) -> Mapping[str, Any]:
        """Return the values for parameters of a signal."""


class HasChosen(Protocol):
    """Settings that may change: `obi_widgets.Settings`."""

    @property
    def parameters(self) -> Chosen:
        """Their values at this moment."""


def values_now(settings: HasChosen | Chosen) -> Chosen:
    """Return the values of settings at this moment.

    Raises
    ------
    SettingsError
        Something that is not settings.
    """
    values = getattr(settings, "parameters", settings)
    if not hasattr(values, "values_of"):
        raise SettingsError(
            f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
        )
    return cast("Chosen", values)
