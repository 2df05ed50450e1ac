"""Two ways to get into a position and out of it: take what stands there, or wait to be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from obi_widgets.checks import choice, number
from obi_widgets.errors import SettingsError
from obi_widgets.history.rows_numpy import LARGEST, SMALLEST

Queue = Literal["front", "back"]


LATEST = 10.0
"""Seconds of latency: no order is later, and who means milliseconds gives more."""


@dataclass(frozen=True)
class Taker:
    """Cross the spread: filled whole or cancelled on the way in, always taken on the way out.

    Parameters
    ----------
    latency : float
        Seconds of event time from a decision until its order arrives; 0 to 10. It meets the first
        state at or after its arrival.
    slippage_bps : float, optional
        How much worse than the touch at decision an entry may pay, bps, on any level that it
        needs; 0 to 10,000. Beyond it the whole order is cancelled, and never chased. No limit when
        left out. An exit has no limit.
    fee_bps : float
        Of one side of a trade, bps of its value; −100 to 1,000.
    size : float, optional
        Base units to walk through the levels. An entry of more than they hold is cancelled; what
        an exit has beyond them is counted at the last of them. When left out, an order is too small
        to matter: all of it is filled at the touch.

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
        """What ends a position: the same."""
        return self


@dataclass(frozen=True)
class Maker:
    """Post at one's own side's touch and wait: filled, expired, or refused because it would cross.

    Book states show no trades, and no queue. So a fill is bounded from both sides, for an order
    too small to matter:

    - ``"back"``: last in the queue, and nobody before it ever cancels. It is filled once the
      other side's best stands at its price or better, which nobody could have posted before
      everything that stood there was gone. A fill that it tells of would have happened, at this
      state or before.
    - ``"front"``: first in the queue. It is filled as soon as less stands at its price (or where
      the own side is best, if that is worse) than in the state before, or the own side's best is
      left for a worse one: it counts what was cancelled as if it had been traded.

    The truth lies between, for what is last in the queue when it arrives moves up with every
    cancellation and every trade before it, and is seldom first. With few states a second even the
    front may miss a trade whose level was filled up again before the next state.

    Fills at the back are the ones that the price went through: their results are the worst of
    all. So the bounds of the mean result are no bounds of chance, but of the queue.

    Parameters
    ----------
    queue : {"back", "front"}
        Which bound.
    timeout : float
        Seconds in the book until an order that is not filled is cancelled; 0.001 to 86,400.
    latency : float
        Seconds of event time from a decision until its order meets the book; 0 to 10.
    fee_bps : float
        Of one side of a trade, bps of its value; negative is a rebate. −100 to 1,000.
    exit : Taker or Maker, optional
        What ends a position. A maker that is refused or expires leaves it to its own exit, and so
        on to a taker. When left out, a taker with this latency and its default fee.

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
        """What ends a position, or an attempt at it."""
        return Taker(self.latency) if self.exit is None else self.exit


Execution: TypeAlias = Taker | Maker
