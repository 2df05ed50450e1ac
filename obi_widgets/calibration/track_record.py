"""The judged trades of a sealed test, with bounds of their mean gain.

A taker has one record. Post-only orders have two, for the last and the first place in the queue.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.confidence_sequence import AsymptoticSequence, ClippedSequence
from obi_widgets.calibration.seal import Judged
from obi_widgets.errors import counted
from obi_widgets.trading.entries import scan
from obi_widgets.trading.hourly_cap import NO_CAP, entered, newest
from obi_widgets.trading.trade_list import utc_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from obi_widgets.calibration.seal import Seal
    from obi_widgets.history.columns import History
    from obi_widgets.trading.decisions import Decisions
    from obi_widgets.trading.post_only import Queue
    from obi_widgets.trading.trade_list import Held

UNDECIDED, ABOVE, BELOW = "not yet decided", "above zero", "below zero"
"""The verdicts."""

PLACES = {"back": "last in the queue", "front": "first in the queue"}
"""The bounds of post-only fills, in words."""


class TrackRecord:
    """The trades since a seal for one bound of post-only fills, or of a taker.

    Parameters
    ----------
    seal : Seal
        What was sealed.
    queue : {"back", "front"}
        The bound; see `obi_widgets.trading.post_only`. It changes nothing for a taker.

    Attributes
    ----------
    trades : list of Judged
        The judged trades.
    lost, missed : int
        Number of entries that a gap ended, and of orders that were not filled.
    decided, decided_after : str, int
        The first verdict, and the number of trades that it took; empty and 0 before.
    mean, clipped : AsymptoticSequence, ClippedSequence
        Bounds of the mean net gain, bps.
    held : Held or None
        The position or order that is open.
    recent : ndarray of int64
        Times of the newest entries, nanoseconds UTC; see `obi_widgets.trading.hourly_cap`.
    """

    def __init__(self, seal: Seal, queue: Queue = "back") -> None:
        self.seal, self.queue = seal, queue
        self.trades: list[Judged] = []
        self.lost = self.missed = 0
        self.decided, self.decided_after = "", 0
        self.mean = AsymptoticSequence(seal.error, seal.burn_in, seal.tuned_at)
        self.clipped = ClippedSequence(seal.clip_bps, seal.error)
        self.held: Held | None = None
        self.recent = newest(seal.settings, NO_CAP)

    def extend(self, history: History, decided: Decisions, first: int) -> int:
        """Judge the trades that end from row ``first`` on; return how many results are new.

        Parameters
        ----------
        history : History
            T states. They include the state that decided an order that is still in flight.
        decided : Decisions
            What entries and exits are decided by.
        first : int
            First row that is new.
        """
        before = len(self.trades) + self.lost + self.missed
        made = scan(history, decided, self.seal.settings, first, self.held, self.queue, self.recent)
        self.held, self.recent = made.held, made.recent
        self.missed += int(np.count_nonzero(made.missed))
        for entry, leave, side, net, lost in zip(
            made.entry_time.tolist(), made.exit_time.tolist(), made.side.tolist(),
            (made.weight * made.net_bps).tolist(), made.lost.tolist(), strict=True,
        ):  # fmt: skip
            if lost:
                self.lost += 1
            elif leave:
                self.add(Judged(entry, leave, side, net))
        return len(self.trades) + self.lost + self.missed - before

    def first_needed(self, history: History, first: int) -> int:
        """Return the first row that is needed to continue from row ``first``.

        An order in flight is followed again from the state that decided it.
        """
        if self.held is None or self.held.decided is None:
            return first
        return min(first, self.held.decided.row_in(history))

    def drop_unknown_order(self, history: History) -> None:
        """End the order whose deciding state is not in a history; its result is unknown."""
        key = self.held.decided if self.held is not None else None
        if key is not None and key.row_in(history) < 0:
            self.drop_held()

    def drop_held(self) -> None:
        """End the open position or order; its result is unknown."""
        if self.held is not None:
            self.lost += 1
            if not self.held.time:  # its order may have been filled since
                entered(self.recent, self.held.decision_time)
        self.held = None

    def add(self, trade: Judged) -> None:
        """Add a trade."""
        self.trades.append(trade)
        self.mean.add(trade.net_bps)
        self.clipped.add(trade.net_bps)
        if not self.decided and (verdict := self.verdict) != UNDECIDED:
            self.decided, self.decided_after = verdict, len(self.trades)

    @property
    def verdict(self) -> str:
        """``"above zero"``, ``"below zero"`` or ``"not yet decided"``; by both bounds, now."""
        # A rejected mean is not possible itself, so a bound of 0 is enough for the clipped one.
        if self.mean.low > 0 and self.clipped.low >= 0:
            return ABOVE
        if self.mean.high < 0 and self.clipped.high <= 0:
            return BELOW
        return UNDECIDED

    @property
    def evidence(self) -> tuple[int, float, float]:
        """How much speaks for a gain, as a key for sorting: the smaller, the worse."""
        rank, low = (BELOW, UNDECIDED, ABOVE).index(self.verdict), self.mean.low
        if not rank:
            low = 0.0  # of two sure losses, the larger one is worse
        return rank, -math.inf if math.isnan(low) else low, self.mean.mean

    @property
    def reason(self) -> str:
        """The figures that the verdict rests on, in words."""
        n, mean, clipped = len(self.trades), self.mean, self.clipped
        if not n:
            return "No trade has been closed since the seal."
        count = counted(n, "trade")
        sentences = [f"{count} since the seal made {mean.mean:+z.2f} bps net on average."]
        if n < self.seal.burn_in:
            sentences.append(f"There is no decision before {self.seal.burn_in} trades.")
        else:
            confidence = f"{100 * (1 - self.seal.error):g} % confidence, however often you look"
            sentences.append(
                f"The mean is at least {mean.low:+z.2f} and at most {mean.high:+z.2f} bps "
                f"(each with {confidence}, if trades are many)."
            )
        sentences.append(
            f"With each gain and loss cut at ±{clipped.clip:g} bps, the mean is at least "
            f"{clipped.low:+z.2f} and at most {clipped.high:+z.2f} bps (exact for any number)."
        )
        if self.decided and self.decided != self.verdict:
            sentences.append(f"After {self.decided_after:,} trades it was {self.decided}.")
        return " ".join(sentences)

    def in_words(self) -> str:
        """Return place in the queue, number of trades, and mean, as a part of a sentence."""
        place, count = PLACES[self.queue], len(self.trades)
        if not count:
            return f"{place}: no trade"
        trades = counted(count, "trade")
        return f"{place}: {trades}, {self.mean.mean:+z.2f} bps net on average"

    def to_frame(self) -> pd.DataFrame:
        """Return the judged trades, one row each; see `SealedTest.to_frame`."""
        import pandas as pd

        columns: Any = zip(*self.trades, strict=True) if self.trades else ((), (), (), ())
        entry, leave, side, net = (list(column) for column in columns)
        return pd.DataFrame(
            {
                "side": np.array(side, np.int64),
                "entry_time": utc_of(np.array(entry, np.int64)),
                "exit_time": utc_of(np.array(leave, np.int64)),
                "net_bps": np.array(net, float),
            }
        )


def worst(records: Iterable[TrackRecord]) -> TrackRecord:
    """Return the record with the least evidence of a gain; the first one of equals.

    A record that is below zero is worse than one that is not decided, and that is worse than one
    above zero. Otherwise the smaller lower bound is worse, or the smaller mean if there are no
    bounds yet, or if both are below zero.
    """
    return min(records, key=lambda record: record.evidence)
