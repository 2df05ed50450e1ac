"""What an entry and its costs depend on, beside the signal: the parameters that settings gather."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from obi_widgets.errors import SettingsError
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST
from obi_widgets.parameters import Bps, Choice, Number, Parameter, Seconds
from obi_widgets.trading.fees import known_fees

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
OWN = "own"
"""Fees that are no venue's: the numbers that are given."""

FEES = Parameter(
    "fees",
    Choice(OWN, *known_fees()),
    OWN,
    "Whose fees: choosing a venue sets the fee to that of its lowest tier.",
    "Fees of",
)
FEE = Parameter(
    "fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    5.0,
    "A taker's, of one side of a trade, in bps of the value traded; negative is a rebate.",
    "Fee, each side",
)
EXECUTED = Parameter(
    "execution",
    Choice("taker", "post_only"),
    "taker",
    "Whether an order takes what stands there, or is posted at its own side's touch and waits.",
    "Orders",
)
WAIT = Parameter(
    "wait_seconds",
    Seconds(0.1, 3_600, slider=(0.5, 60, 0.5)),
    5.0,
    "Seconds that a post-only order rests in the book until it is cancelled.",
    "Post-only, wait",
)
MAKER_FEE = Parameter(
    "maker_fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    2.0,
    "Of one side of a trade that rested in the book, in bps of its value; negative is a rebate.",
    "Maker fee, each side",
)
LATENCY = Parameter(
    "latency_ms",
    Number(0, 10_000, "ms", slider=(0, 1_000, 5)),
    0.0,
    "Milliseconds of the exchange's time from a decision until its order meets a book.",
    "Latency",
)
SLIPPAGE = Parameter(
    "slippage_bps",
    Bps(0, 10_000, off="no limit", slider=(-0.1, 10, 0.1)),
    None,
    "How much worse than the touch at decision an entry may pay, bps; beyond it is cancelled.",
    "Slippage limit",
)
SIZE = Parameter(
    "size",
    Number(SMALLEST, LARGEST, "base units", off="any size", slider=(0, 10, 0.01)),
    None,
    "Base units that an order walks through the levels with; so few that the touch holds them.",
    "Order size",
)
QUANTILE_WINDOW = Parameter(
    "quantile_window",
    Seconds(10, 86_400, slider=(10, 3_600, 10)),
    600.0,
    "Seconds before a state whose values a quantile is taken of, the state itself left out.",
)

EXECUTION = (EXECUTED, WAIT, LATENCY, SLIPPAGE, SIZE)
"""How an order is executed. At its default each of them does nothing."""

COSTS = (FEES, FEE, MAKER_FEE)
"""What changes no trade: no axis of a sweep."""

OF_TAKER = (LATENCY, SLIPPAGE, SIZE)
"""Those that change what a taker pays."""

PARAMETERS = {one.name: one for one in (HOLD, PRICE, *COSTS, *EXECUTION, QUANTILE_WINDOW)}
"""By name."""


def at_once(parameters: Chosen) -> bool:
    """Return whether every order is filled at the touch, or mid, of the state that decides it."""
    return all(getattr(parameters, one.name) == one.default for one in (EXECUTED, *OF_TAKER))


def refuse_post_only(parameters: Chosen, what: str) -> None:
    """Raise a SettingsError for what cannot be made of post-only orders."""
    if parameters.execution == "post_only":
        raise SettingsError(
            f"{what} of post-only orders cannot be made yet.", 'Set execution="taker".'
        )


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
        """A taker's, of one side of a trade."""

    @property
    def execution(self) -> str:
        """``"taker"`` or ``"post_only"``."""

    @property
    def wait_seconds(self) -> float:
        """How long a post-only order rests in the book."""

    @property
    def maker_fee_bps(self) -> float:
        """Of one side of a trade that rested in the book."""

    @property
    def latency_ms(self) -> float:
        """Milliseconds from a decision until its order meets a book."""

    @property
    def slippage_bps(self) -> float | None:
        """How much worse than the touch at decision an entry may pay; None for no limit."""

    @property
    def size(self) -> float | None:
        """Base units of an order; None when it is too small to matter."""

    def values_of(self, signal: Signal) -> Mapping[str, Any]:
        """Return the values for parameters of a signal."""

    def replace(self, **changes: Any) -> Chosen:  # noqa: ANN401
        """Return the same with other values of some."""


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
