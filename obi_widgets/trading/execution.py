"""Two ways to execute orders: take the other side's levels, or rest in the book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from obi_widgets.checks import choice, number
from obi_widgets.errors import SettingsError
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST

Queue = Literal["front", "back"]


LATEST = 10.0
"""Largest latency, seconds; a larger number is probably meant as milliseconds."""


@dataclass(frozen=True)
class Taker:
    """Cross the spread: an entry is filled whole or cancelled, an exit is always filled.

    Parameters
    ----------
    latency : float
        Seconds of event time from a decision until its order arrives; 0 to 10. It is executed on
        the first state at or after its arrival.
    slippage_bps : float, optional
        How much worse than the touch at the decision the price of any level that an entry needs may
        be, bps; 0 to 10,000. Beyond it the whole order is cancelled, not chased. If left out, there
        is no limit. Exits have no limit.
    fee_bps : float
        Fee of one side of a trade, bps of its value; −100 to 1,000.
    size : float, optional
        Base units. An order takes as many levels as it needs. An entry larger than the kept levels
        is cancelled; an exit's part beyond them is priced at the last level. If left out, the touch
        fills an order.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Taker(latency=0.05, slippage_bps=1)
    Taker(latency=0.05, slippage_bps=1, fee_bps=5.0, size=None)
    """

    latency: float = 0.0
    slippage_bps: float | None = None
    fee_bps: float = 5.0
    size: float | None = None

    def __post_init__(self) -> None:
        number("latency", self.latency, 0, LATEST, "seconds")
        number("fee_bps", self.fee_bps, -100, 1_000, "bps")
        if self.slippage_bps is not None:
            number("slippage_bps", self.slippage_bps, 0, 10_000, "bps, or None for no limit")
        if self.size is not None:
            number("size", self.size, SMALLEST, LARGEST, "base units, or None for the touch")

    @property
    def closing(self) -> Taker:
        """The execution of an exit: the same."""
        return self


@dataclass(frozen=True)
class Maker:
    """Rest at the best price of one's own side, matched on book states alone, without trades.

    Use it only for a history without trades, such as arrays of books. If ``history.trades`` has
    trades, set ``execution="post_only"`` in the settings instead: its fills come from the trades,
    so that a cancellation fills nothing, and entries, sweep, verdict and strategy file use it.
    This class is used by `obi_widgets.fills` and `obi_widgets.queue_bounds` only.

    An order is filled, expires, or is refused because it would cross. Book states show neither
    trades nor the queue. So a fill is assumed from changes of the book, by one of two bounds, for
    an infinitely small order:

    - ``"back"``: last in the queue, and nobody ahead ever cancels. It is filled once the other
      side's best is at its price or better, which is only possible once everything at that price
      is gone. A fill by this bound would have happened, at this state or earlier.
    - ``"front"``: first in the queue. It is filled as soon as the size at its price (or at the
      own side's best, if that is worse) is smaller than in the previous state, or the own side's
      best price becomes worse: cancellations count as trades.

    The truth lies between: an order that arrives last moves up with every cancellation and trade
    ahead of it, and is seldom first. With few states a second, even the front may miss a trade
    whose level was refilled before the next state.

    The back is filled where the price went through, which gives the worst results. The bounds of
    the mean result are bounds of the queue, not of chance.

    Parameters
    ----------
    queue : {"back", "front"}
        The bound.
    timeout : float
        Seconds that an order rests before it is cancelled; 0.001 to 86,400.
    latency : float
        Seconds of event time from a decision until its order arrives; 0 to 10.
    fee_bps : float
        Fee of one side of a trade, bps of its value; −100 to 1,000. Negative is a rebate.
    exit : Taker or Maker, optional
        Execution of exits. If a maker is refused or expires, its own ``exit`` follows, down to a
        taker. If left out, a taker with this latency and the default fee.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Maker(queue="front", timeout=10).fee_bps
    2.0
    """

    queue: Queue = "back"
    timeout: float = 5.0
    latency: float = 0.0
    fee_bps: float = 2.0
    exit: Taker | Maker | None = None

    def __post_init__(self) -> None:
        choice("queue", self.queue, ("back", "front"))
        number("timeout", self.timeout, 0.001, 86_400, "seconds")
        number("latency", self.latency, 0, LATEST, "seconds")
        number("fee_bps", self.fee_bps, -100, 1_000, "bps")
        if not isinstance(self.exit, Taker | Maker | None):
            raise SettingsError(
                f"A {type(self.exit).__name__} is not an exit.", "Give a Taker, a Maker, or None."
            )

    @property
    def closing(self) -> Taker | Maker:
        """The execution of an exit, or of the next attempt."""
        return Taker(self.latency) if self.exit is None else self.exit


Execution: TypeAlias = Taker | Maker
