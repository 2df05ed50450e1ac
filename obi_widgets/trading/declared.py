"""Parameters of entries, orders and costs. The settings contain them beside the signal's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from obi_widgets.errors import SettingsError
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST
from obi_widgets.parameters import Bps, Choice, Count, Number, Parameter, Seconds
from obi_widgets.trading.fees import known_fees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.signals.signal import Signal
    from obi_widgets.trading.gates.gates import Gates

HOLD = Parameter(
    "hold_seconds",
    Seconds(0.1, 86_400, slider=(1, 120, 1)),
    20.0,
    "Time from entry to exit, in seconds of the exchange's clock.",
)
PRICE = Parameter(
    "price",
    Choice("touch", "mid"),
    "touch",
    "The touch: a long buys at the ask and sells at the bid. Or mid, which no order gets.",
    "Entries trade at",
)
OWN = "own"
"""The choice of fees that are not a venue's."""

FEES = Parameter(
    "fees",
    Choice(OWN, *known_fees()),
    OWN,
    "Venue whose fees apply. Choosing one sets both fees to those of its lowest tier.",
    "Fees of",
)
FEE = Parameter(
    "fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    5.0,
    "Taker's fee of one side of a trade, in bps of the value traded. Negative is a rebate.",
    "Fee, each side",
)
EXECUTED = Parameter(
    "execution",
    Choice("taker", "post_only"),
    "taker",
    "A taker takes the other side's levels. A post-only order rests at its own side's best price.",
    "Orders",
)
WAIT = Parameter(
    "wait_seconds",
    Seconds(0.1, 3_600, slider=(0.5, 60, 0.5)),
    5.0,
    "Seconds that a post-only order rests before it is cancelled.",
    "Post-only, wait",
)
MAKER_FEE = Parameter(
    "maker_fee_bps",
    Bps(-100, 1_000, slider=(-2, 10, 0.1)),
    2.0,
    "Fee of one side of a trade that rested in the book, in bps. Negative is a rebate.",
    "Maker fee, each side",
)
LATENCY = Parameter(
    "latency_ms",
    Number(0, 10_000, "ms", slider=(0, 1_000, 5)),
    0.0,
    "Milliseconds of the exchange's clock from a decision until its order arrives.",
    "Latency",
)
SLIPPAGE = Parameter(
    "slippage_bps",
    Bps(0, 10_000, off="no limit", slider=(-0.1, 10, 0.1)),
    None,
    "How much worse than the touch at the decision an entry may be, bps. Else it is cancelled.",
    "Slippage limit",
)
SIZE = Parameter(
    "size",
    Number(SMALLEST, LARGEST, "base units", off="any size", slider=(0, 10, 0.01)),
    None,
    "Size of an order, base units: it takes as many levels as it needs. Off: the touch fills it.",
    "Order size",
)
QUANTILE_WINDOW = Parameter(
    "quantile_window",
    Seconds(10, 86_400, slider=(10, 3_600, 10)),
    600.0,
    "Seconds before a state, without the state itself, over which the quantile is taken.",
)

BEYOND, CROSSING, TRANSITION = "beyond", "crossing", "transition"
"""The rules of entries: at each state beyond the threshold; where the signal comes beyond it; where
it comes from beyond the other side."""

ENTRY_RULE = Parameter(
    "entry_rule",
    Choice(BEYOND, CROSSING, TRANSITION),
    BEYOND,
    "Enter at any state beyond the threshold; only where the signal comes beyond it; or only where "
    "it comes from beyond the other side.",
    "Enter on",
)
TRANSITION_SECONDS = Parameter(
    "transition_seconds",
    Seconds(0.1, 3_600, slider=(1, 300, 1)),
    60.0,
    "Of transitions: how many seconds ago the signal may have been beyond the other side.",
    "Transition within",
)
MOST_PER_HOUR = Parameter(
    "most_per_hour",
    Count(1, 1_000, "an hour", off="no cap", slider=(0, 60, 1)),
    None,
    "No entry begins while so many positions were entered within the hour before.",
    "Entries, at most",
)

ENTERING = (ENTRY_RULE, TRANSITION_SECONDS, MOST_PER_HOUR)
"""Parameters that say where an entry may begin. The defaults let it begin anywhere."""

EXIT_FADE = Parameter(
    "exit_fade",
    Number(0, 1, "of the threshold", off="no exit", slider=(-0.05, 1, 0.05)),
    None,
    "Leave when the signal, with the position's sign, is below this share of the threshold.",
    "Fade below, × threshold",
)
EXIT_FLIP = Parameter(
    "exit_flip",
    Choice("off", "on"),
    "off",
    "Leave when the signal is beyond the threshold of the other side.",
    "Leave on a flip",
)
EXIT_DECELERATION = Parameter(
    "exit_deceleration",
    Number(0.01, 100, "of the threshold", off="no exit", slider=(0, 3, 0.05)),
    None,
    "Leave when the signal, with the position's sign, has fallen by more than this share of the "
    "threshold within some seconds.",
    "Fall by, × threshold",
)
DECELERATION_SECONDS = Parameter(
    "deceleration_seconds",
    Seconds(0.1, 3_600, slider=(0.5, 60, 0.5)),
    5.0,
    "Seconds within which the signal has to fall, to leave on it.",
    "Fall within",
)
STOP = Parameter(
    "stop_bps",
    Bps(0.01, 10_000, off="no stop", slider=(0, 50, 0.5)),
    None,
    "Leave when the position could be left only this much worse than its entry, bps before fees.",
    "Stop",
)
TARGET = Parameter(
    "target_bps",
    Bps(0.01, 10_000, off="no target", slider=(0, 50, 0.5)),
    None,
    "Leave when the position could be left this much better than its entry, bps before fees.",
    "Target",
)

LEAVING = (EXIT_FADE, EXIT_FLIP, EXIT_DECELERATION, DECELERATION_SECONDS, STOP, TARGET)
"""Parameters that end a position before its hold. The defaults end none."""

FIXED, STRENGTH = "fixed", "strength"
"""What size and stop of an entry depend on: nothing, or how far the signal is beyond the threshold.
"""

SIZE_BY = Parameter(
    "size_by",
    Choice(FIXED, STRENGTH),
    FIXED,
    "Every entry has the whole size, or one by how far the signal is beyond the threshold.",
    "Size by",
)
STOP_BY = Parameter(
    "stop_by",
    Choice(FIXED, STRENGTH),
    FIXED,
    "Every entry has the whole stop, or one by how far the signal is beyond the threshold.",
    "Stop by",
)
LEAST_WEIGHT = Parameter(
    "least_weight",
    Number(0.05, 1, "of the whole", slider=(0.05, 1, 0.05)),
    0.25,
    "Share of the whole size, or of the whole stop, that an entry at the threshold has.",
    "At threshold, × whole",
)

WEIGHING = (SIZE_BY, STOP_BY, LEAST_WEIGHT)
"""Parameters of size and stop by strength. The defaults make all entries alike."""

EXECUTION = (EXECUTED, WAIT, LATENCY, SLIPPAGE, SIZE)
"""Parameters of execution. The defaults fill every order at once, at the touch."""

COSTS = (FEES, FEE, MAKER_FEE)
"""Parameters that change no trade, so they are not axes of a sweep."""

OF_TAKER = (LATENCY, SLIPPAGE, SIZE)
"""Parameters that change a taker's price."""

PARAMETERS = {
    one.name: one
    for one in (
        HOLD, *ENTERING, *LEAVING, *WEIGHING, PRICE, *COSTS, *EXECUTION, QUANTILE_WINDOW,
    )
}  # fmt: skip
"""All parameters by name."""


def at_once(parameters: Chosen) -> bool:
    """Return whether every order is filled at the deciding state's touch or mid."""
    return all(getattr(parameters, one.name) == one.default for one in (EXECUTED, *OF_TAKER))


def leaves_early(parameters: Chosen) -> bool:
    """Return whether anything but its hold may end a position."""
    # With the others at their defaults, nothing depends on the seconds of a deceleration.
    return any(getattr(parameters, one.name) != one.default for one in LEAVING)


class Chosen(Protocol):
    """The values of settings that entries and fills use."""

    @property
    def signal(self) -> Signal:
        """The signal."""

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        """The values of the signal's parameters, by name."""

    @property
    def threshold_is(self) -> str:
        """``"value"`` or ``"quantile"``."""

    @property
    def quantile_window(self) -> float:
        """Window of a quantile threshold, seconds."""

    @property
    def lookback(self) -> float:
        """Look-back of the signal, seconds."""

    @property
    def threshold(self) -> float:
        """Long above it, short below its negative."""

    @property
    def hold_seconds(self) -> float:
        """Time from entry to exit, seconds."""

    @property
    def entry_rule(self) -> str:
        """``"beyond"``, ``"crossing"`` or ``"transition"``."""

    @property
    def transition_seconds(self) -> float:
        """Seconds within which a transition comes from the other side."""

    @property
    def most_per_hour(self) -> int | None:
        """How many positions may be entered within an hour; None for no cap."""

    @property
    def exit_fade(self) -> float | None:
        """Share of the threshold below which a position is left; None for no such exit."""

    @property
    def exit_flip(self) -> str:
        """``"on"`` or ``"off"``."""

    @property
    def exit_deceleration(self) -> float | None:
        """Share of the threshold by which the signal has to fall; None for no such exit."""

    @property
    def deceleration_seconds(self) -> float:
        """Seconds within which it has to."""

    @property
    def stop_bps(self) -> float | None:
        """Loss at which a position is left, bps; None for no stop."""

    @property
    def target_bps(self) -> float | None:
        """Gain at which a position is left, bps; None for no target."""

    @property
    def size_by(self) -> str:
        """``"fixed"`` or ``"strength"``."""

    @property
    def stop_by(self) -> str:
        """``"fixed"`` or ``"strength"``."""

    @property
    def least_weight(self) -> float:
        """Share of size and stop at the threshold, if they are by strength."""

    @property
    def price(self) -> str:
        """``"touch"`` or ``"mid"``."""

    @property
    def fee_bps(self) -> float:
        """Taker's fee of one side, bps."""

    @property
    def execution(self) -> str:
        """``"taker"`` or ``"post_only"``."""

    @property
    def wait_seconds(self) -> float:
        """Time that a post-only order rests, seconds."""

    @property
    def maker_fee_bps(self) -> float:
        """Maker's fee of one side, bps."""

    @property
    def latency_ms(self) -> float:
        """Milliseconds from a decision until its order arrives."""

    @property
    def slippage_bps(self) -> float | None:
        """Slippage limit of an entry, bps; None for no limit."""

    @property
    def size(self) -> float | None:
        """Size of an order, base units; None if the touch fills it."""

    @property
    def gates(self) -> Gates:
        """Where an entry may begin."""

    def values_of(self, signal: Signal) -> Mapping[str, Any]:
        """Return the values of a signal's parameters."""

    def replace(self, **changes: Any) -> Chosen:  # noqa: ANN401
        """Return a copy with some values changed."""


class HasChosen(Protocol):
    """Settings that may change: `obi_widgets.Settings`."""

    @property
    def parameters(self) -> Chosen:
        """Their values at this moment."""


def values_now(settings: HasChosen | Chosen) -> Chosen:
    """Return the current values of settings.

    Raises
    ------
    SettingsError
        If the argument is not settings.
    """
    values = getattr(settings, "parameters", settings)
    if not hasattr(values, "values_of"):
        raise SettingsError(
            f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
        )
    return cast("Chosen", values)


def refuse_gauge(signal: Signal) -> None:
    """Refuse entries of a signal without direction.

    Raises
    ------
    SettingsError
        A gauge, or a transform of one.
    """
    if not signal.directional:
        raise SettingsError(
            f"{signal.title} has no direction: a high value does not mean a rise.",
            "Show it beside a signal that has one, as by lab.add_signal, and make the entries of "
            "that.",
        )
